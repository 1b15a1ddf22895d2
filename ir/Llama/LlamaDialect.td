//===- LlamaDialect.td - The llama dialect -----------------*- tablegen -*-===//

#ifndef QUIPU_IR_LLAMA_LLAMADIALECT_TD
#define QUIPU_IR_LLAMA_LLAMADIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Llama_Dialect : Dialect {
  let name = "llama";
  let cppNamespace = "::quipu::llama";
  let summary = "Dataflow graphs of LLaMA-family language models";
  let description = [{
    The dialect describes a decoder-only transformer of the LLaMA family at the level at which its papers do: norms,
    projections, rotary embeddings, attention over a key/value cache, gated MLPs.

    **Rows.** Every activation is a rank-2 tensor `T x features`. The rows of a step are the new tokens of all
    sequences one below the other (`T` in total); `%positions[t]` is the place of row `t` in its sequence and
    `%sequences[t]` the sequence. Prefill, chunked prefill, decode and any mixture of them are the same program: row
    `t` sees the keys at positions 0 ... positions[t] of its sequence.

    **Weights** are module symbols that refer to tensors of the weight files by name; their bytes are never in the IR.

    **The key/value cache** is a value of type `!llama.kv_cache`; `llama.kv_append` writes and `llama.attention` reads
    it, and both declare these memory effects, so that their order is kept without threading the cache through the
    graph.

    **Numbers.** Types say what is stored; every reduction accumulates in f32. The residual stream is f32.

    **Layouts** are encodings of tensor types. An op whose operands disagree in layout does not verify.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// In the files that hold the definitions of the attributes' and types' storage.
    void registerAttributes();
    void registerTypes();
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::arith::ArithDialect"];
}

#endif // QUIPU_IR_LLAMA_LLAMADIALECT_TD
