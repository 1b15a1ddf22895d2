//===- TensorWriter.h - Tensors of a model, in other formats ---------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_CONVERT_TENSORWRITER_H
#define QUIPU_FRONTENDS_CONVERT_TENSORWRITER_H

#include "frontends/common/WeightIndex.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Progress.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace quipu::convert {

/// What changes when a tensor is written.
struct TensorChange {
  const WeightFormat *format = nullptr;
  /// The row of the tensor that becomes row `row` of what is written. Empty: the same.
  std::function<uint64_t(uint64_t row)> sourceRow = {};
  /// Rows that are written, from this one on. The default is all rows.
  uint64_t firstRow = 0;
  uint64_t rows = UINT64_MAX;
  /// Added to each value.
  double plus = 0;
};

/// How far the values that were written are from those of the model.
struct RoundingError {
  /// Sums of the squares of errors and values.
  double errors = 0, values = 0;

  void add(const RoundingError &other) {
    errors += other.errors;
    values += other.values;
  }
  /// Root mean square of the errors, divided by that of the values. 0 where all are zero.
  double relative() const;
};

/// Called with the bytes of a tensor, in order.
using TensorSink = std::function<void(std::span<const uint8_t>)>;

/// Reads the tensors of a model and writes them. Several threads convert.
class TensorWriter {
public:
  /// Maps the files of the index, which must outlive the object. Throws Error if one cannot be read.
  explicit TensorWriter(const frontend::WeightIndex &index);

  /// Throws Error if the format cannot hold a value.
  RoundingError write(const frontend::WeightEntry &tensor, const TensorChange &change, const TensorSink &sink,
                      Progress *progress = nullptr) const;

  /// All values of a tensor, for tensors that are small.
  std::vector<float> values(const frontend::WeightEntry &tensor) const;

private:
  struct Part;
  RoundingError convert(const Part &part, uint64_t row, uint64_t count, std::vector<uint8_t> &out) const;
  [[noreturn]] void refuseValue(const Part &part, uint64_t row, uint64_t column, float value) const;

  const frontend::WeightIndex &index;
  std::vector<std::shared_ptr<MappedFile>> files;
  std::vector<std::span<const uint8_t>> contents;
};

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_TENSORWRITER_H
