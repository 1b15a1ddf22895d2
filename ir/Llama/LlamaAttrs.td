//===- LlamaAttrs.td - Attributes of the llama dialect -----*- tablegen -*-===//

#ifndef QUIPU_IR_LLAMA_LLAMAATTRS_TD
#define QUIPU_IR_LLAMA_LLAMAATTRS_TD

include "ir/Llama/LlamaDialect.td"
include "ir/Llama/LlamaInterfaces.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

//===----------------------------------------------------------------------===//
// Enums
//===----------------------------------------------------------------------===//

class Llama_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::quipu::llama";
  let genSpecializedAttr = 0;
}

def Llama_RotaryLayout : Llama_Enum<"RotaryLayout", "which elements of a head form a rotary pair", [
  // Pairs (j, j + Dh/2): Hugging Face checkpoints.
  I32EnumAttrCase<"Half", 0, "half">,
  // Pairs (2j, 2j+1): the paper, Meta's checkpoints, GGUF.
  I32EnumAttrCase<"Interleaved", 1, "interleaved">]>;

def Llama_RopeScaling : Llama_Enum<"RopeScaling", "how rotary frequencies are scaled for long contexts", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Linear", 1, "linear">, I32EnumAttrCase<"Llama3", 2, "llama3">]>;

def Llama_Activation : Llama_Enum<"Activation", "activation of a gated MLP", [
  // x / (1 + exp(-x)).
  I32EnumAttrCase<"Silu", 0, "silu">,
  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), the approximation of GELU (Hendrycks and Gimpel, 2016).
  I32EnumAttrCase<"GeluTanh", 1, "gelu_tanh">,
  // max(x, 0).
  I32EnumAttrCase<"Relu", 2, "relu">]>;
def Llama_ActivationAttr : EnumAttr<Llama_Dialect, Llama_Activation, "activation"> {
  let description = [{
    ```mlir
    #llama.activation<silu>
    ```
  }];
  let assemblyFormat = "`<` $value `>`";
}

def Llama_ProgramKind : Llama_Enum<"ProgramKind", "what a program is for", [
  // Any number of rows; the form in which a model is imported.
  I32EnumAttrCase<"Forward", 0, "forward">,
  I32EnumAttrCase<"Decode", 1, "decode">,
  I32EnumAttrCase<"Prefill", 2, "prefill">]>;

def Llama_SampleMode : Llama_Enum<"SampleMode", "how the next token is chosen", [
  // The most likely one.
  I32EnumAttrCase<"Greedy", 0, "greedy">,
  // One that is drawn, by a rule for each row.
  I32EnumAttrCase<"Drawn", 1, "drawn">]>;

def Llama_WeightRole : Llama_Enum<"WeightRole", "what a weight is, which decides how random weights are filled", [
  I32EnumAttrCase<"Matrix", 0, "matrix">, I32EnumAttrCase<"Norm", 1, "norm">,
  I32EnumAttrCase<"Embedding", 2, "embedding">, I32EnumAttrCase<"Bias", 3, "bias">]>;

def Llama_RowRegime : Llama_Enum<"RowRegime", "how a kernel is laid over rows", [
  // A vector holds consecutive features of one row: for a handful of rows, where reading weights dominates.
  I32EnumAttrCase<"Few", 0, "few">,
  // A vector holds one feature of consecutive rows: for many rows, where arithmetic dominates.
  I32EnumAttrCase<"Many", 1, "many">]>;

def Llama_SumOrder : Llama_Enum<"SumOrder", "the order in which a CPU kernel over few rows adds the products of a row", [
  // Each lane of a vector has a sum, and the lanes are added at the end. The weight is read as it lies.
  I32EnumAttrCase<"Lanes", 0, "lanes">,
  // One product after the other, in the order of the inputs, as kernels over many rows do.
  I32EnumAttrCase<"InOrder", 1, "in_order">]>;

def Llama_RowDim : Llama_Enum<"RowDim", "which count of rows, known when a step runs, a grid grows with", [
  // It does not grow.
  I32EnumAttrCase<"One", 0, "one">,
  // Rows of the step's tokens.
  I32EnumAttrCase<"Tokens", 1, "tokens">,
  // Rows that are selected for output.
  I32EnumAttrCase<"Outputs", 2, "outputs">,
  // The rows at the beginning of the step that are each the only row of their sequence, as in decode.
  I32EnumAttrCase<"Lone", 3, "lone">,
  // The rows of the step's tokens behind those.
  I32EnumAttrCase<"Other", 4, "other">]>;

