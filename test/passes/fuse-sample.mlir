// RUN: quipu-opt %s --llama-fuse-sample --split-input-file --mlir-print-debuginfo | FileCheck %s
// RUN: quipu-opt %s --llama-fuse-sample --llama-fuse-sample --split-input-file --mlir-print-debuginfo | FileCheck %s
// RUN: quipu-opt %s --llama-fuse-sample=leave --split-input-file | FileCheck %s --check-prefix=LEAVE
// RUN: quipu-opt %s --llama-fuse-sample=leave --split-input-file --debug-only=llama-fuse-sample -o %t.mlir 2>&1 | FileCheck %s --check-prefix=WHY

// Test: the greedy choice goes into the kernel of the logits, whose launch gives both; a drawn one stays; twice is as
// once; a device with a service keeps both.
// CHECK: llama.kernel @decode.head({{.*}}) -> (tensor<?x16xf32>, tensor<?xi32>) {
// CHECK: %[[LOGITS:.*]] = llama.linear
// CHECK-NEXT: %[[IDS:.*]] = llama.sample %[[LOGITS]] greedy : (tensor<?x16xf32>) -> tensor<?xi32> loc(#[[WORD:.*]])
// CHECK-NEXT: llama.yield %[[LOGITS]], %[[IDS]] : tensor<?x16xf32>, tensor<?xi32>
// CHECK-LABEL: func.func @decode
// CHECK: %[[BOTH:.*]]:2 = llama.launch @decode.head({{.*}}) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> (tensor<?x16xf32>, tensor<?xi32>) loc(#[[PLACE:.*]])
// CHECK-NEXT: %[[DRAWN:.*]] = llama.sample %[[BOTH]]#0 drawn
// CHECK-NEXT: return %[[BOTH]]#0, %[[BOTH]]#1, %[[DRAWN]]
// CHECK-DAG: #[[WORD]] = loc("sample")
// CHECK-DAG: #[[CHOICE:.*]] = loc("model.sample")
// CHECK-DAG: #[[PLACE]] = loc("head"(#[[CHOICE]]))
// LEAVE: llama.kernel @decode.head({{.*}}) -> tensor<?x16xf32> {
// LEAVE: llama.sample %{{.*}} greedy
// LEAVE: llama.sample %{{.*}} drawn
// WHY: llama-fuse-sample: @decode: llama.sample of model.sample stays in the program: the target's device has a service that chooses tokens
llama.kernel @decode.head(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  llama.yield %2 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %rules: tensor<?x!llama.sample_rule>,
                  %recent: tensor<?x1024xi32>, %random: tensor<?xf64>) -> (tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>)
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @decode.head(%x, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("head")
  %1 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32> loc("model.sample")
  %2 = llama.sample %0 drawn by %rules recent %recent random %random
     : (tensor<?x16xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32> loc("model.sample")
  return %0, %1, %2 : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
}
