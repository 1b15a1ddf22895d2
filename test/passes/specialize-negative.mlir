// RUN: quipu-opt %s --llama-specialize --split-input-file --verify-diagnostics | FileCheck %s
// RUN: %status 1 quipu-opt %s --llama-specialize=decode-rows=0 --split-input-file 2>&1 | FileCheck %s --check-prefix=OPTIONS
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=decode --split-input-file 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=decode:1-8,decode:9 --split-input-file 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=forward:1-8 --split-input-file 2>&1 | FileCheck %s --check-prefix=FOREIGN
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=decode::1-8 --split-input-file 2>&1 | FileCheck %s --check-prefix=UNNAMED
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=decode:1-8,prefill:decode:9-64 --split-input-file 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=decode:1-8,prefill:10-64 --split-input-file 2>&1 | FileCheck %s --check-prefix=GAP
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=decode:1-8,prefill:5-64,prefill:more:60-99 --split-input-file 2>&1 | FileCheck %s --check-prefix=SHARED
// RUN: %status 1 quipu-opt %s --llama-specialize=programs=decode:1-0 --split-input-file 2>&1 | FileCheck %s --check-prefix=EMPTY

// Test: options that make no program are refused.
// OPTIONS: error: llama-specialize needs decode-rows >= 1, prefill-rows >= 0, row-align >= 1 and page >= 0, found 0, 256, 16 and 0

// Test: so are programs that are none, have no name of their own, or leave rows to nobody.
// FORM: error: llama-specialize: program 'decode' is not of the form KIND:MIN-MAX or KIND:NAME:MIN-MAX
// RANGE: error: llama-specialize: program 'decode:9' is not of the form KIND:MIN-MAX or KIND:NAME:MIN-MAX
// FOREIGN: error: llama-specialize: program 'forward:1-8' has kind 'forward', expected decode or prefill
// UNNAMED: error: llama-specialize: program 'decode::1-8' has no name
// TWICE: error: llama-specialize: program 'prefill:decode:9-64' has the name of one before
// GAP: error: llama-specialize: program 'prefill:10-64' has rows 10 to 64, expected 9 to at least as many
// SHARED: error: llama-specialize: program 'prefill:more:60-99' has rows 60 to 99, expected 65 to at least as many
// EMPTY: error: llama-specialize: program 'decode:1-0' has rows 1 to 0, expected 1 to at least as many

// Test: what is no program, or already specialised, stays.
// CHECK: func.func @helper(
// CHECK: func.func @decode({{.*}} #llama.program<decode, rows = 1 to 4>
// CHECK-NOT: func.func
func.func @helper(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<decode, rows = 1 to 4>} {
  return %x : tensor<?x8xf32>
}

// -----

// Test: a name that is taken is not taken away.
func.func private @prefill()
// expected-error @+1 {{cannot make program @prefill: the name is taken}}
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>} {
  return %x : tensor<?x8xf32>
}

// -----

// Test: two imported programs in a module are one too many.
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>} {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{a module has one program of kind forward, found @forward and @again}}
func.func @again(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>} {
  return %x : tensor<?x8xf32>
}
