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
    InterfaceMethod<"The bodies of `kernel`, in the order in which they run. What they need besides is emitted at the "
                    "insertion point of `b`. `generated` has the kernel's name and rows.",
                    "::llvm::FailureOr<::quipu::codegen::cuda::CudaBodies>", "emitBodies",
                    (ins "::quipu::codegen::cuda::CudaBuilder &":$b, "::quipu::llama::KernelOp":$kernel,
                         "const ::quipu::codegen::KernelUse &":$use,
                         "const ::quipu::codegen::GeneratedKernel &":$generated)>];
}

#endif // QUIPU_CODEGEN_CUDA_CUDAEMITTER_TD
