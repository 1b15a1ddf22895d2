// RUN: quipu-opt %s --split-input-file --verify-diagnostics

// Test: a target is a module's.
// expected-error @+1 {{has the attribute llama.target, which belongs to a module}}
func.func private @f() attributes {llama.target = #llama.cpu_target<request = "x86-64-v3", tune = "x86-64-v3", features = "avx2">}

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
