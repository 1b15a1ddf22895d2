// RUN: quipu-opt %s --split-input-file --verify-diagnostics

// Test: a schedule whose code would never end, would be wrong or could not be launched does not verify.

// expected-error @+1 {{lanes must be a power of two up to 16, found 0}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 0, run = 4, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{lanes must be a power of two up to 16, found 12}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 12, run = 4, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{dot = bf16 needs 4, 8 or 16 lanes, found 2}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 2, run = 4, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{run must be 1 to 16, found 0}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 0, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{run must be 1 to 16, found 1000}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 1000, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{streams must be 0 to 4, found 5}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 16, run = 4, vectors = 1, rowTiles = 1, dot = bf16, prefetch = 0, streams = 5>}

// -----

// expected-error @+1 {{streams must be 0, found 2}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 4, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 0, streams = 2>}

// -----

// expected-error @+1 {{run must be 1 to 64, found -2}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 16, run = -2, vectors = 1, rowTiles = 1, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{vectors must be 1 to 8, found -1}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 4, vectors = -1, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{vectors must be 1, found 3}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 16, run = 4, vectors = 3, rowTiles = 1, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{rowTiles must be 1 to 65536, found -1}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 4, vectors = 3, rowTiles = -1, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{rowTiles must be 1, found 6}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 16, run = 4, vectors = 1, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{run times vectors must be at most 64, found 16 times 8}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 8, rowTiles = 6, dot = bf16, prefetch = 0>}

// -----

// expected-error @+1 {{prefetch must be 0 to 1048576, found -1}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 16, run = 4, vectors = 1, rowTiles = 1, dot = bf16, prefetch = -1>}

// -----

// expected-error @+1 {{prefetch must be 0, found 64}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 4, vectors = 3, rowTiles = 6, dot = bf16, prefetch = 64>}

// -----

