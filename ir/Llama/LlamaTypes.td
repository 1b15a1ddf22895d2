//===- LlamaTypes.td - Types of the llama dialect ----------*- tablegen -*-===//

#ifndef QUIPU_IR_LLAMA_LLAMATYPES_TD
#define QUIPU_IR_LLAMA_LLAMATYPES_TD

include "ir/Llama/LlamaDialect.td"

class Llama_Type<string name, string mnemonic_> : TypeDef<Llama_Dialect, name> {
  let mnemonic = mnemonic_;
}

def Llama_KVCacheType : Llama_Type<"KVCache", "kv_cache"> {
  let summary = "keys and values of all layers, in pages";
  let description = [{
    The cache of a model. It has the keys and the values of every cached position, for each of `layers` layers. A key or
    value has `kvHeads` heads of `headDim` elements. The cache is stored in pages of `page` positions. The runtime
    decides which pages belong to which sequence.

    ```mlir
    !llama.kv_cache<32 x 8 x 128 x bf16, page = 32>
    ```
  }];
  let parameters = (ins "int64_t":$layers, "int64_t":$kvHeads, "int64_t":$headDim, "::mlir::Type":$elementType,
                        "int64_t":$page);
  let assemblyFormat = "`<` $layers `x` $kvHeads `x` $headDim `x` $elementType `,` `page` `=` $page `>`";
  let genVerifyDecl = 1;
}

def Llama_KVLayerType : Llama_Type<"KVLayer", "kv_layer"> {
  let summary = "keys and values of one layer";
  let description = [{
    One layer of a `!llama.kv_cache`, as `llama.kv_layer` yields it. Kernels take this type, so that layers of the same
    shape share their kernels.

    ```mlir
    !llama.kv_layer<8 x 128 x bf16, page = 32>
    ```
  }];
  let parameters = (ins "int64_t":$kvHeads, "int64_t":$headDim, "::mlir::Type":$elementType, "int64_t":$page);
  let assemblyFormat = "`<` $kvHeads `x` $headDim `x` $elementType `,` `page` `=` $page `>`";
  let genVerifyDecl = 1;
}

def Llama_BlockType : Llama_Type<"Block", "block"> {
  let summary = "weight block";
  let description = [{
    The element type of a quantised weight. Its values lie in blocks: neighbouring values of a row are small integers
    with one common scale. The format names a row of the table in `runtime/abi/WeightFormat.cpp`, which says how many
    elements a block has, and where its integers and its scale lie. The shape of the tensor counts elements; a row must
    be whole blocks. An element has the value `(integer - offset) * scale` in f32.

    ```mlir
    tensor<4096x4096x!llama.block<q8_0>>
    ```
  }];
  let parameters = (ins "::quipu::WeightFormatPointer":$format);
  let assemblyFormat = "`<` custom<BlockFormat>($format) `>`";
  let genVerifyDecl = 1;
}

def Llama_SampleRuleType : Llama_Type<"SampleRule", "sample_rule"> {
  let summary = "how the next token of a row is drawn";
  let description = [{
    The element type of a tensor that has a rule for each row: temperature, top-k, top-p, min-p and repeat penalty.
    runtime/abi/SampleRule.h says how they lie in memory.

    ```mlir
    tensor<?x!llama.sample_rule>
    ```
  }];
}

#endif // QUIPU_IR_LLAMA_LLAMATYPES_TD
