// RUN: quipu-opt %s --llama-plan-memory --split-input-file | FileCheck %s

// Test: values that live at the same time lie apart, a dead one's place is used again, what the program returns lies
// elsewhere; places are multiples of 64 bytes.
// 3 rows of 8 f32 are 96 bytes, 128 with alignment.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: llama.arena_bytes = 256 : i64
// CHECK: llama.launch @add({{.*}}) {offsets = array<i64: 0>}
// CHECK: llama.launch @add({{.*}}) {offsets = array<i64: 128>}
// CHECK: llama.launch @add({{.*}}) {offsets = array<i64: 0>}
// CHECK: llama.launch @add({{.*}}) {offsets = array<i64: -1>}
llama.kernel @add(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @chain(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 3>} {
  %0 = llama.launch @add(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @add(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = llama.launch @add(%1) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = llama.launch @add(%2) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %3 : tensor<?x8xf32>
}

// Test: a value that a later launch reads keeps its place until then.
// CHECK-LABEL: func.func @kept
// CHECK-SAME: llama.arena_bytes = 384 : i64
// CHECK: {offsets = array<i64: 0>}
// CHECK: {offsets = array<i64: 128>}
// CHECK: {offsets = array<i64: 256>}
// CHECK: {offsets = array<i64: -1>}
llama.kernel @add2(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @kept(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 3>} {
  %0 = llama.launch @add(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @add(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = llama.launch @add(%1) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = llama.launch @add2(%2, %0) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %3 : tensor<?x8xf32>
}

// -----

// Test: the program's alignment of rows and the lanes of a layout round sizes up: 17 rows are 32, or 40 with 40 lanes.
// CHECK-LABEL: func.func @rounded
// CHECK-SAME: llama.arena_bytes = 2304 : i64
// CHECK: {offsets = array<i64: 1280>}
// CHECK: {offsets = array<i64: 0>}
llama.kernel @norm(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @lanes(%x: tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>, %y: tensor<?x8xf32>)
    -> tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>> {
  %0 = llama.add %x, %x : (tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>, tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>
  llama.yield %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>
}
func.func @rounded(%x: tensor<?x8xf32>, %y: tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>)
    attributes {llama.program = #llama.program<prefill, rows = 9 to 17, align = 16>} {
  %0 = llama.launch @norm(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @lanes(%y, %0) : (tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>, tensor<?x8xf32>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 40, pack = 1>>
  return
}

// -----

// Test: a workspace lives during its launch alone, beside the launch's operands and results.
// CHECK-LABEL: func.func @workspace
// CHECK-SAME: llama.arena_bytes = 384 : i64
// CHECK: {offsets = array<i64: 256>, workspaceOffsets = array<i64: 0>}
// CHECK: {offsets = array<i64: 320>, workspaceOffsets = array<i64: 0>}
llama.kernel @work(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {workspace = [tensor<?x64xf32>]} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @workspace(%x: tensor<?x8xf32>) attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %0 = llama.launch @work(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @work(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// Test: a result lies where the operand was that it may overwrite, over several launches, and lives on there.
// CHECK-LABEL: func.func @residual
// CHECK-SAME: llama.arena_bytes = 256 : i64
// CHECK: llama.launch @first({{.*}}) {offsets = array<i64: 0>}
// CHECK: llama.launch @first({{.*}}) {offsets = array<i64: 128>}
// CHECK: llama.launch @add({{.*}}) {offsets = array<i64: 0>}
// CHECK: llama.launch @first({{.*}}) {offsets = array<i64: 128>}
// CHECK: llama.launch @add({{.*}}) {offsets = array<i64: 0>}
// CHECK: llama.launch @first({{.*}}) {offsets = array<i64: -1>}
llama.kernel @first(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @add(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {overwrites = array<i64: 1>} {
  %0 = llama.add %x, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @residual(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 3>} {
  %0 = llama.launch @first(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @first(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = llama.launch @add(%1, %0) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = llama.launch @first(%2) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = llama.launch @add(%3, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %5 = llama.launch @first(%4) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %5 : tensor<?x8xf32>
}
