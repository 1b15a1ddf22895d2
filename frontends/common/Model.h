//===- Model.h - What a frontend hands over --------------------------*- C++ -*-===//
//
// Part of QuipuConfig, which needs no MLIR.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_MODEL_H
#define QUIPU_FRONTENDS_COMMON_MODEL_H

#include "frontends/common/ModelConfig.h"
#include "frontends/common/WeightIndex.h"
#include "runtime/abi/TokenizerData.h"

#include <optional>
#include <string>

namespace quipu::frontend {

/// The tokenizer of a model.
struct ModelTokenizer {
  TokenizerData data;
  /// The token that ends a text, and what says so.
  std::optional<int32_t> end;
  std::string endOrigin;
};

struct Model {
  ModelConfig config;
  /// Nothing if only the config was given. Then the runtime fills weights with random values from a seed.
  std::optional<WeightIndex> weights;
  ModelTokenizer tokenizer;
  /// What a file calls the model, whatever the name of the file is. Empty: nothing.
  std::string title = {};
};

/// Opens a model and checks that config and weights agree. `path`: a Hugging Face directory, a folder in
/// Meta's layout, a file of llama2.c, or a config.json alone.
/// Throws quipu::Error that names the file, the field or tensor, what was found and what is supported.
Model openModel(const std::string &path);

/// The tokenizer at `path` (tokenizer.model, tokenizer.json, or llama2.c's tokenizer.bin), with the settings of the
/// files in its folder. `vocabSize`: number of ids that the model has. Throws quipu::Error.
ModelTokenizer openTokenizer(const std::string &path, uint32_t vocabSize, std::vector<Note> &notes);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_MODEL_H
