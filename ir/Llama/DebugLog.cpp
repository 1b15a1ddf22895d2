//===- DebugLog.cpp - What passes say of their decisions ------------------===//

#include "ir/Llama/DebugLog.h"
#include "ir/Llama/Place.h"

#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"

#include <mutex>
#include <utility>

namespace quipu {
namespace {

/// Where lines go. An LLVM with assertions may switch them on without switchDebugLog.
struct Sink {
  std::mutex mutex;
  std::function<void(llvm::StringRef)> print = [](llvm::StringRef line) { llvm::errs() << line; };
};

Sink &sink() {
  static Sink only;
  return only;
}

} // namespace

llvm::Error switchDebugLog(llvm::ArrayRef<std::string> passes, std::function<void(llvm::StringRef)> print) {
  for (const std::string &pass : passes)
    if (!llvm::StringRef(pass).starts_with("llama-") || !mlir::PassInfo::lookup(pass))
      return llvm::createStringError("'" + pass +
                                     "' is no pass of Quipu; docs/reference/passes.md and codegen-passes.md list them");
  auto types = llvm::map_to_vector(passes, [](const std::string &pass) { return pass.c_str(); });
  switchDebugTypes(types.data(), static_cast<unsigned>(types.size()));
  sink().print = std::move(print);
  return llvm::Error::success();
}

DebugLine::~DebugLine() {
  text << "\n";
  std::lock_guard lock(sink().mutex);
  sink().print(line);
}

namespace llama {
std::string describeOp(mlir::Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << op->getName();
  if (llvm::StringRef place = getPlace(op->getLoc()); !place.empty())
    stream << " of " << place;
  else
    stream << " at " << op->getLoc();
  return text;
}
} // namespace llama

} // namespace quipu
