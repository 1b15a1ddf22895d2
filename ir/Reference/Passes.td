//===- Passes.td - The reference lowering ------------------*- tablegen -*-===//

#ifndef QUIPU_IR_REFERENCE_PASSES_TD
#define QUIPU_IR_REFERENCE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLlamaToLinalgPass : Pass<"llama-to-linalg", "::mlir::ModuleOp"> {
  let summary = "the meaning of every op in terms of upstream dialects";
  let description = [{
    Lowers every op of the dialect to `linalg`, `tensor`, `scf`, `memref`, `arith` and `math`, exactly as its
    description says. It is the oracle for passes and kernels, and is not optimised for any machine. A module can be
    lowered after any pass.

    - `llama.launch` becomes the body of its kernel. Schedules, memory plans and generated code are dropped. So are
      layouts that do not change the meaning of a tensor.
    - A weight in `#llama.paired_rows` has its rows in this order. The product with it has a feature for each row. The
      ops after the product say which feature that is; they say it to the epilogue of a generated kernel in the same
      way. So a wrong layout changes the numbers.
    - A function that refers to weights takes all weights of the module as further arguments, in the order of the module.
    - `!llama.kv_cache` becomes a `memref` of layers x 2 (keys, values) x sequences x positions x heads x head size. The
      caller chooses the number of sequences and positions. `!llama.kv_layer` becomes a slice of it. Pages have no
      meaning here.
    - Numbers are computed in f32, and rounded to nearest even to the types of the results.
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
