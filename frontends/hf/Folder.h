//===- Folder.h - The files of a Hugging Face model directory ----*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_FOLDER_H
#define QUIPU_FRONTENDS_HF_FOLDER_H

#include "frontends/common/WeightIndex.h"

#include <filesystem>
#include <string>
#include <vector>

namespace quipu::frontend::hf {

/// Whether there is a file of that name. Throws quipu::Error for a link that leads nowhere.
bool isThere(const std::filesystem::path &path);

/// The weights of a folder: model.safetensors; model.safetensors.index.json and its shards; all of the shards
/// NAME-00001-of-0000N.safetensors without an index; the only .safetensors file there is. Throws quipu::Error, naming
/// a shard that is missing, or what lies there instead.
WeightIndex readWeights(const std::filesystem::path &folder, std::vector<Note> &notes);

/// Throws quipu::Error for a folder without a config.json: what it is instead, and what to give.
[[noreturn]] void failWithoutConfig(const std::filesystem::path &folder);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_FOLDER_H
