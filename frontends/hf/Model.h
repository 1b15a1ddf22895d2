//===- Model.h - Opens a Hugging Face model directory --------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_MODEL_H
#define QUIPU_FRONTENDS_HF_MODEL_H

#include "frontends/common/Model.h"

namespace quipu::frontend::hf {

/// Opens a directory: config.json, the weights (Folder.h), and the tokenizer's files if they exist. Every tensor that
/// the config implies must exist and have its shape. Other tensors are refused, with two exceptions: tensors that
/// follow from the config (TensorNames.h), and the second copy of a tied head (see below). All names may have a common
/// prefix (TensorNames.h). Throws quipu::Error.
///
/// Tied heads (`tie_word_embeddings`) work as in transformers. One of `lm_head.weight` and `model.embed_tokens.weight`
/// is enough. If both exist and their bytes are equal, the head's copy is ignored. If they differ, the config is wrong
/// and the head is not tied; a warning says so.
Model readDirectory(const std::string &path);

/// The config alone, without weights or tokenizer.
Model readBareConfig(const std::string &path);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_MODEL_H
