// RUN: quipu-opt %s --split-input-file --verify-diagnostics

// Test: numbers of a grid, of a block and of a box are counts.
// expected-error @+1 {{fixed must be at least 1, found 0}}
func.func private @f() attributes {x = #llama.entry<symbol = "k", fixed = 0>}

// -----

// expected-error @+1 {{rowsPerBlock must be at least 1, found -8}}
func.func private @f() attributes {x = #llama.entry<symbol = "k", rowsPerBlock = -8>}

// -----

// expected-error @+1 {{sharedBytes must be at least 0, found -1}}
func.func private @f() attributes {x = #llama.entry<symbol = "k", sharedBytes = -1>}

// -----

// Test: a grid is whole clusters.
// expected-error @+1 {{fixed must be a multiple of cluster, found 3 and 2}}
func.func private @f() attributes {x = #llama.entry<symbol = "k", fixed = 3, cluster = 2>}

// -----

// Test: a thread takes blocks.
// expected-error @+1 {{leastBlocks must be at least 1, found 0}}
func.func private @f() attributes {x = #llama.entry<symbol = "k", fixed = 3, leastBlocks = 0>}

// -----

// Test: an entry is a function.
// expected-error @+1 {{symbol must be the name of a function, found none}}
func.func private @f() attributes {x = #llama.entry<symbol = "">}

// -----

// expected-error @+1 {{boxRows must be at least 1, found 0}}
func.func private @f() attributes {x = #llama.tensor_map<pointer = 0, element = bf16, rows = 8, columns = 8, boxRows = 0, boxColumns = 8>}

// -----

// Test: code has an entry, and memory is not negative.
// expected-error @+1 {{scratchBytes must be at least 0, found -4}}
func.func private @f() attributes {x = #llama.code<[<symbol = "k">], scratchBytes = -4>}
