//===- Backend.h - What depends on the device that is compiled for -*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_BACKEND_H
#define QUIPU_TOOLS_QUIPU_COMPILE_BACKEND_H

#include "codegen/plan/PlanWriter.h"
#include "frontends/common/GraphBuilder.h"
#include "ir/Llama/PassStatistics.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu-compile/Timing.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

/// The programs for one kind of device, during compilation.
struct Variant {
  /// The target, as for --target: "cpu:host", "cuda:sm_80".
  std::string target;
  /// The programs and their kernels, and the code emitted for these.
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Code generation for the CPU or for CUDA. Every function throws Error (or UsageError) when it cannot go on.
class Backend {
public:
  virtual ~Backend() = default;

  /// The back end for `options.target`.
  static std::unique_ptr<Backend> create(const CompileOptions &options, Timing &timing);

  /// The target that was asked for, then the other targets for which its plan has code.
  virtual std::vector<std::string> targets() const = 0;

  /// Whether kernels read matrices in blocks of this format.
  virtual bool readsBlocks(const WeightFormat &format) const = 0;
  /// What `--dtype auto` computes in, if there are blocks that kernels do not read.
  virtual frontend::DType dtypeForBlocks() const = 0;
  /// Tells the import both.
  void describeBlocks(frontend::GraphOptions &graph) const {
    graph.dtypeForBlocks = dtypeForBlocks();
    graph.readsBlocks = [this](const WeightFormat &format) { return readsBlocks(format); };
  }

  /// Compiles for the target that a scheduled module has: its "host" is the machine where it was scheduled.
  virtual void takeTarget(mlir::ModuleOp module) = 0;

  /// The pass that emits code for the kernels of a target's module, or only for options.kernel.
  virtual std::unique_ptr<mlir::Pass> createEmission(const std::string &target) = 0;

  /// The code in the form of options.emit (which is not plan, executable or mlir): all code, or only the code of
  /// options.kernel.
  virtual std::string emit(const Variant &variant) = 0;

  virtual codegen::PlanTarget planTarget() const = 0;
  /// What makes machine code of PTX: "ptxas 13.0.88". Empty where the driver does it, and of a CPU.
  virtual std::string assembler() const { return {}; }
  /// Compiles the code of all variants, in the order of targets(). The pass of createEmission() must have run on them.
  virtual std::vector<codegen::PlanVariant> compile(std::vector<Variant> &variants) = 0;

  /// Where what its passes count goes; null: nowhere. The report outlives the backend's work.
  PassStatisticsReport *statistics = nullptr;
};

/// What passes of `target` are called in reports: passes of the target that was asked for have no addition.
inline std::string reportedTarget(const CompileOptions &options, const std::string &target) {
  return target == options.target ? std::string() : target;
}

/// Runs a pass on a module. If it fails, diagnostics say why. What it counts goes to `report`, if that is not null.
inline mlir::LogicalResult runPass(mlir::ModuleOp module, std::unique_ptr<mlir::Pass> pass,
                                   PassStatisticsReport *report = nullptr, const std::string &target = {}) {
  mlir::PassManager passes(module.getContext());
  if (report)
    passes.addInstrumentation(std::make_unique<PassStatisticsWatch>(*report, target));
  passes.addPass(std::move(pass));
  return passes.run(module);
}

/// The value, or an Error with the message of LLVM.
template <typename T> T take(llvm::Expected<T> value) {
  if (!value)
    throw Error(llvm::toString(value.takeError()));
  return std::move(*value);
}

/// The value of what a user wrote, or a UsageError.
template <typename T> T takeFromUser(llvm::Expected<T> value) {
  if (!value)
    throw UsageError(llvm::toString(value.takeError()));
  return std::move(*value);
}

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_BACKEND_H
