//===- Model.cpp - Opens a folder in Meta's layout ---------------------------------------===//

#include "frontends/meta/Model.h"

#include "frontends/common/EndsOfText.h"
#include "frontends/common/Json.h"
#include "frontends/hf/Folder.h"
#include "frontends/hf/Safetensors.h"
#include "frontends/hf/TokenizerFiles.h"
#include "frontends/meta/Checkpoint.h"
#include "frontends/meta/Shards.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::frontend::meta {

static constexpr uint64_t kMaxParamsBytes = 16u << 20;
static constexpr std::string_view kStem = "consolidated.";
static constexpr const char *kSafetensors = "consolidated.safetensors";
static constexpr const char *kSafetensorsIndex = "consolidated.safetensors.index.json";

/// "consolidated.00.pth"
static std::string shardName(size_t number) { return concat(kStem, number < 10 ? "0" : "", number, ".pth"); }

static bool isShard(std::string_view name) { return name.starts_with(kStem) && name.ends_with(".pth"); }

bool isFolder(const std::string &path) {
  std::error_code error;
  fs::path folder(path);
  if (!fs::exists(folder / "params.json", error))
    return false;
  if (!fs::exists(folder / "config.json", error))
    return true;
  // A Mistral folder may have both forms of a model.
  bool hasOwn = false, hasOther = false;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    bool isOwn = isShard(name) || name == kSafetensors || name == kSafetensorsIndex;
    hasOwn |= isOwn;
    hasOther |= !isOwn && !name.starts_with("consolidated") &&
                (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json"));
  }
  return hasOwn && !hasOther;
}

/// The files consolidated.NN.pth, of which none is missing in between.
static std::vector<std::string> shardPaths(const fs::path &folder) {
  size_t count = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    count += isShard(it->path().filename().string());
  std::vector<std::string> paths;
  for (size_t i = 0; i < count; ++i) {
    if (!hf::isThere(folder / shardName(i)))
      fail(folder.string(), ": ", shardName(i), " is missing, but there are ", count,
           " files consolidated.NN.pth; get the others, they are numbered from 00");
    paths.push_back((folder / shardName(i)).string());
  }
  return paths;
}

static std::vector<WeightIndex> readShards(const fs::path &folder, std::vector<Note> &notes) {
  std::vector<WeightIndex> shards;
  for (const std::string &path : shardPaths(folder))
    shards.push_back(readCheckpoint(path));
  if (!shards.empty())
    return shards;
  if (hf::isThere(folder / kSafetensors))
    shards.push_back(hf::readSafetensors((folder / kSafetensors).string()));
  else if (hf::isThere(folder / kSafetensorsIndex))
    shards.push_back(hf::readShardedSafetensors((folder / kSafetensorsIndex).string(), notes));
  else
    fail(folder.string(), ": has params.json but no weights beside it: neither ", shardName(0), " nor ", kSafetensors,
         "; get them");
  return shards;
}

static std::string folderName(const fs::path &folder) {
  std::error_code error;
  fs::path absolute = fs::absolute(folder / "params.json", error);
  return (error ? folder : absolute.lexically_normal().parent_path()).filename().string();
}

Model readDirectory(const std::string &path) {
  fs::path folder(path);
  std::string file = (folder / "params.json").string();
  Params params = parseParams(readTextFile(file, "config", kMaxParamsBytes), file);
  params.config.name = folderName(folder);
  Model model;
  std::vector<WeightIndex> shards = readShards(folder, params.config.notes);
  model.weights = joinShards(std::move(shards), params, path);
  model.config = std::move(params.config);
  model.tokenizer =
      hf::readTokenizer(folder / "tokenizer.model", model.config.vocabSize, model.config.notes, /*isOptional=*/true);
  joinTokenizersEnd(model.config, model.tokenizer);
  noteEnds(model.config);
  return model;
}

} // namespace quipu::frontend::meta
