// RUN: quipu-opt %s --verify-diagnostics --split-input-file

// Test: every check of a type or an attribute says what it found and what it expected.

// expected-error @+1 {{number of layers must be positive, found 0}}
func.func private @f(!llama.kv_cache<0 x 1 x 4 x bf16, page = 32>)

// -----

// expected-error @+1 {{number of key/value heads must be positive, found 0}}
func.func private @f(!llama.kv_cache<1 x 0 x 4 x bf16, page = 32>)

// -----

// expected-error @+1 {{head dimension must be positive, found 0}}
func.func private @f(!llama.kv_cache<1 x 1 x 0 x bf16, page = 32>)

// -----

// expected-error @+1 {{element type must be f32, f16 or bf16, found 'i8'}}
func.func private @f(!llama.kv_cache<1 x 1 x 4 x i8, page = 32>)

// -----

// expected-error @+1 {{page must hold at least one position, found 0}}
func.func private @f(!llama.kv_cache<1 x 1 x 4 x bf16, page = 0>)

// -----

// expected-error @+1 {{number of key/value heads must be positive, found -1}}
func.func private @f(!llama.kv_layer<-1 x 4 x f32, page = 32>)

// -----

// expected-error @+1 {{head dimension must be positive, found -4}}
func.func private @f(!llama.kv_layer<1 x -4 x f32, page = 32>)

// -----

// expected-error @+1 {{element type must be f32, f16 or bf16, found 'f64'}}
func.func private @f(!llama.kv_layer<1 x 4 x f64, page = 32>)

// -----

// expected-error @+1 {{page must hold at least one position, found -1}}
func.func private @f(!llama.kv_layer<1 x 4 x f32, page = -1>)

// -----

// expected-error @+1 {{unknown rotary layout 'quarter', expected half or interleaved}}
func.func private @f() attributes {a = #llama.rope<theta = 1.0, layout = quarter>}

// -----

// expected-error @+1 {{unknown rope scaling 'yarn', expected none, linear or llama3}}
func.func private @f() attributes {a = #llama.rope<theta = 1.0, layout = half, scaling = yarn>}

// -----

// expected-error @+1 {{unknown field 'base' of llama.rope}}
func.func private @f() attributes {a = #llama.rope<base = 1.0, layout = half>}

// -----

// expected-error @+1 {{llama.rope needs the fields theta and layout}}
func.func private @f() attributes {a = #llama.rope<theta = 1.0>}

// -----

// expected-error @+1 {{llama.rope needs the fields theta and layout}}
func.func private @f() attributes {a = #llama.rope<layout = half>}

// -----

// expected-error @+1 {{theta must be positive and finite, found 0}}
func.func private @f() attributes {a = #llama.rope<theta = 0.0, layout = half>}

// -----

// expected-error @+1 {{factor of linear scaling must be positive, found -2}}
func.func private @f() attributes {a = #llama.rope<theta = 1.0, layout = half, scaling = linear, factor = -2.0>}

// -----

// expected-error-re @+1 {{llama3 scaling needs 0 < lowFreqFactor < highFreqFactor, found 4{{.*}} and 1}}
func.func private @f() attributes {a = #llama.rope<theta = 1.0, layout = half, scaling = llama3, factor = 8.0, lowFreqFactor = 4.0, highFreqFactor = 1.0, originalContext = 8192>}

// -----

// expected-error @+1 {{llama3 scaling needs a positive originalContext, found 0}}
func.func private @f() attributes {a = #llama.rope<theta = 1.0, layout = half, scaling = llama3, factor = 8.0, lowFreqFactor = 1.0, highFreqFactor = 4.0>}

// -----

// expected-error-re @+1 {{divisors must be positive and finite, found 0{{.*}}}}
func.func private @f() attributes {a = #llama.rope<theta = 1.0, layout = half, divisors = [1.0, 0.0]>}

// -----

// expected-error @+1 {{a program needs 1 <= minRows <= maxRows, found 0 to 8}}
func.func private @f() attributes {a = #llama.program<decode, rows = 0 to 8>}

// -----

// expected-error @+1 {{a program needs 1 <= minRows <= maxRows, found 9 to 8}}
func.func private @f() attributes {a = #llama.program<prefill, rows = 9 to 8>}

// -----

// expected-error @+1 {{row alignment must be positive, found 0}}
func.func private @f() attributes {a = #llama.program<prefill, rows = 9 to 256, align = 0>}

// -----

// expected-error @+1 {{lanes must be positive, found 0}}
func.func private @f() attributes {a = #llama.token_lanes<lanes = 0, pack = 1>}

// -----

// expected-error @+1 {{pack must be 1 or 2, found 4}}
func.func private @f() attributes {a = #llama.token_lanes<lanes = 16, pack = 4>}

// -----

// expected-error @+1 {{row_parts needs at least two parts, or interleaved rows, found 1}}
func.func private @f() attributes {a = #llama.row_parts<8>}

// -----

// expected-error @+1 {{every part must have rows, found 0}}
func.func private @f() attributes {a = #llama.row_parts<8, 0>}

// -----

// Test: interleaved rows fill the lanes of a vector.
// expected-error @+1 {{interleave must be a power of two up to 16, found 12}}
func.func private @f() attributes {a = #llama.row_parts<24 interleave = 12>}

// -----

// expected-error @+1 {{interleave must be a power of two up to 16, found 32}}
func.func private @f() attributes {a = #llama.row_parts<32 interleave = 32>}

// -----

// Test: no group of interleaved rows lies in two parts.
// expected-error @+1 {{every part must have rows, a multiple of the interleaved ones, found 24}}
func.func private @f() attributes {a = #llama.row_parts<24, 8 interleave = 16>}

// -----

// expected-error @+1 {{halves needs groups of a multiple of 16 rows, found 24}}
func.func private @f() attributes {a = #llama.source_rows<halves, 24>}

// -----

// expected-error @+1 {{plain has no groups, found 16}}
func.func private @f() attributes {a = #llama.source_rows<plain, 16>}

// -----

// expected-error @+1 {{a source with the second elements of pairs must follow one with the first elements}}
func.func private @f() attributes {a = #llama.paired_rows<<second>, <first>>}

// -----

// expected-error @+1 {{must be followed by one with the second elements}}
func.func private @f() attributes {a = #llama.paired_rows<<plain>, <first>>}

// -----

// expected-error @+1 {{a range must have 0 <= begin < end <= extent, found 3 to 3 of 8}}
func.func private @empty() attributes {a = #llama.range<3 to 3 of 8>}

// -----

// expected-error @+1 {{a range must have 0 <= begin < end <= extent, found 3 to 9 of 8}}
func.func private @beyond() attributes {a = #llama.range<3 to 9 of 8>}

// -----

// expected-error @+1 {{a range must have 0 <= begin < end <= extent, found -1 to 2 of 8}}
func.func private @negative() attributes {a = #llama.range<-1 to 2 of 8>}

// -----

// expected-error @+1 {{0 to 8 of 8 is the whole dimension; leave the range out}}
func.func private @whole() attributes {a = #llama.range<0 to 8 of 8>}

// -----

// expected-error @+1 {{a source needs the name of a tensor}}
func.func private @nameless() attributes {a = #llama.source<"">}

// -----

// expected-error @+1 {{there is no format 'q9' of weights; those of blocks are q8_0}}
func.func private @f(tensor<4x32x!llama.block<q9>>)

// -----

// expected-error @+1 {{the elements of f16 are numbers, no blocks}}
func.func private @f(tensor<4x32x!llama.block<f16>>)
