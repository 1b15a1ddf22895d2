//===- CudaBackend.cpp - Kernels to PTX and cubins -------------------------===//
//
// A plan holds the code of the GPU that was asked for, as PTX and, where this machine has an assembler, as a cubin, and
// PTX for sm_80 that the driver of any other GPU can compile. The code of every program is a module of its own; they
// are compiled at the same time.
//
//===----------------------------------------------------------------------===//

#include "tools/quipu-compile/CudaBackend.h"

#include "codegen/Passes.h"
#include "codegen/common/CodeModule.h"
#include "codegen/common/DebugLines.h"
#include "codegen/cuda/toolchain/Assembler.h"
#include "codegen/cuda/toolchain/Lowering.h"
#include "codegen/cuda/toolchain/MachineCode.h"
#include "tools/quipu-compile/KernelCache.h"
#include "tools/quipu-compile/KernelProgress.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Threading.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

namespace quipu::tool {

static constexpr const char *kHowToAssemble =
    "install CUDA's ptxas or libnvJitLink, or name a ptxas in the variable QUIPU_PTXAS";

CudaBackend::CudaBackend(const CompileOptions &options, Timing &timing)
    : options(options), timing(timing), target(takeFromUser(codegen::cuda::parseCudaTarget(options.target))) {
  if (options.emit == Emit::Asm)
    throw UsageError("--emit asm goes with a CPU target; for --target " + options.target + " there are ptx and cubin");
}

std::vector<std::string> CudaBackend::targets() const {
  std::vector<std::string> targets = {options.target};
  // PTX of the others is the fallback's.
  if (target.ptxArch() != codegen::cuda::CudaTarget::fallback().arch)
    targets.push_back("cuda:" + codegen::cuda::CudaTarget::fallback().arch);
  return targets;
}

static codegen::cuda::CudaTarget targetOf(const Variant &variant) {
  return takeFromUser(codegen::cuda::parseCudaTarget(variant.target));
}

std::unique_ptr<mlir::Pass> CudaBackend::createEmission(const std::string &target) {
  return codegen::createLlamaEmitCuda({target, options.kernel});
}

void CudaBackend::lower(const Variant &variant) {
  mlir::LogicalResult lowered = timing.measure("lower to LLVM", [&] {
    return runPass(*variant.module, codegen::createLlamaLowerCuda(), statistics,
                   reportedTarget(options, variant.target));
  });
  if (failed(lowered))
    fail(options.subject(), ": the kernels could not be lowered to LLVM");
  if (options.keepIr &&
      failed(codegen::addDebugLines(codegen::codeOf(*variant.module), codegen::DebugForm::Directives)))
    fail(options.subject(), ": the kernels could not be given debug information");
  codegen::cuda::prepareCudaTranslation(*variant.module.get().getContext());
}

std::string CudaBackend::emit(const Variant &variant) {
  lower(variant);
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> joined =
      codegen::cuda::joinCudaParts(codegen::codeOf(*variant.module));
  if (failed(joined))
    fail(options.subject(), ": the parts of the code could not be joined");
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = timing.measure(
      "optimise LLVM IR", [&] { return take(codegen::cuda::translateCudaToLLVM(**joined, target, context)); });
  std::string text;
  auto generatePtx = [&] {
    return timing.measure("generate PTX", [&] { return take(codegen::cuda::emitPtx(*module, target)); });
  };
  switch (options.emit) {
  case Emit::Llvm:
    llvm::raw_string_ostream(text) << *module;
    return text;
  case Emit::Ptx:
    return generatePtx();
  case Emit::Cubin:
    return emitCubin(generatePtx());
  case Emit::Asm:
  case Emit::Plan:
  case Emit::Executable:
  case Emit::Mlir:
    break;
  }
  llvm_unreachable("no code of a GPU is asked for in this form");
}

std::string CudaBackend::assembler() const { return take(codegen::cuda::assemblerName(target)); }

std::string CudaBackend::emitCubin(const std::string &ptx) {
  codegen::cuda::Assembly assembly =
      timing.measure("assemble", [&] { return take(codegen::cuda::assemblePtx(ptx, target)); });
  if (!assembly.cubin)
    fail("--emit cubin: ", assembly.obstacle, "; ", kHowToAssemble, ", or use --emit ptx");
  const codegen::cuda::Cubin &cubin = *assembly.cubin;
  if (options.verbose)
    printNote(cubin.assembler + ":\n" + cubin.log);
  return std::string(cubin.bytes.begin(), cubin.bytes.end());
}

namespace {
/// One module of code and what becomes of it.
struct Job {
  mlir::ModuleOp part;
  codegen::cuda::CudaTarget target;
  bool assemble;
  /// Empty until it is generated.
  std::string ptx;

