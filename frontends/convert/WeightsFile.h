//===- WeightsFile.h - The rounded tensors of a plan ------------------------*- C++ -*-===//
//
// With --quantize the compiler rounds matrices once, so that no start of the plan does. The plan's tensors then lie in
// a file beside it (PLAN.weights) or in its bundle:
//
//     16 bytes  kRoundedWeightsMagic, zeros
//     tensors   in the order of their names, each at a multiple of 64 bytes, as the plan's weight table says
//     16 bytes  XXH3-128 of all bytes in front
//
// The first and the last 16 bytes are the header by which a plan knows the file.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_CONVERT_WEIGHTSFILE_H
#define QUIPU_FRONTENDS_CONVERT_WEIGHTSFILE_H

#include "frontends/common/Model.h"
#include "frontends/common/QuantizeMix.h"
#include "frontends/convert/TensorWriter.h"
#include "runtime/support/OutputFile.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace quipu::convert {

/// What became of a matrix.
struct RoundedTensor {
  std::string name;
  const WeightFormat *from, *to;
  std::vector<uint64_t> shape;
  RoundingError error;
};

struct RoundedWeights {
  /// All tensors of the model, in one file.
  frontend::WeightIndex index;
  /// Those that have another format now.
  std::vector<RoundedTensor> rounded;
};

/// New formats of tensors, by canonical name. Those that are not in it stay as they are.
using TensorFormats = std::map<std::string, const WeightFormat *, std::less<>>;

/// The tensors of the model that the mixture changes.
TensorFormats formatsOf(const frontend::Model &model, const frontend::QuantizeMix &mix);

/// Writes the file; the caller commits it. `path`: the name that it will have. The index has the bytes where `file`
/// keeps them until then.
RoundedWeights writeRoundedWeights(const frontend::Model &model, const TensorFormats &formats, OutputFile &file,
                                   const std::string &path);

/// "183 matrices rounded: 160 to q4_k, 23 to q6_k; error 6.1 % (RMS), at most 7.9 % (layers.0.mlp.down_proj)".
std::string summaryOf(const std::vector<RoundedTensor> &rounded);
/// A line for each tensor, with its error.
std::string tableOf(const std::vector<RoundedTensor> &rounded);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_WEIGHTSFILE_H
