//===- Model.h - Opens a folder in Meta's layout ------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_META_MODEL_H
#define QUIPU_FRONTENDS_META_MODEL_H

#include "frontends/common/Model.h"

namespace quipu::frontend::meta {

/// Whether a folder has params.json, with weights beside it, and no weights of a Hugging Face model.
bool isFolder(const std::string &path);

/// Opens such a folder: params.json, consolidated.NN.pth (or Mistral's consolidated.safetensors), tokenizer.model.
/// Throws quipu::Error.
Model readDirectory(const std::string &path);

} // namespace quipu::frontend::meta

#endif // QUIPU_FRONTENDS_META_MODEL_H
