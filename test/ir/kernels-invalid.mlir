// RUN: quipu-opt %s --verify-diagnostics --split-input-file

// Test: kernels and launches that do not fit are refused.

llama.weight @w : tensor<8x8xf32> role matrix sources ["w"]
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
// expected-error @+1 {{'llama.kernel' op must take llama.weight_ref as an argument, not contain it}}
llama.kernel @bad(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = llama.weight_ref @w : tensor<8x8xf32>
  llama.yield %x : tensor<?x8xf32>
}

// -----

llama.weight @w : tensor<8x8xf32> role matrix sources ["w"]
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
// expected-error @+1 {{'llama.kernel' op must take llama.launch as an argument, not contain it}}
llama.kernel @bad(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = llama.launch @k(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %x : tensor<?x8xf32>
}

// -----

// expected-error @+1 {{'llama.kernel' op must take llama.kv_layer as an argument, not contain it}}
llama.kernel @bad(%c: !llama.kv_cache<2 x 1 x 4 x f32, page = 32>) {
  %kv = llama.kv_layer %c[0] : !llama.kv_cache<2 x 1 x 4 x f32, page = 32> -> !llama.kv_layer<1 x 4 x f32, page = 32>
  llama.yield
}

// -----

// expected-error @+1 {{'llama.kernel' op holds 2 contractions, expected at most one}}
llama.kernel @bad(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = llama.linear %0, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}

// -----

llama.kernel @bad(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{'llama.yield' op yields ('tensor<?x8xf32>'), but @bad declares ('tensor<?x4xf32>')}}
  llama.yield %x : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.yield' op expects parent op 'llama.kernel'}}
  llama.yield %x : tensor<?x8xf32>
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op refers to @gone, which is no llama.kernel}}
  %0 = llama.launch @gone(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op refers to @f, which is no llama.kernel}}
  %0 = llama.launch @f(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op passes ('tensor<?x4xf32>'), but @k takes ('tensor<?x8xf32>')}}
  %0 = llama.launch @k(%y) : (tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op passes ('tensor<?x8xf32>', 'tensor<?x8xf32>'), but @k takes ('tensor<?x8xf32>')}}
  %0 = llama.launch @k(%x, %x) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op yields ('tensor<?x4xf32>'), but @k gives ('tensor<?x8xf32>')}}
  %0 = llama.launch @k(%x) : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op has 2 offsets for 1 results}}
  %0 = llama.launch @k(%x) {offsets = array<i64: 0, 64>} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op has 1 workspace offsets for 0 workspaces of @k}}
  %0 = llama.launch @k(%x) {workspaceOffsets = array<i64: 0>} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {workspace = [tensor<?x8xf32>, tensor<?x8xf32>]} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.launch' op has 1 workspace offsets for 2 workspaces of @k}}
  %0 = llama.launch @k(%x) {workspaceOffsets = array<i64: 0>} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// expected-error @+1 {{'llama.kernel' op has 2 overwrites for 1 results}}
llama.kernel @bad(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {overwrites = array<i64: 0, 0>} {
  llama.yield %x : tensor<?x8xf32>
}

// -----

// expected-error @+1 {{'llama.kernel' op overwrites argument 1, but takes 1}}
llama.kernel @bad(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {overwrites = array<i64: 1>} {
  llama.yield %x : tensor<?x8xf32>
}

// -----

// expected-error @+1 {{'llama.kernel' op overwrites an argument of type 'tensor<?x4xf32>' with a result of type 'tensor<?x8xf32>'; the types must be equal}}
llama.kernel @bad(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) -> tensor<?x8xf32> attributes {overwrites = array<i64: 1>} {
  llama.yield %x : tensor<?x8xf32>
}

// -----

// expected-error @+1 {{'llama.kernel' op overwrites argument 0 with several results}}
llama.kernel @bad(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) attributes {overwrites = array<i64: 0, 0>} {
  llama.yield %x, %x : tensor<?x8xf32>, tensor<?x8xf32>
}
