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
  /// Operations for each row. A multiplication and an addition count as two.
  int64_t flopsPerRow = 0;
  /// For attention: bytes of the keys and values of a position, which are read once for all query heads. Operations of
  /// a row for each key that it sees: the score and the sum, in each of its heads.
  int64_t cacheBytesPerKey = 0;
  int64_t flopsPerKey = 0;
  /// For attention: the greatest number of keys that a row sees. 0: all.
  int64_t window = 0;
};

KernelWork workOf(llama::KernelOp kernel);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_KERNELWORK_H
