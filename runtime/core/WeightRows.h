//===- WeightRows.h - The rows of a weight, from wherever they come ---------*- C++ -*-===//
//
// A weight is joined from slices of tensors (SourceSlice.h) whose rows may be put in another order (RowOrder.h) and
// converted to another format.
// Any rows of it can be written by themselves, so that several threads share the work and no host copy of the whole is
// needed.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_WEIGHTROWS_H
#define QUIPU_RUNTIME_CORE_WEIGHTROWS_H

#include "runtime/abi/SourceSlice.h"
#include "runtime/abi/TensorPieces.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/core/Model.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// Whether the weight's bytes can be used directly in a mapped file.
bool isUsableInPlace(const plan::Weight &weight);

class WeightRows {
public:
  /// `files`: bytes of each file of the plan. Empty if `source` has a seed for random values.
  WeightRows(const plan::Weight &weight, std::span<const std::span<const uint8_t>> files, const WeightSource &source,
             const std::string &planName);

  uint64_t rows() const { return numRows; }
  /// Bytes of a row, and of the weight.
  uint64_t rowBytes() const { return format.bytes(rowElements); }
  uint64_t bytes() const { return numRows * rowBytes(); }

  /// The bytes in the mapped file. Null if they cannot be used there.
  const uint8_t *inPlace() const;

  /// Rows that lie together; write() takes whole groups of them.
  uint32_t interleave() const { return weight.interleave(); }

  /// Writes rows [first, first + count) to `out`. Throws Error if no source has a row, or the format cannot hold a
  /// value.
  void write(uint64_t first, uint64_t count, char *out) const;

private:
  struct Part {
    const plan::Source *source;
    SourceSlice slice;
    /// Bytes of the whole tensor. Nothing: random values.
    std::optional<TensorBytes> tensor;
  };
  /// Rows of a source that follow each other both there and in the weight.
  struct Run {
    const Part *part;
    uint64_t row;
    uint64_t count;
  };

  Run runAt(uint64_t row) const;
  /// The rows one behind the other.
  void writeInOrder(uint64_t first, uint64_t count, char *out) const;
  /// Writes `elements` elements of a tensor, the first of them number `first`.
  void writeElements(const Part &part, uint64_t first, uint64_t elements, char *out) const;
  /// Throws Error: the format cannot hold element number `element` of the tensor.
  [[noreturn]] void refuseValue(const Part &part, uint64_t element) const;

  const plan::Weight &weight;
  const std::string &planName;
  uint64_t seed;
  uint64_t numRows;
  /// Elements of a row: all dimensions but the first.
  uint64_t rowElements;
  const WeightFormat &format;
  std::vector<Part> parts;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_WEIGHTROWS_H
