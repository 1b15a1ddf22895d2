//===- TileNumbers.h - Numbers that tiles leave for each row ----*- C++ -*-===//
//
// Where a kernel over few rows ends in one value for all logits of a row, each of its tiles keeps numbers in a
// workspace, and an entry of the kernel joins them when all tiles are done.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_TILENUMBERS_H
#define QUIPU_CODEGEN_CPU_TILENUMBERS_H

#include "codegen/cpu/LinearTiles.h"

namespace quipu::codegen::cpu {

class TileNumbers {
public:
  TileNumbers(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule)
      : b(b), tiles(countOf(region, schedule)), lanes(widestVector(tiles, schedule.getLanes())) {}

protected:
  static int64_t countOf(LinearTiles &region, llama::CpuLinearScheduleAttr schedule) {
    return countTiles(region.tiles(schedule));
  }

  /// Of a number: it is f32 or i32.
  static constexpr int64_t kBytes = 4;

  KernelBuilder &b;
  /// Of all sections of the weight, and how many of them a vector of the joining entry takes.
  int64_t tiles, lanes;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_TILENUMBERS_H
