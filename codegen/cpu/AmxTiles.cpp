//===- AmxTiles.cpp - The tile registers of a CPU ----------------------------===//

#include "codegen/cpu/AmxTiles.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

void AmxTiles::call(StringRef name, ValueRange operands) const {
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr("llvm.x86." + name), operands);
}

Value AmxTiles::number(int64_t tile) const {
  assert(tile >= 0 && tile < kCount);
  return arith::ConstantIntOp::create(b, tile, 8);
}

void AmxTiles::configure(ArrayRef<Shape> shapes, Value memory) const {
  assert(static_cast<int64_t>(shapes.size()) <= kCount);
  // Palette 1; then from byte 16 on the bytes of a row (16 bits each), and from byte 48 on the rows (8 bits each).
  SmallVector<int8_t> bytes(kConfigBytes, 0);
  bytes[0] = 1;
  for (auto [tile, shape] : llvm::enumerate(shapes)) {
    bytes[16 + 2 * tile] = static_cast<int8_t>(shape.rowBytes);
    bytes[48 + tile] = static_cast<int8_t>(shape.rows);
  }
  auto type = b.vectorOf(b.getI8Type(), kConfigBytes);
  b.store(arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes))), memory, 1);
  call("ldtilecfg", memory);
}

void AmxTiles::release() const { call("tilerelease", {}); }

void AmxTiles::zero(int64_t tile) const { call("tilezero", number(tile)); }

void AmxTiles::load(int64_t tile, Value address, int64_t rowStride) const {
  call("tileloadd64", {number(tile), address, b.i64(rowStride)});
}

void AmxTiles::store(int64_t tile, Value address, int64_t rowStride) const {
  call("tilestored64", {number(tile), address, b.i64(rowStride)});
}

void AmxTiles::multiply(DotKind dot, int64_t sums, int64_t weights, int64_t inputs) const {
  StringRef name = dot == DotKind::AmxBf16 ? "tdpbf16ps" : "tdpbssd";
  call(name, {number(sums), number(weights), number(inputs)});
}

} // namespace quipu::codegen::cpu