def Llama_DotKind : Llama_Enum<"DotKind", "the instruction of a CPU kernel's dot products", [
  // Operands widened to f32, fused multiply-add.
  I32EnumAttrCase<"Fma", 0, "fma">,
  // Pairs of bf16 accumulated into f32 (AVX512-BF16).
  I32EnumAttrCase<"Bf16", 1, "bf16">,
  // Fours of unsigned and signed 8-bit integers accumulated into i32 (AVX512-VNNI).
  I32EnumAttrCase<"Int8", 2, "int8">,
  // Pairs of signed 16-bit integers, which hold 8-bit ones, multiplied and added to i32 (AVX2).
  I32EnumAttrCase<"Int16", 3, "int16">,
  // Tiles of bf16 accumulated into tiles of f32 (AMX-BF16).
  I32EnumAttrCase<"AmxBf16", 4, "amx_bf16">,
  // Tiles of signed 8-bit integers accumulated into tiles of i32 (AMX-INT8).
  I32EnumAttrCase<"AmxInt8", 5, "amx_int8">,
  // Fours of 8-bit integers whose products are added in pairs to i16, a few of them before they are widened (AVX2).
  I32EnumAttrCase<"Int8Pairs", 6, "int8_pairs">]>;

def Llama_CudaDot : Llama_Enum<"CudaDot", "the instruction of a CUDA kernel's products", [
  // Operands widened to f32, fused multiply-add: the only one for f32 operands.
  I32EnumAttrCase<"Fma", 0, "fma">,
  // Tensor cores, a warp at a time: mma.sync.m16n8k16 (sm_80 and later).
  I32EnumAttrCase<"Mma", 1, "mma">,
  // Tensor cores, four warps at a time, operands in shared memory: wgmma.mma_async (sm_90a).
  I32EnumAttrCase<"Wgmma", 2, "wgmma">]>;

def Llama_RowPairing : Llama_Enum<"RowPairing", "which rows of a weight's source form pairs", [
  I32EnumAttrCase<"Plain", 0, "plain">, I32EnumAttrCase<"Halves", 1, "halves">,
  I32EnumAttrCase<"Alternating", 2, "alternating">, I32EnumAttrCase<"First", 3, "first">,
  I32EnumAttrCase<"Second", 4, "second">]>;

//===----------------------------------------------------------------------===//
// Model attributes
//===----------------------------------------------------------------------===//

class Llama_Attr<string name, string mnemonic_, list<Trait> traits = []> : AttrDef<Llama_Dialect, name, traits> {
  let mnemonic = mnemonic_;
}

