// RUN: quipu-opt %s --llama-specialize --split-input-file | FileCheck %s
// RUN: quipu-opt %s --llama-specialize="decode-rows=2 prefill-rows=2" --split-input-file | FileCheck %s --check-prefix=DECODE
// RUN: quipu-opt %s --llama-specialize="decode-rows=4 prefill-rows=64 row-align=32 page=64" --split-input-file | FileCheck %s --check-prefix=OPTIONS
// RUN: quipu-opt %s --llama-specialize="programs=decode:1-8,decode:decode64:9-64,prefill:65-256,prefill:long:257-2048 row-align=4" --split-input-file | FileCheck %s --check-prefix=PROGRAMS
// RUN: quipu-opt %s --llama-specialize="programs=decode:1-8,decode:wide:9-100,prefill:9-256" --split-input-file | FileCheck %s --check-prefix=BOTH

// Test: programs and kernels are cloned, the kernels named after their program, and the originals erased; the kernel of
// a program that is none of ours stays.
// CHECK: llama.kernel @helper.add
// CHECK-NOT: @forward
// CHECK: llama.kernel @decode.append(
// CHECK: func.func @decode({{.*}}) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
// CHECK: llama.launch @decode.append(
// CHECK: llama.kernel @prefill.append(
// CHECK: func.func @prefill({{.*}}) -> tensor<?x8xf32> attributes {llama.program = #llama.program<prefill, rows = 9 to 256, align = 16>} {
// CHECK: llama.launch @prefill.append(
// CHECK-NOT: @forward

// Test: without rows left for it there is no prefill program.
// DECODE-NOT: func.func @prefill
// DECODE: func.func @decode({{.*}} #llama.program<decode, rows = 1 to 2>
// DECODE-NOT: func.func @prefill

// Test: the page of the cache changes in every type.
// OPTIONS: llama.kernel @decode.append({{.*}}!llama.kv_layer<1 x 4 x f32, page = 64>
// OPTIONS: func.func @decode({{.*}}!llama.kv_cache<1 x 1 x 4 x f32, page = 64>{{.*}} #llama.program<decode, rows = 1 to 4>
// OPTIONS: #llama.program<prefill, rows = 5 to 64, align = 32>
// OPTIONS-NOT: page = 32

// Test: a program for each stretch of rows asked for, bounded by the imported one; rows are aligned in prefill only.
// BOTH: func.func @wide({{.*}} #llama.program<decode, rows = 9 to 100>
// BOTH: func.func @prefill({{.*}} #llama.program<prefill, rows = 9 to 256, align = 16>
// PROGRAMS: llama.kernel @decode.append(
// PROGRAMS: func.func @decode({{.*}} #llama.program<decode, rows = 1 to 8>
// PROGRAMS: llama.kernel @decode64.append(
// PROGRAMS: func.func @decode64({{.*}} #llama.program<decode, rows = 9 to 64>
// PROGRAMS: llama.launch @decode64.append(
// PROGRAMS: llama.kernel @prefill.append(
// PROGRAMS: func.func @prefill({{.*}} #llama.program<prefill, rows = 65 to 256, align = 4>
// PROGRAMS: llama.kernel @long.append(
// PROGRAMS: func.func @long({{.*}} #llama.program<prefill, rows = 257 to 512, align = 4>
// PROGRAMS: func.func @decode64({{.*}} #llama.program<decode, rows = 9 to 12>
// PROGRAMS-NOT: func.func @prefill
llama.kernel @helper.add(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @forward.append(%kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) {
  llama.kv_append %kv, %k, %k, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  llama.yield
}
func.func @forward(%x: tensor<?x8xf32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                   %cache: !llama.kv_cache<1 x 1 x 4 x f32, page = 32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>} {
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<1 x 1 x 4 x f32, page = 32> -> !llama.kv_layer<1 x 4 x f32, page = 32>
  llama.launch @forward.append(%kv, %k, %p, %s) : (!llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>) -> ()
  return %x : tensor<?x8xf32>
}

// -----

// Test: no program takes more rows than the imported one; a graph without kernels is specialised as well.
// CHECK: func.func @decode({{.*}} #llama.program<decode, rows = 1 to 8>
// CHECK: llama.linear
// CHECK: func.func @prefill({{.*}} #llama.program<prefill, rows = 9 to 12, align = 16>
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 12>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// CHECK: func.func @decode({{.*}} #llama.program<decode, rows = 1 to 3>
// CHECK-NOT: func.func
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 3>} {
  return %x : tensor<?x8xf32>
}
