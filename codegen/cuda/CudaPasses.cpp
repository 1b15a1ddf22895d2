//===- CudaPasses.cpp - llama-emit-cuda and llama-lower-cuda --------------------------===//

#include "codegen/Passes.h"
#include "codegen/common/CodeModule.h"
#include "codegen/common/Diagnose.h"
#include "codegen/cuda/CudaEmitter.h"
#include "codegen/cuda/CudaKernel.h"
#include "codegen/cuda/toolchain/Lowering.h"
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

using namespace cuda;

#define GEN_PASS_DEF_LLAMAEMITCUDA
#define GEN_PASS_DEF_LLAMALOWERCUDA
#include "codegen/Passes.h.inc"

namespace {

struct EmitCudaPass : impl::LlamaEmitCudaBase<EmitCudaPass> {
  using LlamaEmitCudaBase::LlamaEmitCudaBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LlamaEmitCudaBase::getDependentDialects(registry);
    registerEmitters(registry);
  }

  void runOnOperation() override {
    FailureOr<CudaTarget> parsed = cudaTargetOf(getOperation(), target);
    if (failed(parsed) || failed(emitCudaKernels(getOperation(), *parsed, kernel)))
      return signalPassFailure();
    EmittedCode emitted = emittedCode(getOperation());
    numKernels += emitted.kernels;
    numFunctions += emitted.functions;
    numServices += sizeOf(codeOf(getOperation())).functions - emitted.functions;
    describeKernels(getOperation(), getArgument().data());
    describeFunctions(codeOf(getOperation()), getArgument().data());
  }
};

struct LowerCudaPass : impl::LlamaLowerCudaBase<LowerCudaPass> {
  using LlamaLowerCudaBase::LlamaLowerCudaBase;

  void runOnOperation() override {
    FailureOr<ModuleOp> code = requireCode(getOperation(), "cuda");
    if (failed(code))
      return signalPassFailure();
    OpPassManager passes(ModuleOp::getOperationName());
    addCudaLowering(passes);
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