def Llama_RopeAttr : Llama_Attr<"Rope", "rope"> {
  let summary = "rotary position embedding: base, pairing and scaling";
  let description = [{
    Pair j of a head of `Dh` elements turns by the angle `position * f(theta^(-2j/Dh))`, in radians (Su et al., 2021).
    For `none`, `f` is the identity. For `linear` it divides by `factor`. For `llama3` it depends on the wavelength `w =
    2 pi / freq`: it divides by `factor` if `w > originalContext / lowFreqFactor`, and is the identity if `w <
    originalContext / highFreqFactor`. Between them it is a mixture of both, linear in `originalContext / w`. Where
    there are `divisors`, one for each pair, the angle of pair j is then divided by the j-th of them.

    ```mlir
    #llama.rope<theta = 1.0e+04, layout = half>
    #llama.rope<theta = 5.0e+05, layout = half, scaling = llama3, factor = 8.0, lowFreqFactor = 1.0,
                highFreqFactor = 4.0, originalContext = 8192>
    #llama.rope<theta = 1.0e+04, layout = interleaved, divisors = [1.0, 1.0, 2.5, 8.0]>
    ```
  }];
  let parameters = (ins APFloatParameter<"">:$theta, EnumParameter<Llama_RotaryLayout>:$layout,
                        EnumParameter<Llama_RopeScaling>:$scaling, APFloatParameter<"">:$factor,
                        APFloatParameter<"">:$lowFreqFactor, APFloatParameter<"">:$highFreqFactor,
                        "int64_t":$originalContext, OptionalParameter<"::mlir::DenseF64ArrayAttr">:$divisors);
  let builders = [AttrBuilder<(ins "double":$theta, "::quipu::llama::RotaryLayout":$layout,
      CArg<"::quipu::llama::RopeScaling", "::quipu::llama::RopeScaling::None">:$scaling, CArg<"double", "1.0">:$factor,
      CArg<"double", "1.0">:$lowFreqFactor, CArg<"double", "1.0">:$highFreqFactor,
      CArg<"int64_t", "0">:$originalContext, CArg<"::llvm::ArrayRef<double>", "{}">:$divisors), [{
    auto list = divisors.empty() ? ::mlir::DenseF64ArrayAttr() : ::mlir::DenseF64ArrayAttr::get($_ctxt, divisors);
    return $_get($_ctxt, ::llvm::APFloat(theta), layout, scaling, ::llvm::APFloat(factor),
                 ::llvm::APFloat(lowFreqFactor), ::llvm::APFloat(highFreqFactor), originalContext, list);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Inverse frequencies (radians for each position) of the headDim/2 pairs, scaling and divisors applied, computed in
    /// f32 in the order of operations that Hugging Face transformers uses.
    ::llvm::SmallVector<float> inverseFrequencies(int64_t headDim) const;
  }];
}

def Llama_ProgramAttr : Llama_Attr<"Program", "program"> {
  let summary = "kind of a program and the bounds on its rows";
  let description = [{
    The attribute `llama.program` of a `func.func`. The function is a program for steps of `minRows` to `maxRows` rows;
    the head of this page lists its arguments. The runtime takes the first program whose bounds fit the step. `decode`
    is for one new token of each sequence, `prefill` is for prompts, `forward` is a model as it was imported. In a
    program with `rowAlign` > 1 the rows of one sequence start at a multiple of `rowAlign`, and padding rows follow up
    to the next multiple. Padding rows have position -1.

    ```mlir
    #llama.program<decode, rows = 1 to 8>
    #llama.program<prefill, rows = 9 to 256, align = 16>
    ```
  }];
  let parameters = (ins EnumParameter<Llama_ProgramKind>:$kind, "int64_t":$minRows, "int64_t":$maxRows,
                        DefaultValuedParameter<"int64_t", "1">:$rowAlign);
  let assemblyFormat = "`<` $kind `,` `rows` `=` $minRows `to` $maxRows (`,` `align` `=` $rowAlign^)? `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Origins (metadata of locations)
//===----------------------------------------------------------------------===//

def Llama_FieldAttr : Llama_Attr<"Field", "field"> {
  let summary = "a field of a model's config";
  let description = [{
    `name` is what Hugging Face calls the field, whatever the format. `as` is what the file calls it, where this differs,
    and `in` the file, and `line` the line there. A field that the file does not have has no line; `because` says where
    its value comes from.

    ```mlir
    #llama.field<"num_key_value_heads" in "models/story/config.json" line 12>
    #llama.field<"num_key_value_heads" as "llama.attention.head_count_kv" in "story.gguf">
    #llama.field<"head_dim" in "models/story/config.json" because "= hidden_size / num_attention_heads">
    ```
  }];
  let parameters = (ins StringRefParameter<>:$name, StringRefParameter<"", [{""}]>:$key,
                        StringRefParameter<"", [{""}]>:$file, DefaultValuedParameter<"unsigned", "0">:$line,
                        StringRefParameter<"", [{""}]>:$reason);
  let assemblyFormat = "`<` $name (`as` $key^)? (`in` $file^)? (`line` $line^)? (`because` $reason^)? `>`";
}

def Llama_OriginAttr : Llama_Attr<"Origin", "origin"> {
  let summary = "the fields of the config and the tensors that an op comes from";
  let description = [{
    The metadata of a fused location. `ir/Llama/Provenance.h` reads it. Tensors go by their canonical names. An op of a
    kernel that several layers share has `{}` in place of the layer.

    ```mlir
    #llama.origin<fields [<"num_key_value_heads" in "config.json" line 12>]
                  tensors ["layers.0.self_attn.k_proj"]>
    ```
  }];
  let parameters = (ins OptionalArrayRefParameter<"FieldAttr">:$fields,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$tensors);
  let assemblyFormat = "`<` (`fields` `[` $fields^ `]`)? (`tensors` `[` $tensors^ `]`)? `>`";
}

//===----------------------------------------------------------------------===//
// Layouts (encodings of tensor types)
//===----------------------------------------------------------------------===//

def Llama_TokenLanesAttr : Llama_Attr<"TokenLanes", "token_lanes"> {
  let summary = "activation layout with consecutive rows in the lanes of a vector";
  let description = [{
    Element `(t, k)` of a `T x K` activation lies at
    `(((t / lanes) * (K / pack) + k / pack) * lanes + t % lanes) * pack + k % pack`:
    tiles of `lanes` rows; inside a tile, feature by feature (or pair of features by pair, `pack` = 2), the values of
    the tile's rows side by side. Sums over features need no shuffles then, and a row-major weight is used as it lies
    in its file, one broadcast element at a time. `pack` = 2 is the operand order of bf16 dot products and of the
    second operand of an AMX tile product. The number of rows is padded up to a multiple of `lanes`.

    ```mlir
    tensor<?x576xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
    ```
  }];
  let parameters = (ins "int64_t":$lanes, "int64_t":$pack);
  let assemblyFormat = "`<` `lanes` `=` $lanes `,` `pack` `=` $pack `>`";
  let genVerifyDecl = 1;
}

def Llama_RangeAttr : Llama_Attr<"Range", "range"> {
  let summary = "a part of a dimension of a tensor";
  let description = [{
    Indices from `begin` up to, but not including, `end` of a dimension of `extent`. A range is never the whole
    dimension.

    ```mlir
    #llama.range<576 to 768 of 960>
    ```
  }];
  let parameters = (ins "int64_t":$begin, "int64_t":$end, "int64_t":$extent);
  let assemblyFormat = "`<` $begin `to` $end `of` $extent `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getCount() const { return getEnd() - getBegin(); }
  }];
}