  std::string error;
  codegen::cuda::Assembly assembly;
  Timing timing;
};
} // namespace

static uint64_t functionsOf(mlir::ModuleOp part) {
  return uint64_t(llvm::count_if(part.getOps<mlir::LLVM::LLVMFuncOp>(),
                                 [](mlir::LLVM::LLVMFuncOp function) { return !function.isExternal(); }));
}

/// `progress` counts kernels that are done.
static void compileJob(Job &job, Progress &progress) {
  try {
    if (job.ptx.empty()) {
      llvm::LLVMContext context;
      std::unique_ptr<llvm::Module> module = job.timing.measure(
          "optimise LLVM IR", [&] { return take(codegen::cuda::translateCudaToLLVM(job.part, job.target, context)); });
      job.ptx = job.timing.measure("generate PTX", [&] { return take(codegen::cuda::emitPtx(*module, job.target)); });
    }
    if (job.assemble)
      job.assembly =
          job.timing.measure("assemble", [&] { return take(codegen::cuda::assemblePtx(job.ptx, job.target)); });
    progress.add(functionsOf(job.part));
  } catch (const std::exception &error) {
    job.error = error.what();
  }
}

std::vector<codegen::PlanVariant> CudaBackend::compile(std::vector<Variant> &variants) {
  std::vector<codegen::PlanVariant> compiled;
  std::vector<Job> jobs;
  std::vector<size_t> variantOf;
  KernelCache cache(options);
  // Of each variant the name of its PTX in the cache; empty where it was found there.
  std::vector<std::string> keys;
  for (auto [index, variant] : llvm::enumerate(variants)) {
    codegen::cuda::CudaTarget own = targetOf(variant);
    mlir::ModuleOp code = codegen::codeOf(*variant.module);
    std::string key = cache.keyOf(code, {"ptx", own.arch, std::to_string(own.ptxVersion())});
    std::optional<std::vector<std::string>> kept = cache.find(key);
    keys.push_back(kept ? "" : key);
    if (!kept)
      lower(variant);
    compiled.push_back({own.ptxArch(), *variant.module, {}});
    for (auto [number, part] : llvm::enumerate(code.getOps<mlir::ModuleOp>())) {
      jobs.push_back({part, own, /*assemble=*/index == 0, kept ? kept->at(number) : "", {}, {}, {}});
      variantOf.push_back(index);
    }
  }
  uint64_t functions = 0;
  for (Job &job : jobs)
    functions += functionsOf(job.part);
  Progress progress("compile", functions, Progress::Unit::Items, "kernel");
  mlir::MLIRContext *context = variants.front().module->getContext();
  timing.measure("compile the kernels",
                 [&] { mlir::parallelFor(context, 0, jobs.size(), [&](size_t i) { compileJob(jobs[i], progress); }); });

  std::string obstacle;
  std::vector<std::vector<std::string>> ptxOf(variants.size());
  for (auto [job, index] : llvm::zip(jobs, variantOf)) {
    timing.addThread(job.timing);
    if (!job.error.empty())
      fail(options.subject(), ": ", job.part.getName()->str(), ": ", job.error);
    ptxOf[index].push_back(job.ptx);
    std::vector<codegen::PlanCode> &code = compiled[index].code;
    code.push_back(
        {plan::CodeFormat::ptx, job.target.ptxArch(), {job.ptx.begin(), job.ptx.end()}, job.target.ptxVersion()});
    if (!job.assemble)
      continue;
    std::optional<codegen::cuda::Cubin> &cubin = job.assembly.cubin;
    if (!cubin) {
      obstacle = job.assembly.obstacle;
      continue;
    }
    code.push_back({plan::CodeFormat::cubin, job.target.arch, std::move(cubin->bytes)});
    for (const std::string &spill : codegen::cuda::spillsOf(*cubin))
      if (options.verbose)
        printNote("warning: " + spill);
  }
  for (auto [key, ptx] : llvm::zip(keys, ptxOf))
    if (!key.empty())
      cache.keep(key, ptx);
  if (!obstacle.empty())
    printNote("the plan holds PTX alone, which the driver compiles each time the plan is loaded: " + obstacle + "; " +
              kHowToAssemble);
  return compiled;
}

} // namespace quipu::tool
