//===- Passes.td - The reference lowering ------------------*- tablegen -*-===//

#ifndef QUIPU_IR_REFERENCE_PASSES_TD
#define QUIPU_IR_REFERENCE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLlamaToLinalgPass : Pass<"llama-to-linalg", "::mlir::ModuleOp"> {
  let summary = "the meaning of every op in terms of upstream dialects";
  let description = [{
    Lowers every op of the dialect to `linalg`, `tensor`, `scf`, `memref`, `arith` and `math`, as its description says and
    for no machine in particular: the oracle for passes and kernels. A module lowers after any pass.

    - `llama.launch` becomes the body of its kernel. Layouts that do not change what a tensor means are dropped; so are
      schedules, memory plans and generated code.
    - A weight in `#llama.paired_rows` holds its rows in that order. The product with it has a feature for each row, and
      the ops behind it tell which feature that is, as they tell the epilogue of a generated kernel. So a layout other
      than these ops want changes the numbers.
    - A function that refers to weights takes all weights of the module as further arguments, in the order of the module.
    - `!llama.kv_cache` becomes a `memref` of layers x 2 (keys, values) x sequences x positions x heads x head size, with as
      many sequences and positions as the caller likes; `!llama.kv_layer` a slice of it. Pages have no meaning here.
    - Numbers are computed in f32 and rounded to nearest even where the types of the results say.
    - Programs can be called through the C interface of MLIR's execution engine.

    An op without a pattern here is refused by its name.
  }];
  let options = [ListOption<"disabledPatterns", "disable-patterns", "std::string",
                            "Ops, by name, whose patterns are left out, to find the one that is at fault">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // QUIPU_IR_REFERENCE_PASSES_TD
