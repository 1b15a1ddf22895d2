//===- Config.h - What the keys of a GGUF file say of the model -------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_CONFIG_H
#define QUIPU_FRONTENDS_GGUF_CONFIG_H

#include "frontends/common/WeightIndex.h"
#include "frontends/gguf/Metadata.h"
#include "frontends/gguf/Rope.h"

namespace quipu::frontend::gguf {

/// Resolves the keys. `tensors`, by names in files, say what no key does: the size of the vocabulary, whether the head
/// is the embedding, which projections have biases. `ropeTensors` were among them. Throws quipu::Error.
ModelConfig readConfig(Metadata &metadata, const WeightIndex &tensors, const RopeTensors &ropeTensors);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_CONFIG_H
