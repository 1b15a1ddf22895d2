//===- Architectures.h - The architectures of GGUF files that are supported -*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_ARCHITECTURES_H
#define QUIPU_FRONTENDS_GGUF_ARCHITECTURES_H

#include "frontends/common/ModelConfig.h"
#include "frontends/hf/Architectures.h"

#include <string>
#include <string_view>

namespace quipu::frontend::gguf {

struct Architecture {
  /// "general.architecture", with which the names of the model's keys begin.
  std::string_view name;
  /// The class of transformers that computes the same. What it has of its own (biases, fused tensors) is in its table.
  std::string_view className;
  /// How converters leave queries and keys: those of LLaMA are put back into the order of the paper.
  RotaryLayout layout;
  /// "attention.sliding_window" is the window of all layers.
  bool hasWindow;
  /// Projections have biases where the file has tensors for them; else where the class has them.
  bool biasesFollowTensors;

  const hf::Architecture &ofTransformers() const;
};

/// Null when there is none.
const Architecture *findArchitecture(std::string_view name);

/// "llama, qwen2, phi3".
std::string architectureNames();

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_ARCHITECTURES_H
