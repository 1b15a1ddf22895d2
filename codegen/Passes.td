//===- Passes.td - Passes of code generation ----------------*- tablegen -*-===//

#ifndef QUIPU_CODEGEN_PASSES_TD
#define QUIPU_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

// Where it is empty, the module's attribute `llama.target` says it.
class TargetOption<string known> : Option<"target", "target", "std::string", "\"\"", known>;

def LlamaSelectSchedules : Pass<"llama-select-schedules", "::mlir::ModuleOp"> {
  let summary = "Chooses how each kernel is generated";
  let description = [{
    Writes a `schedule` on every `llama.kernel`, and gives activations and fused weights the layouts that these
    schedules need:

    - In a program whose rows are aligned (prefill), activations of tokens have the layout `#llama.token_lanes`: rows
      lie in the lanes of a vector. Activations of output rows stay row-major, and so do all activations of other
      programs (decode).
    - A linear kernel over token lanes that begins with a norm keeps the normalised rows in a `workspace`.
    - A weight that is fused of several tensors stays in parts, `#llama.row_parts`, because it is used directly in the
      mapped files.

    If all kernels that multiply one weight add its products in one order, and all attention kernels work alike, the
    module gets the attribute `llama.deterministic`: a row has the same bits whatever other rows a step has, and however
    its sequence was divided. On a CPU with weights in blocks whose rows lie interleaved this is so anyway. With
    `deterministic` kernels for a CPU over few rows add all products in the order of the inputs (`sums = in_order`), as
    those over many rows do, and tiles of the hardware multiply integers alone. On a GPU kernels for few rows are those
    for many, with one tile of rows, and attention walks tiles of equally many keys in every program. A module that still
    is not deterministic is refused.

    For a CUDA target activations stay row-major, and fused weights are one matrix in `#llama.paired_rows`. The schedule
    depends on the greatest number of rows of the program. One row: weights come through a ring of buffers, if the GPU
    has bulk copies. Up to 8 rows: weights come through registers. Up to 64 rows: each block multiplies one tile of all
    rows by its share of the weight. More rows: tiles have 128 rows or more.

    `target` is the processor or GPU, as for `quipu compile --target`. It becomes the module's attribute `llama.target`
    (a `#llama.cpu_target` or `#llama.cuda_target`), which later passes read. Without the option the module keeps its
    attribute; a module without the attribute is compiled for `cpu:host`. The other options are for tuning.
  }];
  let options = [Option<"run", "run", "int64_t", "0", "Rows of a run of a linear tile over many rows (0: chosen)">,
                 Option<"vectors", "vectors", "int64_t", "0", "Vectors of input rows of such a tile (0: chosen)">,
                 Option<"rowTiles", "row-tiles", "int64_t", "0",
                        "Tiles of input rows of one pass over the weight (0: chosen)">,
                 Option<"fewRun", "few-run", "int64_t", "0", "Rows of a run of a linear tile over few rows (0: chosen)">,
                 Option<"streams", "streams", "int64_t", "0",
                        "Rows of a run over few rows that are read side by side (0: chosen)">,
                 Option<"prefetch", "prefetch", "int64_t", "-1",
                        "Distance in bytes of prefetch in the weights of few rows (-1: chosen)">,
                 Option<"interleave", "interleave", "int64_t", "0",
                        "Rows of weights in blocks that lie interleaved (0: chosen, 1: none)">,
                 Option<"deterministic", "deterministic", "bool", "false",
                        "A row has the same bits in all programs; fails where that cannot be">,
                 Option<"rows", "rows", "int64_t", "0", "CUDA: rows of operand B of a tile for many rows (0: chosen)">,
                 Option<"warps", "warps", "int64_t", "0", "CUDA: warps of a block for few rows (0: chosen)">,
                 Option<"ahead", "ahead", "int64_t", "0",
                        "CUDA: weight loads of a thread in flight for few rows (0: chosen)">,
                 Option<"ring", "ring", "bool", "true", "CUDA: weights of a single row come through a ring (GPUs with bulk copies)">,
                 Option<"ringDepth", "ring-depth", "int64_t", "0",
                        "CUDA: elements of K of a buffer for one row (0: chosen)">,
                 Option<"ringStages", "ring-stages", "int64_t", "0", "CUDA: most buffers for one row (0: chosen)">,
                 Option<"ringAfterWait", "ring-after-wait", "int64_t", "0",
                        "CUDA: buffers of a ring that fill when the kernel in front has finished (0: chosen)">,
                 Option<"ringInFlightBeforeWait", "ring-in-flight-before-wait", "int64_t", "0",
                        "CUDA: most buffers on their way while the ring for one row fills (0: chosen)">,
                 Option<"ringInFlight", "ring-in-flight", "int64_t", "0",
                        "CUDA: most buffers on their way for one row (0: chosen)">,
                 Option<"stages", "stages", "int64_t", "0", "CUDA: stages of a linear kernel for many rows (0: chosen)">,
                 Option<"cluster", "cluster", "int64_t", "0",
                        "CUDA: blocks of a persistent linear kernel that share reads of operand B, 1 or 2 (0: chosen)">,
                 Option<"weightFirst", "weight-first", "bool", "true",
                        "CUDA: the weight is operand A of linear kernels for long prompts (GPUs with wgmma)">,
                 Option<"splits", "splits", "int64_t", "0", "CUDA: most parts of the keys of a decoded row (0: chosen)">,
                 Option<"keys", "keys", "int64_t", "0", "CUDA: fewest keys of such a part (0: chosen)">,
                 ListOption<"tuned", "tuned", "std::string",
                            "Numbers of single kernels, as decode.qkv:few-run=4:prefetch=0, with commas between kernels">,
                 Option<"positions", "positions", "int64_t", "0", "Most positions of a sequence (0: not known)">,
                 TargetOption<"cpu:host, cpu:x86-64-v3, cpu:x86-64-v4, ... (LLVM features with +name, -name), "
                              "cuda:sm_90a, cuda:sm_80, cuda:sm_86, cuda:sm_89">];
  let statistics = [Statistic<"numLinearRing", "linear-ring", "Number of linear kernels with a ring of weights">,
                    Statistic<"numLinearFew", "linear-few", "Number of other linear kernels for few rows">,
                    Statistic<"numLinearMany", "linear-many", "Number of linear kernels for many rows">,
                    Statistic<"numAttentionFew", "attention-few", "Number of attention kernels for few rows">,
                    Statistic<"numAttentionMany", "attention-many", "Number of attention kernels for many rows">,
                    Statistic<"numPointwise", "pointwise", "Number of pointwise kernels">];
  let dependentDialects = ["::quipu::llama::LlamaDialect"];
}

