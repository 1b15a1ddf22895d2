//===- CpuEmitter.td - Schedules for which there is CPU code -----*- tablegen -*-===//

#ifndef QUIPU_CODEGEN_CPU_CPUEMITTER_TD
#define QUIPU_CODEGEN_CPU_CPUEMITTER_TD

include "mlir/IR/OpBase.td"

def CpuEmitter : AttrInterface<"CpuEmitter"> {
  let cppNamespace = "::quipu::codegen::cpu";
  let description = [{
    A schedule attribute of the llama dialect that the code generator for CPUs follows. The models are in CpuKernel.cpp.
  }];
  let methods = [
    InterfaceMethod<"Fails with a diagnostic where the kernel's types or the target do not go with the schedule. What is "
                    "wrong with a schedule by itself, its verifier has found.", "::llvm::LogicalResult", "checkKernel",
                    (ins "::quipu::llama::KernelOp":$kernel, "const ::quipu::codegen::cpu::CpuTarget &":$target)>,
    InterfaceMethod<"Emits the functions of `kernel` at the insertion point of `b` and describes them in `generated`.",
                    "::llvm::LogicalResult", "emitKernel",
                    (ins "::quipu::codegen::cpu::KernelBuilder &":$b, "::quipu::llama::KernelOp":$kernel,
                         "const ::quipu::codegen::KernelUse &":$use, "::quipu::codegen::GeneratedKernel &":$generated)>];
}

#endif // QUIPU_CODEGEN_CPU_CPUEMITTER_TD
