//===- TuningFile.cpp - Schedules that were measured on a machine ----------===//

#include "tools/quipu-compile/TuningFile.h"

#include "codegen/schedule/KernelTunings.h"
#include "ir/Llama/Llama.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cuda/CudaProperties.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"
#include "tools/quipu-compile/Options.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <iterator>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::tool {

/// The form of the file.
static constexpr int kTuningVersion = 1;

/// The types of a kernel before schedules give them layouts.
static std::string shapeOf(KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream(text) << kernel.getFunctionType();
  return text;
}

TuningFile::Json TuningFile::subject(ModuleOp module, const Backend &backend) {
  codegen::PlanTarget target = backend.planTarget();
  Json kernels = Json::array();
  for (auto kernel : module.getOps<KernelOp>())
    kernels.push_back({{"name", kernel.getSymName().str()}, {"shape", shapeOf(kernel)}});
  return {{"tuning", kTuningVersion},
          {"compiler", compilerName()},
          {"target", {{"device", target.device}, {"requested", target.requested}, {"features", target.features}}},
          {"assembler", backend.assembler()},
          {"kernels", std::move(kernels)}};
}

TuningFile::TuningFile(const std::string &path, const Backend &backend, const std::string &targetText) : path(path) {
  noteInput(path);
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    fail("--tuning ", path, ": cannot read: ", buffer.getError().message());
  try {
    read(Json::parse((*buffer)->getBuffer().str()), backend);
  } catch (const nlohmann::json::exception &error) {
    fail("--tuning ", path, ": is no tuning file, or damaged: ", error.what(), "; quipu tune writes them");
  }
  codegen::LlamaSelectSchedulesOptions options;
  std::vector<std::string> texts = tuned();
  options.tuned.assign(texts.begin(), texts.end());
  auto parsed = codegen::parseTarget(targetText);
  if (llvm::Error error = parsed.takeError())
    fail("--target ", targetText, ": ", llvm::toString(std::move(error)));
  if (llvm::Error error = codegen::KernelTunings::parse(options, *parsed).takeError())
    fail("--tuning ", path, ": ", llvm::toString(std::move(error)));
}

/// The features of `some` that `others` lack: "avx512f, avx512bw". Empty: none.
static std::string missing(const std::vector<std::string> &some, const std::vector<std::string> &others) {
  std::string text;
  for (const std::string &feature : some)
    if (!llvm::is_contained(others, feature))
      text += (text.empty() ? "" : ", ") + feature;
  return text;
}

void TuningFile::checkCpu(const Json &machine, const codegen::PlanTarget &target) const {
  std::string measured = machine.at("cpu"), own = cpuModelName();
  if (measured == own)
    return;
  if (target.requested == "host")
    fail("--tuning ", path, ": was measured on another machine (", measured, "), and this is ", own,
         "; run quipu tune here, or name the target that the plan is for");
  printNote(concat("--tuning ", path, ": was measured on ", measured, ", and this is ", own,
                   ": its numbers are for a plan that runs there"));
}

/// The GPUs of this machine. Empty: it has none, or no driver.
static std::vector<CudaProperties> gpusHere() {
  try {
    return cudaDevices();
  } catch (const Error &) {
    return {};
  }
}

void TuningFile::checkGpu(const Json &machine, bool isDriverCompiling) const {
  std::string measured = machine.at("gpu"), capability = machine.at("capability"), driver = machine.at("driver"), own;
  for (const CudaProperties &gpu : gpusHere()) {
    own += concat(own.empty() ? "" : ", ", gpu.name, " (capability ", gpu.capabilityText(), ")");
    if (gpu.name != measured || gpu.capabilityText() != capability)
      continue;
    if (isDriverCompiling && driver != cudaDriverText())
      fail("--tuning ", path, ": was measured with code that ", driver, " compiled, and here is ", cudaDriverText(),
           "; run quipu tune again");
    return;
  }
  if (!own.empty())
    fail("--tuning ", path, ": was measured on another GPU (", measured, ", capability ", capability, "), and here is ",
         own, "; run quipu tune here");
  printNote(concat("--tuning ", path, ": was measured on ", measured, ", and here is no GPU to compare with"));
}

void TuningFile::read(const Json &json, const Backend &backend) {
  codegen::PlanTarget target = backend.planTarget();
  if (json.at("tuning") != kTuningVersion)
    fail("--tuning ", path, ": has form ", json.at("tuning").dump(), "; this compiler reads form ", kTuningVersion,
         "; run quipu tune again");
  if (json.at("compiler") != compilerName())
    fail("--tuning ", path, ": was measured with ", json.at("compiler").get<std::string>(), ", and this is ",
         compilerName(), ", whose code may be another; run quipu tune again");
  const Json &measured = json.at("target");
  auto features = measured.at("features").get<std::vector<std::string>>();
  if (measured.at("device") != target.device)
    fail("--tuning ", path, ": was measured on a target ", measured.at("device").get<std::string>(), ", and this is ",
         target.device, "; run quipu tune for it");
  std::string more = missing(features, target.features), less = missing(target.features, features);
  if (!more.empty() || !less.empty())
    fail("--tuning ", path, ": was measured on another machine, or for another target",
         more.empty() ? "" : "; it had, and --target " + target.device + ":" + target.requested + " has not: " + more,
         less.empty() ? "" : "; it did not have: " + less, "; run quipu tune on the machine that shall run the plan");
  std::string assembler = json.value("assembler", ""), ownAssembler = backend.assembler();
  auto called = [](const std::string &name) { return name.empty() ? std::string("the driver alone") : name; };
  if (assembler != ownAssembler)
    fail("--tuning ", path, ": was measured with code that ", called(assembler), " assembled, and here it is ",
         called(ownAssembler), "; run quipu tune again");
  // One that nobody measured, as for a test, has no machine.
  if (auto machine = json.find("machine"); machine != json.end())
    target.device == "cuda" ? checkGpu(*machine, ownAssembler.empty()) : checkCpu(*machine, target);
  for (const Json &kernel : json.at("kernels")) {
    std::string name = kernel.at("name"), text = name;
    for (const auto &[number, value] : kernel.at("numbers").items())
      text += concat(":", number, "=", value.get<int64_t>());
    kernels.push_back({name, kernel.at("shape"), text});
  }
}

void TuningFile::check(ModuleOp module) const {
  for (const Kernel &kernel : kernels) {
    auto found = dyn_cast_or_null<KernelOp>(SymbolTable::lookupSymbolIn(module, kernel.name));
    if (!found) {
      std::string known;
      for (auto each : module.getOps<KernelOp>())
        known += (known.empty() ? "" : ", ") + each.getSymName().str();
      fail("--tuning ", path, ": kernel ", kernel.name, " is not in this model; its kernels: ", known);
    }
    if (std::string shape = shapeOf(found); shape != kernel.shape)
      fail("--tuning ", path, ": kernel ", kernel.name, " was measured as ", kernel.shape, ", and here it is ", shape,
           "; run quipu tune for this model and these options");
  }
}

std::vector<std::string> TuningFile::tuned() const {
  std::vector<std::string> texts;
  std::ranges::transform(kernels, std::back_inserter(texts), &Kernel::tuned);
  return texts;
}

} // namespace quipu::tool