def EmittedKernels : Statistic<"numKernels", "kernels", "Number of kernels that code was emitted for">;
def EmittedFunctions : Statistic<"numFunctions", "functions", "Number of functions emitted for them">;
def LoweredFunctions : Statistic<"numFunctions", "functions", "Number of functions lowered">;
def LoweredOperations : Statistic<"numOperations", "operations", "Number of LLVM operations that they became">;

class CodegenPass<string name> : Pass<name, "::mlir::ModuleOp"> {
  // What all emitters write and what their code is lowered to.
  let dependentDialects = ["::quipu::llama::LlamaDialect", "::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect", "::mlir::ub::UBDialect",
                           "::mlir::vector::VectorDialect", "::mlir::x86vector::X86VectorDialect"];
}

def CpuTargetOption : TargetOption<"cpu:host, cpu:x86-64-v3, cpu:x86-64-v4, ... (LLVM features with +name, -name)">;
def CudaTargetOption : TargetOption<"cuda (sm_90a), cuda:sm_80, cuda:sm_86, cuda:sm_89">;
def KernelOption : Option<"kernel", "kernel", "std::string", "\"\"", "Emit this kernel alone">;

def LlamaEmitCpu : CodegenPass<"llama-emit-cpu"> {
  let summary = "Emits CPU code for scheduled kernels";
  let description = [{
    Every `llama.kernel` that a program launches becomes functions of vector code (dialects arith, llvm, math, scf,
    vector, x86vector) in the module `@kernels` beside it. The kernel gets a `#llama.code`, which says how they are
    launched. Its body does not change: the code is compared with it. A kernel whose types or target do not fit its
    schedule is refused.
  }];
  let options = [CpuTargetOption, KernelOption];
  let statistics = [EmittedKernels, EmittedFunctions];
}

def LlamaLowerCpu : CodegenPass<"llama-lower-cpu"> {
  let summary = "Lowers emitted CPU code to the LLVM dialect";
  let description = [{
    Works on the module `@kernels` of `llama-emit-cpu`. Vector exponentials become polynomials. If the target has no
    instructions for bf16, conversions become arithmetic on words of 16 bits. So the code calls no function of a support
    library.
  }];
  let options = [CpuTargetOption];
  let statistics = [LoweredFunctions, LoweredOperations];
}

def LlamaEmitCuda : CodegenPass<"llama-emit-cuda"> {
  let summary = "Emits CUDA code for scheduled kernels";
  let description = [{
    Every `llama.kernel` that a program launches becomes global functions (dialects arith, llvm, math, nvvm, scf) in the
    module `@kernels` beside it. The kernel gets a `#llama.code`, which says how they are launched. `@kernels` has a
    module for each program and one for service kernels (sampling, advancing a step), so that they can be compiled at
    the same time. With the option `kernel` only this kernel is emitted, without service kernels.
  }];
  let options = [CudaTargetOption, KernelOption];
  let statistics = [EmittedKernels, EmittedFunctions,
                    Statistic<"numServices", "services", "Number of functions emitted for the runtime">];
}

def LlamaLowerCuda : CodegenPass<"llama-lower-cuda"> {
  let summary = "Lowers emitted CUDA code to the LLVM dialect";
  let description = [{
    Works on the modules in `@kernels` of `llama-emit-cuda`, all at the same time.
  }];
  let statistics = [LoweredFunctions, LoweredOperations];
}

#endif // QUIPU_CODEGEN_PASSES_TD
