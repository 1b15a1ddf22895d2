//===- Conversion.h - A model in another format -----------------------------*- C++ -*-===//
//
// From any format that a frontend reads to a GGUF file or a Hugging Face folder. Tensors are copied as they are where
// the target has their format, else they become numbers that hold the same values; they are rounded only where the user
// asks. What the target cannot say is refused by name before anything is written.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_CONVERT_CONVERSION_H
#define QUIPU_FRONTENDS_CONVERT_CONVERSION_H

#include "frontends/common/Layout.h"
#include "frontends/common/Model.h"
#include "frontends/common/QuantizeMix.h"
#include "frontends/convert/TensorWriter.h"
#include "frontends/convert/WeightsFile.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu::convert {

struct ConvertOptions {
  /// The type of all tensors, or for GGUF of all matrices. Nothing: they keep theirs.
  std::optional<frontend::DType> dtype;
  /// For GGUF alone.
  std::optional<frontend::QuantizeMix> quantize;
  bool withoutTokenizer = false;
  /// Most bytes of tensors in a safetensors file.
  uint64_t shardBytes = 5'000'000'000;
};

/// A tensor of the target.
struct OutputTensor {
  std::string name;
  const frontend::WeightEntry *source;
  frontend::ExpectedWeight weight;
  std::vector<uint64_t> shape;
  TensorChange change;

  uint64_t bytes() const;
};

/// What was done, for people.
struct ConvertReport {
  size_t tensors = 0;
  uint64_t bytes = 0;
  /// Those that have another format now.
  std::vector<RoundedTensor> changed;
  std::vector<std::string> notes;

  void add(const OutputTensor &tensor, const RoundingError &error);
};

/// The tensors of a model in the layout of the target, without names and formats.
std::vector<OutputTensor> outputTensors(const frontend::Model &model, frontend::RotaryLayout layout);

/// What a GGUF file calls the model.
const std::string &titleOf(const frontend::Model &model);

/// `path`: the file, which appears when it is whole.
ConvertReport writeGguf(const frontend::Model &model, const ConvertOptions &options, const std::string &path);

/// `source`: the path of the model. `path`: the folder, which appears when it is whole.
ConvertReport writeHuggingFace(const frontend::Model &model, const std::string &source, const ConvertOptions &options,
                               const std::string &path);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_CONVERSION_H
