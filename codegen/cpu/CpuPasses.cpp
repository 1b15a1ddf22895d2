//===- CpuPasses.cpp - llama-emit-cpu and llama-lower-cpu --------------------------===//

#include "codegen/Passes.h"
#include "codegen/common/CodeModule.h"
#include "codegen/common/Diagnose.h"
#include "codegen/cpu/CpuEmitter.h"
#include "codegen/cpu/CpuKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;

namespace quipu::codegen {

using namespace cpu;

#define GEN_PASS_DEF_LLAMAEMITCPU
#define GEN_PASS_DEF_LLAMALOWERCPU
#include "codegen/Passes.h.inc"

namespace {

struct EmitCpuPass : impl::LlamaEmitCpuBase<EmitCpuPass> {
  using LlamaEmitCpuBase::LlamaEmitCpuBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LlamaEmitCpuBase::getDependentDialects(registry);
    registerEmitters(registry);
  }

  void runOnOperation() override {
    FailureOr<CpuTarget> parsed = cpuTargetOf(getOperation(), target);
    if (failed(parsed) || failed(emitCpuKernels(getOperation(), *parsed, kernel)))
      return signalPassFailure();
    EmittedCode emitted = emittedCode(getOperation());
    numKernels += emitted.kernels;
    numFunctions += emitted.functions;
    describeKernels(getOperation(), getArgument().data());
    describeFunctions(codeOf(getOperation()), getArgument().data());
  }
};

struct LowerCpuPass : impl::LlamaLowerCpuBase<LowerCpuPass> {
  using LlamaLowerCpuBase::LlamaLowerCpuBase;

  void runOnOperation() override {
    FailureOr<ModuleOp> code = requireCode(getOperation(), "cpu");
    if (failed(code))
      return signalPassFailure();
    FailureOr<CpuTarget> parsed = cpuTargetOf(getOperation(), target);
    if (failed(parsed))
      return signalPassFailure();
    OpPassManager passes(ModuleOp::getOperationName());
    addCpuLowering(passes, *parsed);
    if (failed(runPipeline(passes, *code)))
      return signalPassFailure();
    CodeSize size = sizeOf(*code);
    numFunctions += size.functions;
    numOperations += size.operations;
    describeFunctions(*code, getArgument().data());
  }
};

} // namespace
} // namespace quipu::codegen
