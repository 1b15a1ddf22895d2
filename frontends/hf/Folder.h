//===- Folder.h - The files of a Hugging Face model directory ----*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_FOLDER_H
#define QUIPU_FRONTENDS_HF_FOLDER_H

#include "frontends/common/WeightIndex.h"

#include <filesystem>
#include <string>
#include <vector>

namespace quipu::frontend::hf {

/// Whether the file exists. Throws quipu::Error for a link to a file that does not exist.
bool isThere(const std::filesystem::path &path);

/// Reads the index of a folder's weights. It takes the first that exists: model.safetensors;
/// model.safetensors.index.json and its shards; all shards NAME-00001-of-0000N.safetensors without an index; the only
/// .safetensors file. Throws quipu::Error that names a missing shard, or what the folder has instead.
WeightIndex readWeights(const std::filesystem::path &folder, std::vector<Note> &notes);

/// Throws quipu::Error for a folder without a config.json. The message says what the folder is instead, and what to
/// give.
[[noreturn]] void failWithoutConfig(const std::filesystem::path &folder);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_FOLDER_H
