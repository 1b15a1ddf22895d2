//===- Model.h - Opens a GGUF file ------------------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_MODEL_H
#define QUIPU_FRONTENDS_GGUF_MODEL_H

#include "frontends/common/Model.h"

namespace quipu::frontend::gguf {

/// Opens a file, or all of a model that is split ("model-00001-of-00003.gguf"), given by any of its files. Every tensor
/// that the keys imply must be there with its shape, and no other. Reads headers, and the few numbers of rope_freqs.
/// Throws quipu::Error.
Model readModel(const std::string &path);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_MODEL_H
