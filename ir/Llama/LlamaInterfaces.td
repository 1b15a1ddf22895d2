//===- LlamaInterfaces.td - Interfaces of attributes -------*- tablegen -*-===//

#ifndef QUIPU_IR_LLAMA_LLAMAINTERFACES_TD
#define QUIPU_IR_LLAMA_LLAMAINTERFACES_TD

include "mlir/IR/OpBase.td"

def Llama_ScheduleAttrInterface : AttrInterface<"ScheduleAttrInterface"> {
  let cppNamespace = "::quipu::llama";
  let description = [{
    How a kernel is generated. An emitter attaches a second interface (CpuEmitter, CudaEmitter) to the schedules that it
    follows. So a schedule can be added without changing the others.
  }];
  let methods = [
    InterfaceMethod<"The device whose code it describes: \"cpu\" or \"cuda\".", "::llvm::StringRef", "getDevice">,
    InterfaceMethod<"Fails with a diagnostic where `kernel`, a llama.kernel, is none of the family that the schedule is "
                    "for.", "::llvm::LogicalResult", "verifyKernel", (ins "::mlir::Operation *":$kernel)>];
}

def Llama_TargetAttrInterface : AttrInterface<"TargetAttrInterface"> {
  let cppNamespace = "::quipu::llama";
  let description = "The machine that a module is compiled for.";
  let methods = [
    InterfaceMethod<"The device: \"cpu\" or \"cuda\".", "::llvm::StringRef", "getDevice">,
    InterfaceMethod<"The target in the words of `quipu compile --target`.", "std::string", "getTargetText">];
}

#endif // QUIPU_IR_LLAMA_LLAMAINTERFACES_TD
