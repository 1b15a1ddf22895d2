// RUN: quipu-opt %s --split-input-file --llama-select-schedules | FileCheck %s
// RUN: quipu-opt %s --split-input-file --llama-select-schedules=target=cuda:sm_80 | FileCheck %s --check-prefix=OPTION

// Test: schedules are chosen by the features of the module's target. The option takes the place of the attribute.
// OPTION: module attributes {llama.deterministic, llama.target = #llama.cuda_target<arch = "sm_80"
// OPTION: #llama.cuda_linear_few
// OPTION: module attributes {llama.deterministic, llama.target = #llama.cuda_target<arch = "sm_80"

// CHECK: llama.kernel @k
// CHECK-SAME: #llama.cuda_linear_ring<
module attributes {llama.target = #llama.cuda_target<arch = "sm_90a", ptxArch = "sm_90a", ptxVersion = 86, multiprocessors = 132, sharedBytes = 232448, features = [bulk_copies, dependent_launch]>} {
  llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.weight @w : tensor<64x64xbf16> role matrix sources ["w"]
  func.func @decode(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
    %w = llama.weight_ref @w : tensor<64x64xbf16>
    %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    return %0 : tensor<?x64xbf16>
  }
}

// -----

// Test: without bulk copies there is no ring.
// CHECK: llama.kernel @k
// CHECK-SAME: #llama.cuda_linear_few<
module attributes {llama.target = #llama.cuda_target<arch = "sm_90a", ptxArch = "sm_90a", ptxVersion = 86, multiprocessors = 132, sharedBytes = 232448, features = [wgmma, tensor_copies, dependent_launch]>} {
  llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.weight @w : tensor<64x64xbf16> role matrix sources ["w"]
  func.func @decode(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
    %w = llama.weight_ref @w : tensor<64x64xbf16>
    %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    return %0 : tensor<?x64xbf16>
  }
}

// -----

// Test: without wgmma long prompts use mma; with it and without clusters each block reads for itself.
// CHECK: llama.kernel @k
// CHECK-SAME: dot = mma
module attributes {llama.target = #llama.cuda_target<arch = "sm_90a", ptxArch = "sm_90a", ptxVersion = 86, multiprocessors = 132, sharedBytes = 232448, features = [tensor_copies, clusters]>} {
  llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.weight @w : tensor<64x64xbf16> role matrix sources ["w"]
  func.func @prefill(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> attributes {llama.program = #llama.program<prefill, rows = 513 to 2048>} {
    %w = llama.weight_ref @w : tensor<64x64xbf16>
    %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    return %0 : tensor<?x64xbf16>
  }
}

// -----

// CHECK: llama.kernel @k
// CHECK-SAME: dot = wgmma
// CHECK-SAME: cluster = 1
module attributes {llama.target = #llama.cuda_target<arch = "sm_90a", ptxArch = "sm_90a", ptxVersion = 86, multiprocessors = 132, sharedBytes = 232448, features = [wgmma, tensor_copies]>} {
  llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.weight @w : tensor<64x64xbf16> role matrix sources ["w"]
  func.func @prefill(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> attributes {llama.program = #llama.program<prefill, rows = 513 to 2048>} {
    %w = llama.weight_ref @w : tensor<64x64xbf16>
    %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    return %0 : tensor<?x64xbf16>
  }
}