def Llama_SourceAttr : Llama_Attr<"Source", "source"> {
  let summary = "a slice of a tensor of the weight files";
  let description = [{
    The tensor goes by its canonical name, which the frontend gives; the name in the file may differ. Without `rows` it
    is all rows, without `columns` all columns. `llama.weight` prints only the name of a source that is a whole tensor.

    ```mlir
    #llama.source<"layers.0.self_attn.o_proj">
    #llama.source<"layers.0.self_attn.qkv_proj" rows <576 to 768 of 960>>
    #llama.source<"layers.0.mlp.down_proj" rows <0 to 288 of 576> columns <768 to 1536 of 1536>>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$name, OptionalParameter<"RangeAttr">:$rows,
                        OptionalParameter<"RangeAttr">:$columns);
  let assemblyFormat = "`<` $name (`rows` $rows^)? (`columns` $columns^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isWhole() const { return !getRows() && !getColumns(); }
  }];
}

def Llama_RowPartsAttr : Llama_Attr<"RowParts", "row_parts"> {
  let summary = "a weight that stays in separate pieces";
  let description = [{
    The rows of the weight are the rows of its sources, one below the other. But the sources lie apart in memory: part
    `i` has `rows[i]` rows. So a fused weight can be used directly in mapped files.

    With `interleave`, so many neighbouring rows of a weight in blocks lie word by word (runtime/abi/InterleavedRows.h), so
    that one load gives the same part of all of them. The runtime puts them so when it loads the weight.

    ```mlir
    tensor<960x576xbf16, #llama.row_parts<576, 192, 192>>
    tensor<576x576x!llama.block<q8_0>, #llama.row_parts<576 interleave = 16>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$rows, DefaultValuedParameter<"int64_t", "1">:$interleave);
  let assemblyFormat = "`<` $rows (`interleave` `=` $interleave^)? `>`";
  let genVerifyDecl = 1;
}

def Llama_SourceRowsAttr : Llama_Attr<"SourceRows", "source_rows"> {
  let summary = "the order of one source's rows in a weight with paired rows";
  let description = [{
    `plain`: as in the source. `halves`: in each group of `group` rows (a head) rows j and j + group/2 are a pair.
    `alternating`: rows 2j and 2j + 1 are. `first`: all rows are first elements of pairs, `second`: all are the second
    ones of the source before.

    ```mlir
    #llama.source_rows<halves, 128>
    #llama.source_rows<first>
    ```
  }];
  let parameters = (ins EnumParameter<Llama_RowPairing>:$pairing, DefaultValuedParameter<"int64_t", "0">:$group);
  let assemblyFormat = "`<` $pairing (`,` $group^)? `>`";
  let genVerifyDecl = 1;
}

def Llama_PairedRowsAttr : Llama_Attr<"PairedRows", "paired_rows"> {
  let summary = "a weight in one piece whose rows lie in tiles of eight pairs";
  let description = [{
    The rows that an epilogue combines, a rotary pair or the gate and up projections of one feature, lie in one tile of
    16 rows: eight first elements, then their eight partners. A tensor-core tile then has both in the same thread. One
    `#llama.source_rows` for each source of the weight, in order; the runtime puts the rows in place when it uploads
    the weight (runtime/abi/RowOrder.h).

    ```mlir
    tensor<6144x4096xbf16, #llama.paired_rows<<halves, 128>, <halves, 128>, <plain>>>
    tensor<28672x4096xbf16, #llama.paired_rows<<first>, <second>>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"SourceRowsAttr">:$sources);
  let assemblyFormat = "`<` $sources `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

// `family`: which kernels it is for, a function of ScheduleFamilies.h.
class Llama_ScheduleDeclarations<string device, string family> {
  string text = [{
    ::llvm::StringRef getDevice() const { return "}] # device # [{"; }
    ::llvm::LogicalResult verifyKernel(::mlir::Operation *kernel) const { return verify}] # family # [{(kernel); }
  }];
}

class Llama_ScheduleAttr<string device, string family, string name, string mnemonic_>
    : Llama_Attr<name, mnemonic_, [Llama_ScheduleAttrInterface]> {
  let genVerifyDecl = 1;
  let extraClassDeclaration = Llama_ScheduleDeclarations<device, family>.text;
}

def Llama_CpuLinearScheduleAttr : Llama_ScheduleAttr<"cpu", "LinearKernel", "CpuLinearSchedule", "cpu_linear"> {
  let summary = "schedule of a linear kernel on a CPU";
  let description = [{
    A tile is two runs of `run` rows of the weight: two halves of a rotary head, gate and up, or neighbours. `many`: a
    tile is multiplied by `vectors` vectors of `lanes` rows of the input. A pass over the weight serves `rowTiles` tiles
    of `lanes` input rows, as many as stay in a core's L2. `few`: a tile is multiplied by one row at a time, and
    `vectors` and `rowTiles` are 1. `dot` is the instruction of the inner loop. `int8`, `int8_pairs`, `int16` and
    `amx_int8` are for a weight in blocks whose input `llama.quantize` has rounded. `amx_bf16` and `amx_int8` are for many rows: a run is the
    rows of an AMX tile. `prefetch` is the distance in bytes of software prefetch in the weight stream (0: none).
    `streams` is for `few`: that many rows of each run are read side by side, and the others after them (0: all). Of rows
    that lie interleaved, it is the greatest number of groups up to that which divides those of the tile, and they are
    neighbours. With `streams = 2` one is of the gate and one of the up projection, or they are of the two halves of all
    rows, or of a head. Even and odd rows of a rotation are read one by one. Memory gives a few long streams faster than
    many short ones.
    `sums` is for `few` and a weight whose rows lie in order: in which order products are added. With `in_order` a row has
    the same bits over few and over many rows, which add one product after the other, or the scaled sums of one part of
    integers after the other. Where rows lie interleaved this is so anyway.

    ```mlir
    #llama.cpu_linear<rows = many, lanes = 16, run = 4, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 0>
    #llama.cpu_linear<rows = few, lanes = 16, run = 8, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0, streams = 1, sums = in_order>
    ```
  }];
  let parameters = (ins EnumParameter<Llama_RowRegime>:$rows, "int64_t":$lanes, "int64_t":$run, "int64_t":$vectors,
                        "int64_t":$rowTiles, EnumParameter<Llama_DotKind>:$dot, "int64_t":$prefetch,
                        DefaultValuedParameter<"int64_t", "0">:$streams,
                        DefaultValuedParameter<"SumOrder", "SumOrder::Lanes", "order of sums">:$sums);
  let assemblyFormat = [{ `<` `rows` `=` $rows `,` `lanes` `=` $lanes `,` `run` `=` $run `,` `vectors` `=` $vectors `,`
    `rowTiles` `=` $rowTiles `,` `dot` `=` $dot `,` `prefetch` `=`
    custom<PrefetchAndMore>($prefetch, $streams, $sums) `>` }];
}

def Llama_CpuAttentionScheduleAttr : Llama_ScheduleAttr<"cpu", "AttentionKernel", "CpuAttentionSchedule", "cpu_attention"> {
  let summary = "schedule of an attention kernel on a CPU";
  let description = [{
    `few`: a block is one row and one key/value head. Vectors lie along the head. `many`: a block is `lanes` rows of one
    sequence and one key/value head. Vectors lie along the rows, and the softmax is a running one over tiles of `keys`
    keys. In both the query heads of a group share each load of a key or value.

    ```mlir
    #llama.cpu_attention<rows = many, lanes = 16, keys = 32, dot = bf16>
    ```
  }];
  let parameters = (ins EnumParameter<Llama_RowRegime>:$rows, "int64_t":$lanes, "int64_t":$keys,
                        EnumParameter<Llama_DotKind>:$dot);
  let assemblyFormat = [{ `<` `rows` `=` $rows `,` `lanes` `=` $lanes `,` `keys` `=` $keys `,` `dot` `=` $dot `>` }];
}

def Llama_CpuPointwiseScheduleAttr : Llama_ScheduleAttr<"cpu", "SingleOpKernel", "CpuPointwiseSchedule", "cpu_pointwise"> {
  let summary = "schedule of a pointwise or row-reduction kernel on a CPU";
  let description = [{
    A block is `rowsPerBlock` rows; vectors of `lanes` lie along the features (`few`) or along the rows (`many`).

    ```mlir
    #llama.cpu_pointwise<rows = few, lanes = 16, rowsPerBlock = 1>
    ```
  }];
  let parameters = (ins EnumParameter<Llama_RowRegime>:$rows, "int64_t":$lanes, "int64_t":$rowsPerBlock);
  let assemblyFormat = "`<` `rows` `=` $rows `,` `lanes` `=` $lanes `,` `rowsPerBlock` `=` $rowsPerBlock `>`";
}

def Llama_CudaLinearFewScheduleAttr : Llama_ScheduleAttr<"cuda", "LinearKernel", "CudaLinearFewSchedule", "cuda_linear_few"> {
  let summary = "schedule of a linear kernel on CUDA for a handful of rows";
  let description = [{
    A block computes 16 rows of the weight times `tokens` rows of the input (8 or 16). Its `warps` warps divide K. A
    thread has `ahead` loads of the weight in flight, of 16 bytes each. It starts them before the kernel waits for the
    kernel in front. With `scaleAfter` the products start from x * gain, and their sums are multiplied by 1 / rms(x).

    ```mlir
    #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 16, dot = mma, scaleAfter = true>
    ```
  }];
  let parameters = (ins "int64_t":$tokens, "int64_t":$warps, "int64_t":$ahead, EnumParameter<Llama_CudaDot>:$dot,
                        "bool":$scaleAfter);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Llama_CudaLinearRingScheduleAttr : Llama_ScheduleAttr<"cuda", "LinearKernel", "CudaLinearRingSchedule", "cuda_linear_ring"> {
  let summary = "schedule of a linear kernel on CUDA for a row, with the weight through a ring";
  let description = [{
    A multiprocessor has one block. One warp of the block requests copies of the weight: pieces of 8 rows by `depth`
    elements of K. Shared memory has a ring of `stages` such pieces. Before the kernel waits for the kernel in front, it
    requests all pieces of the first ring except the last `afterWait`. These follow after the wait. At most `inFlight`
    pieces are in flight at a time, and before the wait at most `inFlightBeforeWait`. `warps` other warps multiply the
    row of the input. Blocks begin with equal shares, about as much as a ring holds. They draw the rest from a counter.
    With `scaleAfter` the products start from x * gain, and their sums are multiplied by 1 / rms(x).

    ```mlir
    #llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 2, inFlight = 3, warps = 8,
                            scaleAfter = true>
    ```
  }];
  let parameters = (ins "int64_t":$depth, "int64_t":$stages, "int64_t":$afterWait, "int64_t":$inFlightBeforeWait,
                        "int64_t":$inFlight, "int64_t":$warps, "bool":$scaleAfter);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Llama_CudaLinearManyScheduleAttr : Llama_ScheduleAttr<"cuda", "LinearKernel", "CudaLinearManySchedule", "cuda_linear_many"> {
  let summary = "schedule of a linear kernel on CUDA for many rows";
  let description = [{
    A tile is `tokens` rows of the input times `rows` rows of the weight. Its steps have `depth` elements of K, and pass
    through `stages` buffers in shared memory. `mma`: `warps` warps copy with cp.async and multiply. `wgmma`: one
    producer warp copies by tensor maps, and `warps` / 4 warpgroups multiply. Operand A has 16 rows for each warp. It is
    the input, or the weight with `weight_first`. `persistent`: a block computes several tiles. Neighbouring tiles of
    the input follow each other. `ahead` (for blocks with one tile): the weights of all stages are requested before the
    kernel waits for the kernel in front. With `burst` (of `wgmma`) the first ones, so many KiB, are requested at once,
    and the others at a steady pace, since the kernel in front still uses memory. `cluster` (1 or 2, of a persistent
    `wgmma` kernel): so many blocks share the rows of operand B, and each of them reads a part for all. If the kernel
    has a norm, the normalised input lies in a workspace.

    ```mlir
    #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 64, stages = 4, warps = 8, dot = wgmma,
                            weight_first = false, persistent = true, ahead = false, cluster = 2>
    #llama.cuda_linear_many<tokens = 256, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma,
                            weight_first = true, persistent = true, ahead = false, cluster = 2>
    ```
  }];
  let parameters = (ins "int64_t":$tokens, "int64_t":$rows, "int64_t":$depth, "int64_t":$stages, "int64_t":$warps,
                        EnumParameter<Llama_CudaDot>:$dot, "bool":$weight_first, "bool":$persistent, "bool":$ahead,
                        "int64_t":$cluster, DefaultValuedParameter<"int64_t", "0">:$burst);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Llama_CudaAttentionScheduleAttr : Llama_ScheduleAttr<"cuda", "AttentionKernel", "CudaAttentionSchedule", "cuda_attention"> {
  let summary = "schedule of an attention kernel on CUDA";
  let description = [{
    `few`: a block is one row of the step, `heads` query heads of one key/value head, and one of at most `splits` parts
    of the keys. Its `warps` warps take keys in turn. A part has at least `keys` keys. The last block of a row merges
    the parts. `many`: a block is `tokens` rows of the step and `heads` query heads of one key/value head. A warp has 16
    rows of one head; with `mma` it may have several times 16. Keys come in tiles of `keys` through shared memory. With
    `wgmma` four additional warps copy them, and a block computes several tiles of rows and heads. With one token (and
    `mma`) the heads of a row are the rows of one tile, and the warps divide the features of the values: the row adds as
    in blocks of more. `stages` (2, or more with `mma`): so many tiles of keys and values are in shared memory. `part` (a
    multiple of `keys`; 0: none) divides the positions into parts. The softmax begins anew with each, and the parts of a
    row are merged in the order of their positions. So a row adds alike whether one block walks its parts or, with one
    token and `splits` > 1, each part has a block and the last of them merges; then `part` * `splits` is at least the
    number of positions that a sequence may have. `lone` is a schedule of one token in one of many: for the rows at the
    beginning of the step that are each the only one of their sequence. A tile of these would walk the keys of every row
    in it.

    ```mlir
    #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 16, dot = fma>
    #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 64, splits = 1, dot = mma>
    #llama.cuda_attention<regime = many, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 8, dot = mma, part = 512>
    #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 128, splits = 1, dot = wgmma,
      lone = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 256, splits = 4, dot = mma>>
    ```
  }];
  let parameters = (ins EnumParameter<Llama_RowRegime>:$regime, "int64_t":$tokens, "int64_t":$heads, "int64_t":$warps,
                        "int64_t":$keys, "int64_t":$splits, EnumParameter<Llama_CudaDot>:$dot,
                        OptionalParameter<"::mlir::Attribute">:$lone, DefaultValuedParameter<"int64_t", "2">:$stages,
                        DefaultValuedParameter<"int64_t", "0">:$part);
  let builders = [AttrBuilder<(ins "RowRegime":$regime, "int64_t":$tokens, "int64_t":$heads, "int64_t":$warps,
                                   "int64_t":$keys, "int64_t":$splits, "CudaDot":$dot,
                                   CArg<"int64_t", "2">:$stages, CArg<"int64_t", "0">:$part),
                              "return $_get($_ctxt, regime, tokens, heads, warps, keys, splits, dot, nullptr, stages, part);">];
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = Llama_ScheduleDeclarations<"cuda", "AttentionKernel">.text # [{
    /// The same schedule with one for lone rows.
    CudaAttentionScheduleAttr withLone(CudaAttentionScheduleAttr lone) const;
    /// The schedule for lone rows; null if tiles take all rows.
    CudaAttentionScheduleAttr getLoneSchedule() const {
      return ::llvm::cast_or_null<CudaAttentionScheduleAttr>(getLone());
    }
  }];
}

def Llama_CudaPointwiseScheduleAttr : Llama_ScheduleAttr<"cuda", "SingleOpKernel", "CudaPointwiseSchedule", "cuda_pointwise"> {
  let summary = "schedule of a pointwise kernel on CUDA: a block of `threads` threads is one row";
  let description = [{
    ```mlir
    #llama.cuda_pointwise<threads = 256>
    ```
  }];
  let parameters = (ins "int64_t":$threads);
  let assemblyFormat = "`<` struct(params) `>`";
}

//===----------------------------------------------------------------------===//
// Generated code
//===----------------------------------------------------------------------===//

def Llama_TensorMapAttr : Llama_Attr<"TensorMap", "tensor_map"> {
  let summary = "a tensor map that the runtime encodes for a pointer of an entry (CUtensorMap)";
  let description = [{
    The pointer with number `pointer` points to a row-major matrix of `rows` x `columns` elements. It is read or written
    in boxes of `boxRows` x `boxColumns` elements, which lie in shared memory with a 128-byte swizzle.

    ```mlir
    #llama.tensor_map<pointer = 0, element = bf16, rows = 512, columns = 4096, boxRows = 128, boxColumns = 64>
    ```
  }];
  let parameters = (ins "int64_t":$pointer, "::mlir::Type":$element, "int64_t":$rows, "int64_t":$columns,
                        "int64_t":$boxRows, "int64_t":$boxColumns);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Llama_EntryAttr : Llama_Attr<"Entry", "entry"> {
  let summary = "a function of generated code and its grid";
  let description = [{
    `symbol` is a function in the module `@kernels` beside the kernel. Its grid has `fixed` * ceil(R / `rowsPerBlock`)
    blocks. R is the number of rows of the kind `rows`. On CUDA the grid has `fixed` blocks in x and ceil(R /
    `rowsPerBlock`) in y.

    A thread of a CPU takes `leastBlocks` blocks at least at a time, because it prepares inputs before the first of them.

    On CUDA a block has `threads` threads and `sharedBytes` bytes of dynamic shared memory. Of a `persistent` entry only
    as many blocks are launched as run at once, and each does the work of several blocks of the grid. `cluster` blocks
    form a cluster. `preferShared`: as much of L1 as possible shall be shared memory, for blocks of the entries before
    and after this one. Tensor maps are parameters behind the pointers and the sizes.

    ```mlir
    #llama.entry<symbol = "decode.qkv", fixed = 48>
    #llama.entry<symbol = "decode_qkv", fixed = 48, rows = tokens, rowsPerBlock = 8, threads = 256, sharedBytes = 4096>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$symbol, DefaultValuedParameter<"int64_t", "1">:$fixed,
                        DefaultValuedParameter<"RowDim", "RowDim::One">:$rows,
                        DefaultValuedParameter<"int64_t", "1">:$rowsPerBlock,
                        DefaultValuedParameter<"int64_t", "1">:$leastBlocks,
                        DefaultValuedParameter<"int64_t", "0">:$threads,
                        DefaultValuedParameter<"int64_t", "0">:$sharedBytes,
                        DefaultValuedParameter<"bool", "false">:$persistent,
                        DefaultValuedParameter<"int64_t", "1">:$cluster,
                        DefaultValuedParameter<"bool", "false">:$preferShared,
                        OptionalArrayRefParameter<"TensorMapAttr">:$tensorMaps);
  let assemblyFormat = [{
    `<` struct($symbol, $fixed, $rows, $rowsPerBlock, $leastBlocks, $threads, $sharedBytes, $persistent, $cluster, $preferShared)
    (`maps` `[` $tensorMaps^ `]`)? `>`
  }];
  let genVerifyDecl = 1;
}

def Llama_CodeAttr : Llama_Attr<"Code", "code"> {
  let summary = "how the generated code of a kernel is launched";
  let description = [{
    The entries run one after the other. `scratchBytes`: bytes of memory that each thread of a CPU needs for itself.

    ```mlir
    #llama.code<[<symbol = "decode.qkv", fixed = 48>], scratchBytes = 4096>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"EntryAttr">:$entries, DefaultValuedParameter<"int64_t", "0">:$scratchBytes);
  let assemblyFormat = "`<` `[` $entries `]` (`,` `scratchBytes` `=` $scratchBytes^)? `>`";
  let genVerifyDecl = 1;
}

#endif // QUIPU_IR_LLAMA_LLAMAATTRS_TD
