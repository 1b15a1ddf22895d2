// RUN: quipu-opt %s --llama-to-linalg | FileCheck %s --implicit-check-not='llama.{{[a-z_]+ }}' --implicit-check-not='!llama.'
// RUN: quipu-opt %s --llama-reference-pipeline | FileCheck %s --check-prefix=LLVM --implicit-check-not=unrealized_conversion_cast

llama.weight @table : tensor<16x8xbf16> role embedding sources ["t"]
llama.weight @unused : tensor<3xf32> role norm sources ["u"]
llama.weight @w : tensor<16x8xbf16, #llama.row_parts<8, 8>> role matrix sources ["a", "b"] rows [8, 8]

// Test: a program takes all weights of the module, in its order, after its own arguments; a cache is a memref; layouts
// are gone; launches are the bodies of their kernels.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[TOKENS:[a-z0-9]*]]: tensor<?xi32>, %[[P:[a-z0-9]*]]: tensor<?xi32>, %[[S:[a-z0-9]*]]: tensor<?xi32>, %[[ROWS:[a-z0-9]*]]: tensor<?xi32>
// CHECK-SAME: %[[CACHE:[a-z0-9]*]]: memref<2x2x?x?x2x4xbf16>, %[[TABLE:[a-z0-9]*]]: tensor<16x8xbf16>, %{{[a-z0-9]*}}: tensor<3xf32>, %[[W:[a-z0-9]*]]: tensor<16x8xbf16>)
// CHECK-SAME: -> tensor<?x16xf32> attributes {llvm.emit_c_interface}
// CHECK: %[[T:.*]] = tensor.dim %[[TOKENS]]
// CHECK: %[[X:.*]] = linalg.generic
// CHECK: arith.extf {{.*}} : bf16 to f32
// CHECK: linalg.yield

// Test: a layer of the cache is a slice of it.
// CHECK: %[[SLICE:.*]] = memref.subview %[[CACHE]][1, 0, 0, 0, 0, 0] [1, 2, %{{.*}}, %{{.*}}, 2, 4] [1, 1, 1, 1, 1, 1] : memref<2x2x?x?x2x4xbf16> to memref<2x?x?x2x4xbf16, strided<[?, ?, 8, 4, 1], offset: ?>>

// Test: appending is a store, guarded by the sign of the position, that rounds to the cache's type.
// CHECK: scf.for
// CHECK: arith.cmpi sge
// CHECK: scf.if
// CHECK: scf.for
// CHECK: scf.for
// CHECK: arith.truncf {{.*}} : f32 to bf16
// CHECK: memref.store %{{.*}}, %[[SLICE]]

// Test: attention reads the cache after it.
// CHECK: memref.load %[[SLICE]]
// CHECK: arith.maximumf
// CHECK: math.exp

// Test: a linear multiplies and adds in f32.
// CHECK: linalg.generic {indexing_maps = [{{.*}}], iterator_types = ["parallel", "parallel", "reduction"]} ins(%{{.*}}, %[[W]] : tensor<?x8xbf16>, tensor<16x8xbf16>) outs(%{{.*}} : tensor<?x16xf32>)
// CHECK: arith.extf
// CHECK: arith.extf
// CHECK: arith.mulf {{.*}} : f32
// CHECK: arith.addf {{.*}} : f32
// CHECK: return %{{.*}} : tensor<?x16xf32>
// LLVM: llvm.func @_mlir_ciface_forward
llama.kernel @attend(%x: tensor<?x8xf32>, %kv: !llama.kv_layer<2 x 4 x bf16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>)
    -> tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>> {
  llama.kv_append %kv, %x, %x, %p, %s : !llama.kv_layer<2 x 4 x bf16, page = 32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %x, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<2 x 4 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  %r = llama.repeat_kv %a {headDim = 4 : i64, times = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
  llama.yield %r : tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
}
func.func @forward(%tokens: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %rows: tensor<?xi32>,
                   %cache: !llama.kv_cache<2 x 2 x 4 x bf16, page = 32>) -> tensor<?x16xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>, llama.arena_bytes = 0 : i64} {
  %table = llama.weight_ref @table : tensor<16x8xbf16>
  %w = llama.weight_ref @w : tensor<16x8xbf16, #llama.row_parts<8, 8>>
  %x = llama.embedding %tokens, %table : (tensor<?xi32>, tensor<16x8xbf16>) -> tensor<?x8xf32>
  %kv = llama.kv_layer %cache[1] : !llama.kv_cache<2 x 2 x 4 x bf16, page = 32> -> !llama.kv_layer<2 x 4 x bf16, page = 32>
  %a = llama.launch @attend(%x, %kv, %p, %s)
     : (tensor<?x8xf32>, !llama.kv_layer<2 x 4 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>)
     -> tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
  %y = llama.linear %a, %w : (tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<16x8xbf16, #llama.row_parts<8, 8>>)
     -> tensor<?x16xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  %z = llama.gather_rows %y, %rows : (tensor<?x16xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<?xi32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// Test: a function without weights keeps its arguments, and one that is only declared its place.
// CHECK-LABEL: func.func @helper(%{{.*}}: tensor<2x4xf32>) -> tensor<2x4xf32> {
// CHECK: func.func private @declared(tensor<?x4xf32>, memref<1x2x?x?x1x4xf32>)
func.func @helper(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = llama.add %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
func.func private @declared(tensor<?x4xf32, #llama.token_lanes<lanes = 16, pack = 1>>, !llama.kv_cache<1 x 1 x 4 x f32, page = 32>)

// Test: ops inside of other ops are lowered where they are, and so are functions of several blocks.
// CHECK-LABEL: func.func @nested
// CHECK: scf.if
// CHECK-NEXT: tensor.empty
// CHECK: linalg.generic
// CHECK: scf.yield
func.func @nested(%x: tensor<2x4xf32>, %condition: i1) -> tensor<2x4xf32> {
  %0 = scf.if %condition -> tensor<2x4xf32> {
    %1 = llama.add %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
    scf.yield %1 : tensor<2x4xf32>
  } else {
    scf.yield %x : tensor<2x4xf32>
  }
  return %0 : tensor<2x4xf32>
}
// CHECK-LABEL: func.func @blocks
// CHECK: linalg.generic
// CHECK: cf.br ^bb1(%{{.*}} : tensor<2x4xf32>)
// CHECK: ^bb1(%{{.*}}: tensor<2x4xf32>):
func.func @blocks(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = llama.add %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  cf.br ^next(%0 : tensor<2x4xf32>)
^next(%y: tensor<2x4xf32>):
  return %y : tensor<2x4xf32>
}
