//===- GeneratedKernel.h - What the plan says about a kernel ----*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_GENERATEDKERNEL_H
#define QUIPU_CODEGEN_COMMON_GENERATEDKERNEL_H

#include "mlir/IR/Types.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::codegen {

/// Which run-time row count a grid or a cost grows with (RowDim of the plan).
enum class RowDim { One, Tokens, Outputs };

/// A two-dimensional tensor map (CUtensorMap) that the runtime encodes for one pointer of an entry: `rows` x `columns`
/// elements, row-major, read or written in boxes of `boxRows` x `boxColumns`, with a 128-byte swizzle in shared memory.
struct GeneratedTensorMap {
  /// Number of the pointer among the entry's pointers (codegen/cuda/CudaFrame.h).
  unsigned pointer = 0;
  mlir::Type element;
  int64_t rows = 0, columns = 0, boxRows = 0, boxColumns = 0;
};

/// One function and its grid: fixed * ceil(rows / rowsPerBlock) blocks. On CUDA the grid is `fixed` blocks in x and
/// ceil(rows / rowsPerBlock) in y.
struct GeneratedEntry {
  std::string symbol;
  int64_t fixed = 1;
  RowDim rows = RowDim::One;
  int64_t rowsPerBlock = 1;

  // CUDA only.
  /// Threads of a block.
  int64_t threads = 0;
  /// Bytes of dynamic shared memory of a block.
  int64_t sharedBytes = 0;
  /// The blocks walk the grid: as many are launched as run at once, at most fixed * ceil(rows / rowsPerBlock) (in x).
  bool persistent = false;
  /// Blocks of a cluster; `fixed` is a multiple of it.
  int64_t cluster = 1;
  /// As much of L1 as can be is to be shared memory, for blocks of the entries before and behind.
  bool preferShared = false;
  /// Parameters behind the pointers and dims, in order.
  std::vector<GeneratedTensorMap> tensorMaps = {};
};

struct GeneratedKernel {
  std::string name;
  std::vector<GeneratedEntry> entries;
  int64_t scratchBytes = 0;
  std::string schedule;
  /// Positions among the step's arguments of those that no earlier step computes (weights).
  std::vector<unsigned> independentArguments;
  int64_t weightBytes = 0;
  int64_t flopsPerRow = 0;
  RowDim rows = RowDim::Tokens;
  /// Of attention: bytes of a position's keys and values, operations of a row for each key that it sees.
  int64_t cacheBytesPerKey = 0;
  int64_t flopsPerKey = 0;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_GENERATEDKERNEL_H
