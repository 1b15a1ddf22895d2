//===- LlamaOps.td - Ops of the llama dialect --------------*- tablegen -*-===//

#ifndef QUIPU_IR_LLAMA_LLAMAOPS_TD
#define QUIPU_IR_LLAMA_LLAMAOPS_TD

include "ir/Llama/LlamaTargets.td"
include "ir/Llama/LlamaTypes.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Llama_Op<string mnemonic, list<Trait> traits = []> : Op<Llama_Dialect, mnemonic, traits>;

/// The result has one row for each output row. The operands may have other numbers of rows.
def Llama_SelectsRows : NativeOpTrait<"SelectsRows"> { let cppNamespace = "::quipu::llama"; }

/// The op finds its rows by their numbers, one row after the other. A kernel of the op alone takes any layout of rows.
def Llama_FindsRows : NativeOpTrait<"FindsRows"> { let cppNamespace = "::quipu::llama"; }

/// Rows x features.
def Llama_Activation2D : TensorRankOf<[F32, F16, BF16], [2]>;
/// A weight. Its rows are numbers or whole blocks (`!llama.block`).
def Llama_Matrix : TensorRankOf<[F32, F16, BF16, Llama_BlockType], [2]>;
def Llama_Vector : TensorRankOf<[F32, F16, BF16], [1]>;
/// One i32 for each row.
def Llama_RowIndices : TensorRankOf<[I32], [1]>;

def Llama_PositiveAttr : ConfinedAttr<I64Attr, [IntPositive]>;
def Llama_NonNegativeAttr : ConfinedAttr<I64Attr, [IntNonNegative]>;
/// Elements of a head, which are turned in pairs.
def Llama_PositiveEven : AttrConstraint<
    CPred<"::llvm::cast<::mlir::IntegerAttr>($_self).getInt() > 0 && "
          "::llvm::cast<::mlir::IntegerAttr>($_self).getInt() % 2 == 0">, "whose value is positive and even">;
def Llama_HeadDimAttr : ConfinedAttr<I64Attr, [Llama_PositiveEven]>;

