//===- Rope.h - Rotary embedding fields of a Hugging Face config -*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_ROPE_H
#define QUIPU_FRONTENDS_HF_ROPE_H

#include "frontends/common/Fields.h"
#include "frontends/common/ModelConfig.h"

namespace quipu::frontend::hf {

/// Resolves the rotary fields of a config into `model`, whose head size and positions are known:
/// - `rope_theta` and `rope_scaling` (transformers up to 4), or `rope_parameters` which holds both (from 5 on). When
///   both forms are present they must agree;
/// - scaling types default, linear and llama3, and those of LongContext.h; every other one is refused by name;
/// - `original_max_position_embeddings`, beside or inside (the one beside wins, as in transformers; else
///   max_position_embeddings);
/// - `rope_interleaved` or `rope_interleave`: pairs (2j, 2j+1).
/// Source: transformers 5, modeling_rope_utils.py, RotaryEmbeddingConfigMixin.
/// `originalPositions`: what the class has where there is no original_max_position_embeddings beside the rotary
/// parameters; 0: nothing.
void readRope(Fields &config, uint32_t originalPositions, ModelConfig &model);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_ROPE_H
