//===- Params.h - Reads params.json -------------------------------*- C++ -*-===//
//
// The config beside checkpoints of Meta (LLaMA 1 to 3.3, Code Llama) and of Mistral (consolidated.safetensors).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_META_PARAMS_H
#define QUIPU_FRONTENDS_META_PARAMS_H

#include "frontends/common/ModelConfig.h"

#include <string>
#include <string_view>

namespace quipu::frontend::meta {

struct Params {
  /// `vocabSize` and `intermediateSize` are 0 where only the weights say them. `tieWordEmbeddings` is what the file
  /// says.
  ModelConfig config;
  /// How intermediateSize was computed, for messages.
  std::string feedForward;
};

/// Parses the text of a params.json. Fields that change the meaning and are not supported are refused by name. Throws
/// quipu::Error that begins with `path`.
Params parseParams(std::string_view text, const std::string &path);

} // namespace quipu::frontend::meta

#endif // QUIPU_FRONTENDS_META_PARAMS_H
