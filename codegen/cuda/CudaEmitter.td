//===- CudaEmitter.td - Schedules for which there is CUDA code -----*- tablegen -*-===//

#ifndef QUIPU_CODEGEN_CUDA_CUDAEMITTER_TD
#define QUIPU_CODEGEN_CUDA_CUDAEMITTER_TD

include "mlir/IR/OpBase.td"

def CudaEmitter : AttrInterface<"CudaEmitter"> {
  let cppNamespace = "::quipu::codegen::cuda";
  let description = [{
    A schedule attribute of the llama dialect that the code generator for CUDA follows. The models are in CudaKernel.cpp.
  }];
  let methods = [
    InterfaceMethod<"Emits the functions of `kernel` at the insertion point of `b` and describes them in `generated`.",
                    "::llvm::LogicalResult", "emitKernel",
                    (ins "::quipu::codegen::cuda::CudaBuilder &":$b, "::quipu::llama::KernelOp":$kernel,
                         "const ::quipu::codegen::KernelUse &":$use, "::quipu::codegen::GeneratedKernel &":$generated)>];
}

#endif // QUIPU_CODEGEN_CUDA_CUDAEMITTER_TD
