//===- Split.h - The files of a model in GGUF -------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_SPLIT_H
#define QUIPU_FRONTENDS_GGUF_SPLIT_H

#include "frontends/gguf/File.h"

#include <string>
#include <vector>

namespace quipu::frontend::gguf {

/// The file at `path`, or all files of the split model that it belongs to, in order. The first has the keys of the
/// model. Throws quipu::Error: a file is missing, or of another model.
std::vector<File> readFiles(const std::string &path);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_SPLIT_H
