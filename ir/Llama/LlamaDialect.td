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
    The dialect describes a decoder-only transformer of the LLaMA family with the words of its papers: norms,
    projections, rotary embeddings, attention over a key/value cache, gated MLPs.

    **Rows.** Every activation is a rank-2 tensor `T x features`. The rows of a step are the new tokens of all
    sequences, one below the other, `T` in total. `%positions[t]` is the place of row `t` in its sequence, and
    `%sequences[t]` is the sequence. Row `t` sees the keys at positions 0 to positions[t] of its sequence. So prefill,
    chunked prefill, decode and any mixture of them have the same meaning.

    **Weights** are module symbols that refer to tensors of the weight files by name. Their bytes are never in the IR.

    **The key/value cache** is a value of type `!llama.kv_cache`. `llama.kv_append` writes it and `llama.attention`
    reads it. Both declare these memory effects, so passes keep their order.

    **Numbers.** Types say how numbers are stored. Every sum is accumulated in f32. The residual stream is f32.

    **Layouts** are encodings of tensor types. An op whose operands disagree in layout does not verify.

    **Programs.** A `func.func` with the attribute `llama.program` (a `#llama.program`) is a program. The runtime runs
    it for a step whose number of rows is within the attribute's bounds. A model is imported as one program of kind
    `forward`. `llama-specialize` makes programs of the kinds `decode` and `prefill` from it. The runtime knows what a
    program takes and gives by the attribute `llama.name` of its arguments and results. The names are listed in
    `runtime/abi/ProgramValues.h`; the cache has none. A program of an imported model has:

    | value | type | what it holds |
    | --- | --- | --- |
    | `tokens` | `tensor<?xi32>` | the token of each row |
    | `positions` | `tensor<?xi32>` | its place in its sequence; -1 in a padding row |
    | `sequences` | `tensor<?xi32>` | its sequence: a row of the cache's block table |
    | `output_rows` | `tensor<?xi32>` | the rows whose logits are wanted, `R` of them |
    | argument 4, the cache | `!llama.kv_cache` | keys and values of all sequences, read and written |
    | `sample_rules` | `tensor<?x!llama.sample_rule>` | how a token is drawn from each row of logits |
    | `recent_tokens` | `tensor<?x1024xi32>` | the tokens seen last, for the repeat penalty; -1: none |
    | `random_numbers` | `tensor<?xf64>` | a number from [0, 1) for each draw |
    | `targets` | `tensor<?xi32>` | the token of each wanted row whose probability is asked for; -1: none |
    | result `logits` | `tensor<?xVxf32>` | the logits of the wanted rows, `R x V` |
    | result `greedy_tokens` | `tensor<?xi32>` | the most likely token of each of these rows |
    | result `drawn_tokens` | `tensor<?xi32>` | a token that is drawn from each of them |
    | result `log_probs` | `tensor<?xf32>` | the logarithm of the probability of each target |

    `quipu-eval` takes programs by the order of this table, and needs the first five arguments and the logits. With
    `--targets` it takes programs with `targets` and `log_probs`, which it finds by name.

    The first three arguments have the same number of rows, `T`. `llama-plan-memory` writes an i64 attribute
    `llama.arena_bytes`: the bytes of memory that the results of the program's launches need.

    ```mlir
    llama.weight @embed_tokens : tensor<512x64xbf16> role embedding sources ["embed_tokens"]
    llama.weight @norm : tensor<64xbf16> role norm sources ["norm"]
    func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                       %rows: tensor<?xi32>, %cache: !llama.kv_cache<2 x 1 x 16 x bf16, page = 32>)
        -> tensor<?x512xf32> attributes {llama.program = #llama.program<forward, rows = 1 to 256>} {
      %table = llama.weight_ref @embed_tokens : tensor<512x64xbf16>
      %norm = llama.weight_ref @norm : tensor<64xbf16>
      %x = llama.embedding %tokens, %table : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
      // Here the layers follow.
      %logits = llama.lm_head %x, %rows, %norm, %table {eps = 1.0e-05 : f64, computeType = bf16}
         : (tensor<?x64xf32>, tensor<?xi32>, tensor<64xbf16>, tensor<512x64xbf16>) -> tensor<?x512xf32>
      return %logits : tensor<?x512xf32>
    }
    ```
  }];
  let hasOperationAttrVerify = 1;
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// In the files that hold the definitions of the attributes' and types' storage.
    void registerAttributes();
    void registerTypes();
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

#endif // QUIPU_IR_LLAMA_LLAMADIALECT_TD
