//===- AmxTiles.h - The tile registers of a CPU -----------------*- C++ -*-===//
//
// A CPU with AMX has eight registers, each of which holds a tile: rows of bytes. Emitters number them. What a register
// holds is known to the hardware alone, so a tile is no value of the IR: these operations have side effects, and
// nothing moves across them.
//
// A product adds to a tile of sums (rows of f32 or i32): row i, column j of it gets the sum over k of weights[i][k]
// times inputs[k][j], where a row of `inputs` holds words: two bf16 or four 8-bit integers of neighbouring k for each
// j.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_AMXTILES_H
#define QUIPU_CODEGEN_CPU_AMXTILES_H

#include "codegen/cpu/KernelBuilder.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen::cpu {

class AmxTiles {
public:
  /// Registers, and bytes of the longest row.
  static constexpr int64_t kCount = 8, kRowBytes = 64;
  /// Memory that configure() writes to.
  static constexpr int64_t kConfigBytes = 64;

  struct Shape {
    int64_t rows, rowBytes;
  };

  explicit AmxTiles(KernelBuilder &b) : b(b) {}

  /// Gives the first registers their shapes and the others none. All hold zeros afterwards.
  void configure(llvm::ArrayRef<Shape> shapes, mlir::Value memory) const;
  /// Gives the registers back, so that the system need not save them.
  void release() const;

  void zero(int64_t tile) const;
  /// Rows begin `rowStride` bytes apart.
  void load(int64_t tile, mlir::Value address, int64_t rowStride) const;
  void store(int64_t tile, mlir::Value address, int64_t rowStride) const;
  /// sums += weights * inputs, of bf16 or of signed integers.
  void multiply(llama::DotKind dot, int64_t sums, int64_t weights, int64_t inputs) const;

private:
  void call(llvm::StringRef name, mlir::ValueRange operands) const;
  mlir::Value number(int64_t tile) const;

  KernelBuilder &b;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_AMXTILES_H
