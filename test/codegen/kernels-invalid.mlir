// RUN: quipu-opt %s --llama-select-schedules="target=cpu:x86-64-v4,+avx512" -verify-diagnostics

// Test: the pass refuses a target as the driver does.
// expected-error@+1 {{unknown or unused feature 'avx512'}}
module {
}