/// Keys and values of all sequences.
def Llama_KVCacheResource : Resource<"::quipu::llama::KVCacheResource">;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Llama_WeightOp : Llama_Op<"weight", [Symbol]> {
  let summary = "a weight of the model, by name";
  let description = [{
    Declares a weight whose rows are the rows of its `sources`, one below the other. A source is a tensor of the weight
    files, or a slice of one (`#llama.source`). A name alone means the whole tensor. The element type is the type in
    memory at run time: a number or a `!llama.block`. `role` says how the runtime fills the weight when the model is
    compiled without weight files. `plus` is added in f32 to each element while the weight is loaded; a norm that
    multiplies by `1 + weight` has 1 there.

    ```mlir
    llama.weight @layers.0.self_attn.q_proj : tensor<576x576xbf16> role matrix sources ["layers.0.self_attn.q_proj"]
    llama.weight @layers.0.self_attn.qkv : tensor<960x576xbf16> role matrix
        sources ["layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj", "layers.0.self_attn.v_proj"]
        rows [576, 192, 192]
    llama.weight @layers.1.self_attn.v_proj : tensor<192x576xbf16> role matrix
        sources [#llama.source<"layers.1.self_attn.qkv_proj" rows <768 to 960 of 960>>]
    llama.weight @norm : tensor<576xf32> role norm sources ["norm"] {plus = 1.0 : f64}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyTypeOf<[Llama_Matrix, Llama_Vector]>>:$type,
                       EnumProp<Llama_WeightRole>:$role, TypedArrayAttrBase<Llama_SourceAttr, "sources">:$sources,
                       OptionalAttr<DenseI64ArrayAttr>:$rows, OptionalAttr<F64Attr>:$plus);
  let assemblyFormat = [{ $sym_name `:` $type `role` $role `sources` custom<Sources>($sources) (`rows` $rows^)?
    attr-dict }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::quipu::llama::SourceAttr getSource(unsigned index) {
      return ::llvm::cast<::quipu::llama::SourceAttr>(getSources()[index]);
    }
    /// Rows of the weight that each source gives.
    ::llvm::SmallVector<int64_t> getRowCounts();
    /// The shape of the tensor that a source is a slice of.
    ::llvm::SmallVector<int64_t> getTensorShape(unsigned index);
  }];
}

def Llama_WeightRefOp : Llama_Op<"weight_ref", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a weight";
  let description = [{
    ```mlir
    %w = llama.weight_ref @layers.0.self_attn.q_proj : tensor<576x576xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyTypeOf<[Llama_Matrix, Llama_Vector]>:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Semantic ops
//===----------------------------------------------------------------------===//

def Llama_EmbeddingOp : Llama_Op<"embedding", [Pure, Llama_FindsRows]> {
  let summary = "rows of the embedding table";
  let description = [{
    `result[t, :] = scale * table[tokens[t], :]`, in f32, rounded once. Without `scale` nothing is multiplied.

    ```mlir
    %x = llama.embedding %tokens, %table : (tensor<?xi32>, tensor<49152x576xbf16>) -> tensor<?x576xf32>
    %y = llama.embedding %tokens, %table {scale = 24.0 : f64} : (tensor<?xi32>, tensor<49152x576xbf16>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_RowIndices:$tokens, Llama_Matrix:$table, OptionalAttr<F64Attr>:$scale);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_RMSNormOp : Llama_Op<"rms_norm", [Pure]> {
  let summary = "root-mean-square normalisation of each row";
  let description = [{
    `result[t, k] = weight[k] * input[t, k] / sqrt(mean_k(input[t, k]^2) + eps)` (Zhang and Sennrich, 2019), computed
    in f32 and rounded once, to the type of the result.

    ```mlir
    %n = llama.rms_norm %x, %w {eps = 1.0e-05 : f64} : (tensor<?x576xf32>, tensor<576xbf16>) -> tensor<?x576xbf16>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_Vector:$weight, F64Attr:$eps);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_QuantizeOp : Llama_Op<"quantize", [Pure]> {
  let summary = "rounds each block of a row to small integers times a scale";
  let description = [{
    Of each `block` neighbours of a row, `m = max |input|` and `scale = m / 127`:

        result = round(input * (127 / m)) * scale

    in f32, rounded to the nearest integer, ties to even; 0 where `m` is 0. The integers are -127 to 127, so that products
    with a weight in blocks are sums of products of integers. A kernel holds integers and scales in place of the result.

    ```mlir
    %q = llama.quantize %x {block = 32 : i64} : (tensor<?x576xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_PositiveAttr:$block);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_LinearOp : Llama_Op<"linear", [Pure]> {
  let summary = "product with a weight matrix";
  let description = [{
    `result[t, n] = sum_k input[t, k] * weight[n, k] (+ bias[n])`: the weight is `N x K` as checkpoints store it.
    Products and sums in f32, rounded once.

    ```mlir
    %y = llama.linear %x, %w : (tensor<?x576xbf16>, tensor<1536x576xbf16>) -> tensor<?x1536xf32>
    %z = llama.linear %x, %v bias %b : (tensor<?x576xbf16>, tensor<576x576xbf16>, tensor<576xbf16>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_Matrix:$weight, Optional<Llama_Vector>:$bias);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_RotaryOp : Llama_Op<"rotary", [Pure]> {
  let summary = "rotary position embedding of every head of a row";
  let description = [{
    Turns each pair of elements of each head by the angle that `rope` gives for the row's position. A head has `headDim`
    elements. `llama-expand` splits it into `llama.rotary_table`, computed once for all layers, and `llama.rotate`.

    ```mlir
    %r = llama.rotary %q, %positions {headDim = 64 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>}
       : (tensor<?x576xbf16>, tensor<?xi32>) -> tensor<?x576xbf16>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_RowIndices:$positions, Llama_HeadDimAttr:$headDim, Llama_RopeAttr:$rope);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input `,` $positions attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_KVLayerOp : Llama_Op<"kv_layer", [Pure]> {
  let summary = "one layer of the key/value cache";
  let description = [{
    ```mlir
    %kv = llama.kv_layer %cache[3] : !llama.kv_cache<30 x 3 x 64 x bf16, page = 32>
                                   -> !llama.kv_layer<3 x 64 x bf16, page = 32>
    ```
  }];
  let arguments = (ins Llama_KVCacheType:$cache, Llama_NonNegativeAttr:$layer);
  let results = (outs Llama_KVLayerType:$result);
  let assemblyFormat = "$cache `[` $layer `]` attr-dict `:` qualified(type($cache)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Llama_KVAppendOp : Llama_Op<"kv_append", [Llama_FindsRows]> {
  let summary = "writes new keys and values into the cache";
  let description = [{
    Stores row `t` of `keys` and `values` (all heads) at position `positions[t]` of sequence `sequences[t]`, rounded to
    the cache's element type. Rows with a negative position are padding and are skipped.

    ```mlir
    llama.kv_append %kv, %k, %v, %positions, %sequences
       : !llama.kv_layer<3 x 64 x bf16, page = 32>, tensor<?x192xbf16>, tensor<?x192xbf16>, tensor<?xi32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Arg<Llama_KVLayerType, "", [MemWrite<Llama_KVCacheResource>]>:$kv,
                       Llama_Activation2D:$keys, Llama_Activation2D:$values,
                       Llama_RowIndices:$positions, Llama_RowIndices:$sequences);
  let assemblyFormat = [{ $kv `,` $keys `,` $values `,` $positions `,` $sequences attr-dict `:`
    qualified(type($kv)) `,` type($keys) `,` type($values) `,` type($positions) `,` type($sequences) }];
  let hasVerifier = 1;
}

def Llama_AttentionOp : Llama_Op<"attention"> {
  let summary = "attention of each row over the cached keys and values of its sequence";
  let description = [{
    For row `t` of sequence `s` and query head `h`, with key/value head `g = h / (numHeads / numKvHeads)`:
    `p[j] = softmax_j(scale * <query[t, h], K[s, j, g]>)` over the positions `j` that the row sees, and
    `result[t, h] = sum_j p[j] * V[s, j, g]`. A causal row sees `j <= positions[t]`, with a `window` only
    `j > positions[t] - window`. (Vaswani et al., 2017; grouped queries: Ainslie et al., 2023.) Scores and sums in f32.
    A row with a negative position is padding; its result is unspecified.

    The op keeps `numKvHeads`, and nothing repeats keys or values. A kernel loads each of them once for its query group.

    The form with two results also gives `lse[t, h] = log(sum_j exp(scale * <query, K[j]>))`, from which
    `llama.merge` joins partial attentions over parts of the keys. `keyBegin` and `keyEnd` limit a partial attention to
    the positions `keyBegin <= j < keyEnd`.

    ```mlir
    %a = llama.attention %q, %kv, %positions, %sequences {numHeads = 9 : i64, numKvHeads = 3 : i64, scale = 0.125 : f64}
       : (tensor<?x576xbf16>, !llama.kv_layer<3 x 64 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>)
       -> tensor<?x576xbf16>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$query, Arg<Llama_KVLayerType, "", [MemRead<Llama_KVCacheResource>]>:$kv,
                       Llama_RowIndices:$positions, Llama_RowIndices:$sequences, Llama_PositiveAttr:$numHeads,
                       Llama_PositiveAttr:$numKvHeads, F64Attr:$scale, DefaultValuedAttr<BoolAttr, "true">:$causal,
                       OptionalAttr<Llama_PositiveAttr>:$window, OptionalAttr<Llama_NonNegativeAttr>:$keyBegin,
                       OptionalAttr<Llama_PositiveAttr>:$keyEnd);
  let results = (outs Llama_Activation2D:$result, Optional<Llama_Activation2D>:$lse);
  let assemblyFormat = "$query `,` $kv `,` $positions `,` $sequences attr-dict `:` functional-type(operands, results)";
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

def Llama_MergeOp : Llama_Op<"merge", [Pure, SameVariadicOperandSize]> {
  let summary = "joins partial attentions over disjoint sets of keys";
  let description = [{
    `lse = log(sum_i exp(lse_i))`, `result = sum_i exp(lse_i - lse) * partial_i`, for each row and head.

    ```mlir
    %a = llama.merge %a0, %a1 lse %l0, %l1 : (tensor<?x576xf32>, tensor<?x576xf32>, tensor<?x9xf32>, tensor<?x9xf32>)
       -> tensor<?x576xbf16>
    ```
  }];
  let arguments = (ins Variadic<Llama_Activation2D>:$partials, Variadic<Llama_Activation2D>:$lses);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$partials `lse` $lses attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Llama_GatedMLPOp : Llama_Op<"gated_mlp", [Pure, AttrSizedOperandSegments]> {
  let summary = "gated feed-forward network";
  let description = [{
    `result = down(act(gate(x)) * up(x))` (SwiGLU: Shazeer, 2020). `llama-expand` splits it into `llama.linear` and
    `llama.gate`. The product of activation and up projection has the element type of the input.

    ```mlir
    %y = llama.gated_mlp %x, %gate, %up, %down {activation = #llama.activation<silu>}
       : (tensor<?x576xbf16>, tensor<1536x576xbf16>, tensor<1536x576xbf16>, tensor<576x1536xbf16>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_Matrix:$gate, Llama_Matrix:$up, Llama_Matrix:$down,
                       Optional<Llama_Vector>:$gateBias, Optional<Llama_Vector>:$upBias, Optional<Llama_Vector>:$downBias,
                       Llama_ActivationAttr:$activation);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = [{ $input `,` $gate `,` $up `,` $down (`bias` $gateBias^ `,` $upBias `,` $downBias)? attr-dict `:`
    functional-type(operands, results) }];
  let hasVerifier = 1;
}

def Llama_AddOp : Llama_Op<"add", [Pure, Commutative]> {
  let summary = "residual addition";
  let description = [{
    `result = lhs + rhs`, in f32, rounded once.

    ```mlir
    %y = llama.add %x, %d : (tensor<?x576xf32>, tensor<?x576xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$lhs, Llama_Activation2D:$rhs);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_LMHeadOp : Llama_Op<"lm_head", [Pure, Llama_SelectsRows]> {
  let summary = "final norm and logits of selected rows";
  let description = [{
    `result[r, :] = linear(rms_norm(input[rows[r], :]))`. `llama-expand` splits it into `llama.gather_rows`,
    `llama.rms_norm` (to `computeType`) and `llama.linear`.

    ```mlir
    %logits = llama.lm_head %x, %rows, %norm, %w {eps = 1.0e-05 : f64, computeType = bf16}
       : (tensor<?x576xf32>, tensor<?xi32>, tensor<576xbf16>, tensor<49152x576xbf16>) -> tensor<?x49152xf32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_RowIndices:$rows, Llama_Vector:$norm, Llama_Matrix:$weight,
                       F64Attr:$eps, TypeAttrOf<AnyTypeOf<[F32, F16, BF16]>>:$computeType);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input `,` $rows `,` $norm `,` $weight attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_SampleOp : Llama_Op<"sample", [Pure, AttrSizedOperandSegments]> {
  let summary = "choice of the next token";
  let description = [{
    `greedy`: `result[r] = argmax_v logits[r, v]`. Of equal logits the one with the lowest index is chosen. If a logit of
    the row is NaN or infinite, the result is -1.

    `drawn`: a token of each row is drawn by the rule `rules[r]` and the number `random[r]` from [0, 1). The steps are:
    (1) Logits of the tokens in `recent[r]` (the last tokens; -1: no token) are divided by the repeat penalty if they
    are positive, and multiplied by it if they are negative. (2) All logits are divided by the temperature. Temperature
    0 means the greedy choice. (3) The top-k most likely tokens are kept. (4) The softmax gives their probabilities. (5)
    The smallest set of most likely tokens is kept whose probabilities sum to top-p. (6) Tokens are kept that are at
    least min-p times as likely as the most likely one. (7) The remaining tokens, in the order of their ids, divide the
    interval [0, 1) by their probabilities. The token in whose part the number lies is chosen.

    A program may give both. The runtime computes the one that is asked for: the CPU with its own sampler, a GPU with
    service kernels. `llama-fuse-sample` makes a greedy choice part of the kernel that computes the logits.

    ```mlir
    %ids = llama.sample %logits greedy : (tensor<?x49152xf32>) -> tensor<?xi32>
    %drawn = llama.sample %logits drawn by %rules recent %recent random %numbers
       : (tensor<?x49152xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$logits, EnumProp<Llama_SampleMode>:$mode,
                       Optional<TensorRankOf<[Llama_SampleRuleType], [1]>>:$rules,
                       Optional<TensorRankOf<[I32], [2]>>:$recent, Optional<TensorRankOf<[F64], [1]>>:$random);
  let results = (outs Llama_RowIndices:$result);
  let assemblyFormat = [{ $logits $mode (`by` $rules^ `recent` $recent `random` $random)? attr-dict `:`
    functional-type(operands, results) }];
  let hasVerifier = 1;
}

def Llama_LogProbOp : Llama_Op<"log_prob", [Pure]> {
  let summary = "logarithm of the probability of a given token";
  let description = [{
    `result[r] = l[t] - log(sum_v exp(l[v]))` with `l = logits[r, :]` and `t = targets[r]`, in f32: the natural logarithm
    of the softmax. The largest logit of the row is subtracted before the exponential, so nothing overflows. Where
    `targets[r]` is -1 the result is 0. Other targets are tokens of the vocabulary. If a logit of a row with a target is
    NaN or plus infinity, the result is NaN. A logit of minus infinity has probability 0.

    `llama-split-scores` makes it part of the kernel that computes the logits, in a program of its own. Then no logits
    are stored.

    ```mlir
    %scores = llama.log_prob %logits, %targets : (tensor<?x49152xf32>, tensor<?xi32>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$logits, Llama_RowIndices:$targets);
  let results = (outs TensorRankOf<[F32], [1]>:$result);
  let assemblyFormat = "$logits `,` $targets attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_RepeatKVOp : Llama_Op<"repeat_kv", [Pure]> {
  let summary = "each head of a key or value row, repeated";
  let description = [{
    `result` has `times` copies of every head of `headDim` elements, side by side: head `h` of the result is head
    `h / times` of the input. Imported graphs of multi-head kernels contain it; `llama-share-kv-heads` removes it.

    ```mlir
    %k9 = llama.repeat_kv %k {headDim = 64 : i64, times = 3 : i64} : (tensor<?x192xbf16>) -> tensor<?x576xbf16>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_PositiveAttr:$headDim, Llama_PositiveAttr:$times);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Primitives that passes introduce
//===----------------------------------------------------------------------===//

def Llama_RotaryTableOp : Llama_Op<"rotary_table", [Pure, Llama_FindsRows]> {
  let summary = "cosines and sines of all rotary angles of a step";
  let description = [{
    `result[t, j] = cos(a)`, `result[t, headDim/2 + j] = sin(a)` with `a = positions[t] * f_j`, for pair `j`.
    The angle and both functions are computed in f32.

    ```mlir
    %table = llama.rotary_table %positions {headDim = 64 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>}
       : (tensor<?xi32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Llama_RowIndices:$positions, Llama_HeadDimAttr:$headDim, Llama_RopeAttr:$rope);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$positions attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_RotateOp : Llama_Op<"rotate", [Pure]> {
  let summary = "turns the pairs of every head by the angles of a table";
  let description = [{
    For pair `(a, b)` number `j` of each head: `a' = a cos_j - b sin_j`, `b' = b cos_j + a sin_j`.

    ```mlir
    %r = llama.rotate %q, %table layout half {headDim = 64 : i64}
       : (tensor<?x576xf32>, tensor<?x64xf32>) -> tensor<?x576xbf16>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_Activation2D:$table, Llama_HeadDimAttr:$headDim,
                       EnumProp<Llama_RotaryLayout>:$layout);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input `,` $table `layout` $layout attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llama_SplitOp : Llama_Op<"split", [Pure]> {
  let summary = "divides the features of a row";
  let description = [{
    The results are consecutive ranges of the input's features. Their types say how wide they are.

    ```mlir
    %q, %k, %v = llama.split %qkv : (tensor<?x960xf32>) -> (tensor<?x576xf32>, tensor<?x192xf32>, tensor<?x192xf32>)
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input);
  let results = (outs Variadic<Llama_Activation2D>:$parts);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Llama_GateOp : Llama_Op<"gate", [Pure]> {
  let summary = "activation of the gate times the up projection";
  let description = [{
    `result = act(gate) * up`, in f32, rounded once. If there is one operand (after `llama-fuse-gate-up`), its first
    half of features is the gate and its second half the up projection. `silu` is `x / (1 + exp(-x))`, `gelu_tanh` is
    `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, `relu` is `max(x, 0)`.

    ```mlir
    %h = llama.gate %g, %u activation silu : (tensor<?x1536xf32>, tensor<?x1536xf32>) -> tensor<?x1536xbf16>
    %i = llama.gate %gu activation silu : (tensor<?x3072xf32>) -> tensor<?x1536xbf16>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$gate, Optional<Llama_Activation2D>:$up, EnumProp<Llama_Activation>:$activation);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$gate (`,` $up^)? `activation` $activation attr-dict `:` functional-type(operands, results)";
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

def Llama_GatherRowsOp : Llama_Op<"gather_rows", [Pure, Llama_SelectsRows, Llama_FindsRows]> {
  let summary = "selected rows of an activation";
  let description = [{
    `result[r, :] = input[rows[r], :]`.

    ```mlir
    %y = llama.gather_rows %x, %rows : (tensor<?x576xf32>, tensor<?xi32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Activation2D:$input, Llama_RowIndices:$rows);
  let results = (outs Llama_Activation2D:$result);
  let assemblyFormat = "$input `,` $rows attr-dict `:` functional-type(operands, results)";
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def Llama_KernelOp : Llama_Op<"kernel", [Symbol, IsolatedFromAbove, FunctionOpInterface,
                                         SingleBlock]> {
  let summary = "ops that become one generated kernel";
  let description = [{
    A kernel is a *prologue*, a *contraction* and an *epilogue*. The contraction is at most one `llama.linear` or
    `llama.attention`. The others are pointwise ops and reductions of rows, which are computed without a round trip
    through memory. A kernel is launched by name, so layers of one shape share it.

    `llama-select-schedules` writes three attributes. `schedule` says how the kernel will be generated. `workspace` are
    the types of the temporaries in memory that the schedule asks for. `overwrites` has a number for each result: -1 says
    that the result needs memory of its own, any other number is that of an argument in whose memory the result may lie.
    A kernel that overwrites an argument reads an element of it, and then writes the element of the result that lies in
    its place, in the same thread. No other thread reads that element of the argument.

    `llama-emit-cpu` and `llama-emit-cuda` write `code`. It says how the generated functions of the kernel are launched.

    ```mlir
    llama.kernel @decode.o_proj(%a: tensor<?x576xbf16>, %w: tensor<576x576xbf16>, %x: tensor<?x576xf32>)
        -> tensor<?x576xf32> {
      %0 = llama.linear %a, %w : (tensor<?x576xbf16>, tensor<576x576xbf16>) -> tensor<?x576xf32>
      %1 = llama.add %x, %0 : (tensor<?x576xf32>, tensor<?x576xf32>) -> tensor<?x576xf32>
      llama.yield %1 : tensor<?x576xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<StrAttr>:$sym_visibility, OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs, OptionalAttr<Llama_ScheduleAttrInterface>:$schedule,
                       OptionalAttr<TypeArrayAttr>:$workspace, OptionalAttr<DenseI64ArrayAttr>:$overwrites,
                       OptionalAttr<Llama_CodeAttr>:$code);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::FunctionType":$type)>];
  let extraClassDeclaration = [{
    ::mlir::Region *getCallableRegion() { return &getBody(); }
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
  }];
}

def Llama_YieldOp : Llama_Op<"yield", [Pure, ReturnLike, Terminator, HasParent<"KernelOp">]> {
  let summary = "the results of a kernel";
  let description = [{
    ```mlir
    llama.yield %y : tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let hasVerifier = 1;
}

def Llama_LaunchOp : Llama_Op<"launch", [CallOpInterface, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                         DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "runs a kernel on the arguments of this step";
  let description = [{
    `llama-plan-memory` writes `offsets` and `workspaceOffsets`: the places of the results and of the kernel's
    workspaces in the arena, in bytes. -1 marks a result that is an output of the program.

    ```mlir
    %y = llama.launch @decode.o_proj(%a, %w, %x)
       : (tensor<?x576xbf16>, tensor<576x576xbf16>, tensor<?x576xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$operands,
                       OptionalAttr<DenseI64ArrayAttr>:$offsets, OptionalAttr<DenseI64ArrayAttr>:$workspaceOffsets);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$kernel `(` $operands `)` attr-dict `:` functional-type($operands, $results)";
  let extraClassDeclaration = [{
    // The methods of CallOpInterface.
    ::mlir::CallInterfaceCallable getCallableForCallee() { return getKernelAttr(); }
    void setCalleeFromCallable(::mlir::CallInterfaceCallable callee) {
      setKernelAttr(::mlir::cast<::mlir::FlatSymbolRefAttr>(::mlir::cast<::mlir::SymbolRefAttr>(callee)));
    }
    operand_range getArgOperands() { return getOperands(); }
    ::mlir::MutableOperandRange getArgOperandsMutable() { return getOperandsMutable(); }
    // A launch says nothing about single arguments and results.
    ::mlir::ArrayAttr getArgAttrsAttr() { return {}; }
    ::mlir::ArrayAttr getResAttrsAttr() { return {}; }
    void setArgAttrsAttr(::mlir::ArrayAttr) {}
    void setResAttrsAttr(::mlir::ArrayAttr) {}
    ::mlir::Attribute removeArgAttrsAttr() { return {}; }
    ::mlir::Attribute removeResAttrsAttr() { return {}; }
  }];
}

#endif // QUIPU_IR_LLAMA_LLAMAOPS_TD