// expected-error @+1 {{keys must be 1 to 65536, found 0}}
func.func private @f() attributes {a = #llama.cpu_attention<rows = many, lanes = 16, keys = 0, dot = bf16>}

// -----

// expected-error @+1 {{dot = bf16 needs 4, 8 or 16 lanes, found 1}}
func.func private @f() attributes {a = #llama.cpu_attention<rows = many, lanes = 1, keys = 32, dot = bf16>}

// -----

// expected-error @+1 {{rowsPerBlock must be 1 to 65536, found 0}}
func.func private @f() attributes {a = #llama.cpu_pointwise<rows = few, lanes = 16, rowsPerBlock = 0>}

// -----

// expected-error @+1 {{lanes must be a power of two up to 16, found 32}}
func.func private @f() attributes {a = #llama.cpu_pointwise<rows = few, lanes = 32, rowsPerBlock = 1>}

// -----

// expected-error @+1 {{tokens must be a multiple of 8 from 8 to 16, found 12}}
func.func private @f() attributes {a = #llama.cuda_linear_few<tokens = 12, warps = 8, ahead = 16, dot = mma, scaleAfter = true>}

// -----

// expected-error @+1 {{warps must be 1 to 32, found 33}}
func.func private @f() attributes {a = #llama.cuda_linear_few<tokens = 8, warps = 33, ahead = 16, dot = mma, scaleAfter = true>}

// -----

// expected-error @+1 {{warps must be 1 to 32, found -1}}
func.func private @f() attributes {a = #llama.cuda_linear_few<tokens = 8, warps = -1, ahead = 16, dot = mma, scaleAfter = true>}

// -----

// expected-error @+1 {{ahead must be 2 to 64, found 0}}
func.func private @f() attributes {a = #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 0, dot = mma, scaleAfter = true>}

// -----

// expected-error @+1 {{dot must be fma or mma, found wgmma}}
func.func private @f() attributes {a = #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 16, dot = wgmma, scaleAfter = true>}

// -----

// expected-error @+1 {{depth must be a multiple of 32 from 32 to 65536, found 100}}
func.func private @f() attributes {a = #llama.cuda_linear_ring<depth = 100, stages = 5, afterWait = 2, inFlightBeforeWait = 2, inFlight = 3, warps = 8, scaleAfter = true>}

// -----

// expected-error @+1 {{stages must be 2 to 32, found 1}}
func.func private @f() attributes {a = #llama.cuda_linear_ring<depth = 1024, stages = 1, afterWait = 2, inFlightBeforeWait = 2, inFlight = 3, warps = 8, scaleAfter = true>}

// -----

// expected-error @+1 {{afterWait must be 1 to 4, found 5}}
func.func private @f() attributes {a = #llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 5, inFlightBeforeWait = 2, inFlight = 3, warps = 8, scaleAfter = true>}

// -----

// expected-error @+1 {{inFlight must be 1 to 5, found 6}}
func.func private @f() attributes {a = #llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 2, inFlight = 6, warps = 8, scaleAfter = true>}

// -----

// expected-error @+1 {{inFlightBeforeWait must be 1 to 3, found 4}}
func.func private @f() attributes {a = #llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 4, inFlight = 3, warps = 8, scaleAfter = true>}

// -----

// expected-error @+1 {{warps must be 1 to 31, found 32}}
func.func private @f() attributes {a = #llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 2, inFlight = 3, warps = 32, scaleAfter = true>}

// -----

// expected-error @+1 {{dot must be mma or wgmma, found fma}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 64, stages = 4, warps = 8, dot = fma, weight_first = false, persistent = true, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{tokens must be 128, found 64}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 64, rows = 256, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{rows must be a multiple of 16 from 16 to 256, found 272}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 128, rows = 272, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{tokens must be a multiple of 32 from 32 to 256, found 48}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 48, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = true, persistent = true, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{depth must be a multiple of 64 from 64 to 256, found 32}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 32, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{stages must be 2 to 32, found 1}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 64, stages = 1, warps = 8, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{warps must be a multiple of 4 from 4 to 16, found 6}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 64, stages = 4, warps = 6, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{cluster must be 1 to 2, found 3}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 3>}

// -----

// expected-error @+1 {{burst must be 0 to 256, found 257}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 64, rows = 32, depth = 64, stages = 4, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = true, cluster = 1, burst = 257>}

// -----

// Test: what is not requested ahead has no burst.
// expected-error @+1 {{burst must be 0, found 64}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 64, rows = 32, depth = 64, stages = 4, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1, burst = 64>}

// -----

// expected-error @+1 {{burst must be 0, found 64}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = true, cluster = 1, burst = 64>}

// -----

// expected-error @+1 {{clusters of 2 must be persistent and request nothing ahead}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{dot = mma has neither weight_first nor persistent}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = true, ahead = false, cluster = 1>}

// -----

// expected-error @+1 {{cluster must be 1, found 2}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = false, cluster = 2>}

// -----

// expected-error @+1 {{tokens must be a multiple of 16 from 16 to 256, found 8}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 8, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = false, cluster = 1>}

// -----

// expected-error @+1 {{depth must be a multiple of 32 from 32 to 64, found 128}}
func.func private @f() attributes {a = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 128, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = false, cluster = 1>}

// -----

// expected-error @+1 {{tokens must be 1, found 2}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = few, tokens = 2, heads = 4, warps = 4, keys = 64, splits = 16, dot = fma>}

// -----

// expected-error @+1 {{heads must be 1 to 128, found 0}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = few, tokens = 1, heads = 0, warps = 4, keys = 64, splits = 16, dot = fma>}

// -----

// expected-error @+1 {{splits must be 1 to 32, found -1}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = -1, dot = fma>}

// -----

// expected-error @+1 {{keys must be 1 to 65536, found 0}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 0, splits = 16, dot = fma>}

// -----

// expected-error @+1 {{dot must be fma or mma, found wgmma}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 16, dot = wgmma>}

// -----

// expected-error @+1 {{dot must be mma or wgmma, found fma}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 128, splits = 1, dot = fma>}

// -----

// expected-error @+1 {{many rows have splits > 1 only with tokens = 1, dot = mma and part > 0, found splits = 2, tokens = 32, part = 256}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 128, splits = 2, dot = wgmma, part = 256>}

// -----

// expected-error @+1 {{many rows have splits > 1 only with tokens = 1, dot = mma and part > 0, found splits = 2, tokens = 1, part = 0}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 2, dot = mma>}

// -----

// expected-error @+1 {{part must be a multiple of keys (64), found 96}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 2, dot = mma, part = 96>}

// -----

// expected-error @+1 {{part must be 0, found 64}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 2, dot = mma, part = 64>}

// -----

// expected-error @+1 {{lone must be a schedule #llama.cuda_attention<..., tokens = 1, ...> in one of many tokens, found #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 1, dot = fma> in one of few rows and 1 tokens}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 1, dot = fma, lone = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 1, dot = fma>>}

// -----

// expected-error @+1 {{lone must be a schedule #llama.cuda_attention<..., tokens = 1, ...> in one of many tokens, found #llama.cuda_pointwise<threads = 128> in one of many rows and 32 tokens}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 128, splits = 1, dot = wgmma, lone = #llama.cuda_pointwise<threads = 128>>}

// -----

// expected-error @+1 {{found #llama.cuda_attention<regime = many, tokens = 16, heads = 4, warps = 4, keys = 64, splits = 1, dot = mma> in one of many rows and 32 tokens}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 128, splits = 1, dot = wgmma, lone = #llama.cuda_attention<regime = many, tokens = 16, heads = 4, warps = 4, keys = 64, splits = 1, dot = mma>>}

// -----

// expected-error @+1 {{stages must be 2, found 3}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 128, splits = 1, dot = wgmma, stages = 3>}

// -----

// expected-error @+1 {{keys must be a multiple of 16 from 16 to 256, found 24}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 32, heads = 4, warps = 8, keys = 24, splits = 1, dot = wgmma>}

// -----

// expected-error @+1 {{tokens must be a multiple of 16 from 16 to 256, found 1}}
func.func private @f() attributes {a = #llama.cuda_attention<regime = many, tokens = 1, heads = 4, warps = 8, keys = 128, splits = 1, dot = wgmma>}

// -----

// expected-error @+1 {{threads must be a multiple of 32 from 32 to 1024, found 100}}
func.func private @f() attributes {a = #llama.cuda_pointwise<threads = 100>}

// -----

// expected-error @+1 {{threads must be a multiple of 32 from 32 to 1024, found 0}}
func.func private @f() attributes {a = #llama.cuda_pointwise<threads = 0>}

// -----

// Test: a tile has as many sums in a row as AVX-512 has lanes.
// expected-error @+1 {{dot = amx_int8 needs 16 lanes, found 8}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 8, run = 16, vectors = 1, rowTiles = 6, dot = amx_int8, prefetch = 0>}

// -----

// Test: reading weights dominates where rows are few.
// expected-error @+1 {{dot = amx_bf16 is for many rows}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 16, run = 16, vectors = 1, rowTiles = 1, dot = amx_bf16, prefetch = 0>}

// -----

// Test: eight tiles hold no more.
// expected-error @+1 {{vectors must be 1 to 2, found 3}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 3, rowTiles = 6, dot = amx_bf16, prefetch = 0>}

// -----

// expected-error @+1 {{vectors must be 1, found 2}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 2, rowTiles = 6, dot = amx_int8, prefetch = 0>}

// -----

// expected-error @+1 {{dot = amx_int8 needs 16 lanes, found 8}}
func.func private @f() attributes {a = #llama.cpu_attention<rows = many, lanes = 8, keys = 32, dot = amx_int8>}

// -----

// Test: pairs of bytes are added in eight lanes.
// expected-error @+1 {{dot = int8_pairs needs 8 lanes, found 16}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 16, run = 1, vectors = 1, rowTiles = 1, dot = int8_pairs, prefetch = 0>}

// -----

// Test: an order of sums that is none, and one for many rows, which have one order.
// expected-error @+1 {{unknown order of sums 'any', expected lanes or in_order}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0, streams = 1, sums = any>}

// -----

// expected-error @+1 {{sums = in_order is for few rows: over many rows products are added in order anyway}}
func.func private @f() attributes {a = #llama.cpu_linear<rows = many, lanes = 8, run = 2, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0, sums = in_order>}
