//===- Passes.td - Schedule selection ----------------------*- tablegen -*-===//

#ifndef QUIPU_CODEGEN_SCHEDULE_PASSES_TD
#define QUIPU_CODEGEN_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def LlamaSelectSchedules : Pass<"llama-select-schedules", "::mlir::ModuleOp"> {
  let summary = "Chooses how each kernel is generated";
  let description = [{
    Writes a `schedule` on every `llama.kernel`, and gives activations and fused weights the layouts which these
    schedules want:

    - In a program whose rows are aligned (prefill), activations of tokens lie in `#llama.token_lanes`: the rows in the
      lanes of a vector. Activations of selected output rows, and everything in other programs (decode), stay row-major.
    - A linear kernel over token lanes that normalises its input first keeps the normalised rows in a `workspace`.
    - A weight fused of several tensors stays in its pieces, `#llama.row_parts`, since the weight files are mapped and
      used in place.

    `target` is the processor, as for `quipu compile --target`.
  }];
  let options = [Option<"target", "target", "std::string", "\"cpu:host\"",
                        "Processor: cpu:host, cpu:x86-64-v3, cpu:x86-64-v4, ... (LLVM features with +name, -name)">];
  let dependentDialects = ["::quipu::llama::LlamaDialect"];
}

#endif // QUIPU_CODEGEN_SCHEDULE_PASSES_TD
