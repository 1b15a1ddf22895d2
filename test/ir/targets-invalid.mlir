// RUN: quipu-opt %s --split-input-file --verify-diagnostics

// Test: a target is a module's.
// expected-error @+1 {{has the attribute llama.target, which belongs to a module}}
func.func private @f() attributes {llama.target = #llama.cpu_target<request = "x86-64-v3", tune = "x86-64-v3", features = "avx2">}

// -----

// Test: to be deterministic is a module's.
// expected-error @+1 {{has the attribute llama.deterministic, which belongs to a module}}
func.func private @f() attributes {llama.deterministic}

// -----

// Test: a module that is not what it says: a kernel over many rows adds in another order than the one over few rows.
// expected-error @+1 {{says that it is deterministic, but @few adds products of @w (f32) by the lanes of a vector (dot = fma), and @many in the order of the inputs (dot = fma)}}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<8x8xf32> role matrix sources ["w"]
  llama.kernel @few(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
    %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
    llama.yield %0 : tensor<?x8xf32>
  }
  llama.kernel @many(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
    %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
    llama.yield %0 : tensor<?x8xf32>
  }
  func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %w = llama.weight_ref @w : tensor<8x8xf32>
    %y = llama.launch @few(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
    %z = llama.launch @many(%y, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
    return %z : tensor<?x8xf32>
  }
}

// -----

// Test: no target.
// expected-error @+1 {{has the target "cpu"; expected a #llama.cpu_target or #llama.cuda_target}}
module attributes {llama.target = "cpu"} {}

// -----

// Test: a number that no GPU has.
// expected-error @+1 {{multiprocessors must be positive, found 0}}
module attributes {llama.target = #llama.cuda_target<arch = "sm_80", ptxArch = "sm_80", ptxVersion = 80, multiprocessors = 0, sharedBytes = 1>} {}

// -----

// Test: no name of an architecture.
// expected-error @+1 {{arch and ptxArch must be names of architectures, found '' and 'sm_80'}}
module attributes {llama.target = #llama.cuda_target<arch = "", ptxArch = "sm_80", ptxVersion = 80, multiprocessors = 1, sharedBytes = 1>} {}

// -----

// Test: a schedule that is none.
// expected-error @+1 {{attribute 'schedule' failed to satisfy constraint}}
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = "fast"} {
  llama.yield %x : tensor<?x8xf32>
}
