//===- LlamaTargets.td - What a module is compiled for -----*- tablegen -*-===//

#ifndef QUIPU_IR_LLAMA_LLAMATARGETS_TD
#define QUIPU_IR_LLAMA_LLAMATARGETS_TD

include "ir/Llama/LlamaAttrs.td"

def Llama_CudaFeature : Llama_Enum<"CudaFeature", "what code for a GPU may use", [
  // wgmma.mma_async: products of four warps with operands in shared memory.
  I32EnumAttrCase<"Wgmma", 0, "wgmma">,
  // cp.async.bulk and transactions of mbarriers.
  I32EnumAttrCase<"BulkCopies", 1, "bulk_copies">,
  // cp.async.bulk.tensor with tensor maps (TMA).
  I32EnumAttrCase<"TensorCopies", 2, "tensor_copies">,
  // griddepcontrol: a kernel begins before the one in front of it has finished.
  I32EnumAttrCase<"DependentLaunch", 3, "dependent_launch">,
  // Blocks that reach each other's shared memory.
  I32EnumAttrCase<"Clusters", 4, "clusters">]>;

def Llama_CpuTargetAttr : Llama_Attr<"CpuTarget", "cpu_target",
                                     [DeclareAttrInterfaceMethods<Llama_TargetAttrInterface>]> {
  let summary = "an x86-64 processor";
  let description = [{
    The attribute `llama.target` of a module whose kernels are scheduled for a CPU. `request` is the text of `--target`
    behind `cpu:`. `tune` is the processor for whose timings LLVM schedules instructions. `features` are the features
    that code may use, by LLVM's names.

    ```mlir
    #llama.cpu_target<request = "x86-64-v3", tune = "x86-64-v3", features = "avx", "avx2", "bmi", "f16c", "fma">
    ```
  }];
  let parameters = (ins StringRefParameter<>:$request, StringRefParameter<>:$tune,
                        ArrayRefParameter<"::mlir::StringAttr">:$features);
  let assemblyFormat = "`<` `request` `=` $request `,` `tune` `=` $tune `,` `features` `=` $features `>`";
}

def Llama_CudaTargetAttr : Llama_Attr<"CudaTarget", "cuda_target",
                                      [DeclareAttrInterfaceMethods<Llama_TargetAttrInterface>]> {
  let summary = "an NVIDIA GPU";
  let description = [{
    The attribute `llama.target` of a module whose kernels are scheduled for a GPU. Besides the features of sm_80 code
    may use `features`. `ptxArch` and `ptxVersion` (10 * major + minor) are the architecture and version that PTX is
    written for. `arch` is the architecture that it is assembled for. `multiprocessors` is the number of multiprocessors
    of the chip that schedules are chosen for. `sharedBytes` is the shared memory that a block may use.

    ```mlir
    #llama.cuda_target<arch = "sm_90a", ptxArch = "sm_90a", ptxVersion = 86, multiprocessors = 132,
                       sharedBytes = 232448, features = [wgmma, bulk_copies, tensor_copies, dependent_launch, clusters]>
    #llama.cuda_target<arch = "sm_86", ptxArch = "sm_80", ptxVersion = 80, multiprocessors = 108, sharedBytes = 101376>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$arch, StringRefParameter<>:$ptxArch, "int64_t":$ptxVersion,
                        "int64_t":$multiprocessors, "int64_t":$sharedBytes,
                        OptionalArrayRefParameter<"CudaFeature">:$features);
  let assemblyFormat = [{ `<` `arch` `=` $arch `,` `ptxArch` `=` $ptxArch `,` `ptxVersion` `=` $ptxVersion `,`
    `multiprocessors` `=` $multiprocessors `,` `sharedBytes` `=` $sharedBytes
    (`,` `features` `=` `[` $features^ `]`)? `>` }];
  let genVerifyDecl = 1;
}

#endif // QUIPU_IR_LLAMA_LLAMATARGETS_TD
