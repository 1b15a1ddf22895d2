//===- QuantizeMix.h - Which format --quantize gives each tensor ------------*- C++ -*-===//
//
// --quantize names a format, which all matrices get, or a mixture, which gives more bits to tensors whose errors do
// more harm. Where the rows of a matrix are no whole blocks of 256 values, a format with blocks of 32 takes the place.
// Where they are none of 32 either, the matrix stays as it is.
//
// Part of QuipuConfig, which needs no MLIR.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_QUANTIZEMIX_H
#define QUIPU_FRONTENDS_COMMON_QUANTIZEMIX_H

#include "frontends/common/Layout.h"
#include "runtime/abi/WeightFormat.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend {

/// Whether `--quantize` rounds a weight. Norms and biases are small and stay as they are.
inline bool isMatrix(const ExpectedWeight &weight) {
  return weight.role == WeightRole::matrix || weight.role == WeightRole::embedding;
}

class QuantizeMix {
public:
  /// "q8_0", ..., "q4_k_m": what --quantize takes.
  static std::vector<std::string> names();
  /// Nothing if there is none of that name.
  static std::optional<QuantizeMix> find(std::string_view name);

  std::string_view name() const { return mixName; }

  /// The format that the matrix is meant to have, whatever its rows.
  const WeightFormat &wantedFormat(const ExpectedWeight &weight, const ModelConfig &config) const;
  /// The format that the weight gets. Null: it stays as it is.
  const WeightFormat *formatOf(const ExpectedWeight &weight, const ModelConfig &config) const;

private:
  QuantizeMix(std::string_view name, const WeightFormat &base) : mixName(name), base(&base) {}

  std::string_view mixName;
  /// What matrices get that the mixture does not name.
  const WeightFormat *base;
};

/// A remark for the user: which matrices get another format than the one that was asked for, or stay as they are,
/// because of their rows. Empty if there are none.
std::string describeFallbacks(const ModelConfig &config, const QuantizeMix &mix);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_QUANTIZEMIX_H
