//===- SourceSlice.h - The part of a tensor that a weight is made of --------*- C++ -*-===//
//
// A source of a weight (table Source of plan.fbs) is a tensor of a file or a slice of its rows and columns. Elements
// are numbered as the tensor has them, row by row.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_SOURCESLICE_H
#define QUIPU_RUNTIME_ABI_SOURCESLICE_H

#include "runtime/abi/plan_generated.h"

#include <cstdint>

namespace quipu {

struct SourceSlice {
  uint64_t firstRow, rows;
  uint64_t firstColumn, columns;
  /// Elements of a row of the tensor.
  uint64_t tensorColumns;

  /// The slice of a source. Its shape and slice need not be checked yet.
  static SourceSlice of(const plan::Source &source) {
    uint64_t tensorColumns = 1;
    for (unsigned i = 1; i < source.shape()->size(); ++i)
      tensorColumns *= source.shape()->Get(i);
    if (const plan::Slice *slice = source.slice())
      return {slice->first_row(), slice->rows(), slice->first_column(), slice->columns(), tensorColumns};
    return {0, source.shape()->Get(0), 0, tensorColumns, tensorColumns};
  }

  uint64_t elements() const { return rows * columns; }
  /// Number of the first element of a row of the slice.
  uint64_t elementAt(uint64_t row) const { return (firstRow + row) * tensorColumns + firstColumn; }
  /// Whether rows of the slice follow each other in memory without a gap.
  bool isContiguous() const { return columns == tensorColumns || rows == 1; }
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_SOURCESLICE_H
