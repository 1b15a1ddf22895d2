// RUN: not quipu-opt %s --llama-select-schedules="target=cpu:x86-64-v4,+avx512" 2>&1 | FileCheck %s

// Test: the pass refuses a target as the driver does.
// CHECK: unknown or unused feature 'avx512'
module {
}
