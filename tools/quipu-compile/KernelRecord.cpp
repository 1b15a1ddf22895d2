//===- KernelRecord.cpp - Where the kernels of a plan come from ------------===//

#include "tools/quipu-compile/KernelRecord.h"

#include "ir/Llama/Provenance.h"

#include "mlir/IR/OperationSupport.h"
#include "mlir/Transforms/LocationSnapshot.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <tuple>

using namespace mlir;
using namespace quipu::llama;
using Json = nlohmann::ordered_json;

namespace quipu::tool {

std::string takeSource(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  flags.enableDebugInfo(true, /*prettyForm=*/false);
  generateLocationsFromIR(stream, kSourceFile, kSourceTag, module, flags);
  stream << "\n";
  return text;
}

namespace {
/// Names, each once, in the order in which they come.
class Names {
public:
  void add(StringRef name) {
    if (!name.empty() && !llvm::is_contained(names, name))
      names.push_back(name.str());
  }
  Json json() const { return names; }
  std::string first() const { return names.empty() ? "" : names.front(); }

private:
  std::vector<std::string> names;
};

/// What some ops come from.
struct Origins {
  void add(Location loc) {
    for (FieldAttr field : configFieldsOf(loc))
      fields.add(field.getName());
    for (StringRef tensor : tensorsOf(loc))
      weights.add(withoutLayer(tensor));
  }

  Names places, fields, weights;
};
} // namespace

/// The line of the config where a field stands, so that a plan can show it where the file is not. Empty if the file has
/// changed since it was read, or is not there.
static std::string lineOf(FieldAttr field, StringRef key) {
  auto file = llvm::MemoryBuffer::getFile(field.getFile(), /*IsText=*/true);
  if (!file || !field.getLine())
    return "";
  StringRef rest = (*file)->getBuffer(), line;
  for (unsigned number = 0; number < field.getLine(); ++number)
    std::tie(line, rest) = rest.split('\n');
  // The last word of "rope_parameters.rope_theta".
  return line.contains(key.substr(key.rfind('.') + 1)) ? line.trim().str() : "";
}

Json fieldRecord(ModuleOp module) {
  llvm::MapVector<StringRef, FieldAttr> fields;
  module.walk([&](Operation *op) {
    for (FieldAttr field : configFieldsOf(op->getLoc()))
      fields.try_emplace(field.getName(), field);
  });
  auto list = Json::array();
  for (auto &[name, field] : fields) {
    StringRef key = field.getKey().empty() ? name : field.getKey();
    list.push_back({{"name", name.str()},
                    {"key", key.str()},
                    {"file", field.getFile().str()},
                    {"line", field.getLine()},
                    {"text", lineOf(field, key)},
                    {"reason", field.getReason().str()}});
  }
  return list;
}

/// The ops of a kernel, and their origins.
static Json opsOf(KernelOp kernel) {
  auto list = Json::array();
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    Origins origins;
    origins.add(op.getLoc());
    list.push_back({{"op", op.getName().getStringRef().str()},
                    {"place", placeOf(&op).str()},
                    {"line", sourceLineOf(op.getLoc())},
                    {"configs", origins.fields.json()},
                    {"weights", origins.weights.json()}});
  }
  return list;
}

/// First and last line. The line behind the terminator ends the kernel.
static Json linesOf(KernelOp kernel) {
  unsigned first = sourceLineOf(kernel.getLoc());
  if (!first)
    return nullptr;
  return {first, sourceLineOf(kernel.getBody().front().getTerminator()->getLoc()) + 1};
}

Json kernelRecord(ModuleOp module, const std::string &prefix) {
  llvm::MapVector<StringRef, Origins> kernels;
  for (auto kernel : module.getOps<KernelOp>())
    kernel->walk([&, &origins = kernels[kernel.getSymName()]](Operation *op) { origins.add(op->getLoc()); });
  module.walk([&](LaunchOp launch) {
    Origins &origins = kernels[launch.getKernel()];
    origins.places.add(withoutLayer(placeOf(launch)));
    origins.add(launch.getLoc());
  });
  auto list = Json::array();
  for (auto kernel : module.getOps<KernelOp>()) {
    const Origins &origins = kernels[kernel.getSymName()];
    list.push_back({{"name", prefix + kernel.getSymName().str()},
                    {"place", origins.places.first()},
                    {"places", origins.places.json()},
                    {"configs", origins.fields.json()},
                    {"weights", origins.weights.json()},
                    {"lines", linesOf(kernel)},
                    {"ops", opsOf(kernel)}});
  }
  return list;
}

Json stepRecord(ModuleOp module) {
  llvm::MapVector<StringAttr, Origins> steps;
  module.walk([&](Operation *op) {
    if (!isa<LaunchOp, SampleOp>(op) || op->getParentOfType<KernelOp>())
      return;
    auto place = StringAttr::get(op->getContext(), withoutLayer(placeOf(op)));
    steps[place].add(op->getLoc());
  });
  auto list = Json::array();
  for (auto &[place, origins] : steps)
    list.push_back({{"place", place.str()}, {"configs", origins.fields.json()}, {"weights", origins.weights.json()}});
  return list;
}

} // namespace quipu::tool
