//===- KernelWork.h - What a kernel has to read and compute -----*- C++ -*-===//
//
// The numbers that benchmarks hold measured times against. They follow from the ops of a kernel, whatever its code
// does.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_PLAN_KERNELWORK_H
#define QUIPU_CODEGEN_PLAN_KERNELWORK_H

#include "ir/Llama/Llama.h"

namespace quipu::codegen {

struct KernelWork {
  /// Bytes of weights, each read once.
  int64_t weightBytes = 0;
  /// Operations of a row; a multiplication and an addition are two.
  int64_t flopsPerRow = 0;
  /// Of attention: bytes of a position's keys and values, read once for all query heads; operations of a row for each
  /// key that it sees, for the score and for the sum in each of its heads.
  int64_t cacheBytesPerKey = 0;
  int64_t flopsPerKey = 0;
  /// Of attention: how many keys a row sees at most; 0: all.
  int64_t window = 0;
};

KernelWork workOf(llama::KernelOp kernel);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_KERNELWORK_H
