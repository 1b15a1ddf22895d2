//===- Model.h - Opens a Hugging Face model directory --------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_MODEL_H
#define QUIPU_FRONTENDS_HF_MODEL_H

#include "frontends/common/Model.h"

namespace quipu::frontend::hf {

/// Opens a directory: config.json, the weights (Folder.h), the tokenizer's files when they exist. Then every tensor
/// that the config implies must be there with its shape, and no other: except what follows from the config and a common
/// prefix of all names (TensorNames.h), and the second copy of a tied head (see below). Throws quipu::Error.
///
/// Tied heads (`tie_word_embeddings`), as transformers has it: one of `lm_head.weight` and `model.embed_tokens.weight`
/// is enough, under whichever name. When both are there and their bytes are equal, the head's copy is left out; when
/// they differ, the config is wrong and the head is not tied, which a warning says.
Model readDirectory(const std::string &path);

/// The config alone, without weights or tokenizer.
Model readBareConfig(const std::string &path);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_MODEL_H
