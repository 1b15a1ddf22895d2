// RUN: quipu-opt %s --llama-split-scores -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: quipu-opt %t.mlir --llama-split-scores | diff - %t.mlir
// RUN: quipu-opt %s --llama-split-scores --mlir-print-debuginfo | FileCheck %s --check-prefix=PLACES
// RUN: quipu-opt %s --llama-split-scores=kinds=prefill | FileCheck %s
// RUN: quipu-opt %s --llama-split-scores=kinds=none | FileCheck %s --check-prefix=NONE --implicit-check-not=log_prob --implicit-check-not=targets
// RUN: not quipu-opt %s --llama-split-scores=kinds=some 2>&1 | FileCheck %s --check-prefix=WRONG

// WRONG: error: llama-split-scores: kinds is 'some', expected all, prefill or none

// Test: the program with probabilities becomes two, which share all kernels but that of the logits. Each has the inputs
// that it reads. Twice is as once.
// CHECK: llama.kernel @prefill.body
// CHECK: llama.kernel @prefill.head({{.*}}) -> tensor<?x16xf32> {
// CHECK-NOT: llama.log_prob
// CHECK-LABEL: func.func @prefill(
// CHECK-NOT: "targets"
// CHECK-SAME: -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xi32> {llama.name = "greedy_tokens"}, tensor<?xi32> {llama.name = "drawn_tokens"})
// CHECK-NOT: llama.log_prob
// CHECK: llama.kernel @prefill_score.head(%{{[^)]*}}: tensor<?xi32>{{[^)]*}}) -> tensor<?xf32> {
// CHECK: %[[LOGITS:.*]] = llama.linear
// CHECK-NEXT: %[[SCORES:.*]] = llama.log_prob %[[LOGITS]], %{{.*}} : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
// CHECK-NEXT: llama.yield %[[SCORES]] : tensor<?xf32>
// CHECK-LABEL: func.func @prefill_score(
// CHECK-NOT: "sample_rules"
// CHECK-NOT: "random_numbers"
// CHECK-SAME: "targets"}
// CHECK-SAME: -> (tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<prefill, rows = 1 to 64>}
// CHECK-NEXT: %[[X:.*]] = llama.launch @prefill.body
// CHECK-NEXT: %[[RESULT:.*]] = llama.launch @prefill_score.head(%[[X]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : ({{.*}}) -> tensor<?xf32>
// CHECK-NEXT: return %[[RESULT]] : tensor<?xf32>
// NONE: func.func @prefill(
// PLACES: llama.log_prob {{.*}} loc(#[[WORD:.*]])
// PLACES: llama.launch @prefill_score.head({{.*}} loc(#[[PLACE:.*]])
// PLACES-DAG: #[[WORD]] = loc("log_prob")
// PLACES-DAG: #[[SCORES:.*]] = loc("model.log_prob")
// PLACES-DAG: #[[PLACE]] = loc("head"(#[[SCORES]]))
llama.kernel @prefill.body(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @prefill.head(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  llama.yield %2 : tensor<?x16xf32>
}
func.func @prefill(%x: tensor<?x8xf32>, %r: tensor<?xi32> {llama.name = "output_rows"}, %n: tensor<8xf32>, %w: tensor<16x8xf32>,
                   %rules: tensor<?x!llama.sample_rule> {llama.name = "sample_rules"}, %recent: tensor<?x1024xi32> {llama.name = "recent_tokens"},
                   %random: tensor<?xf64> {llama.name = "random_numbers"}, %targets: tensor<?xi32> {llama.name = "targets"})
    -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xi32> {llama.name = "greedy_tokens"}, tensor<?xi32> {llama.name = "drawn_tokens"}, tensor<?xf32> {llama.name = "log_probs"})
    attributes {llama.program = #llama.program<prefill, rows = 1 to 64>} {
  %y = llama.launch @prefill.body(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %0 = llama.launch @prefill.head(%y, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("head")
  %1 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32> loc("model.sample")
  %2 = llama.sample %0 drawn by %rules recent %recent random %random
     : (tensor<?x16xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32> loc("model.sample")
  %3 = llama.log_prob %0, %targets : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32> loc("model.log_prob")
  return %0, %1, %2, %3 : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xf32>
}
