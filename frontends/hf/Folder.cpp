//===- Folder.cpp - The files of a Hugging Face model directory --------------------------===//

#include "frontends/hf/Folder.h"

#include "frontends/common/Json.h"
#include "frontends/common/ShardName.h"
#include "frontends/hf/Safetensors.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"

#include <algorithm>
#include <functional>
#include <optional>

namespace fs = std::filesystem;

namespace quipu::frontend::hf {

static constexpr const char *kConvert =
    "convert the model with transformers' save_pretrained(..., safe_serialization=True)";

static constexpr std::string_view kShardExtension = ".safetensors";
static constexpr const char *kMetaWithoutParams =
    "it is a model in Meta's layout, whose params.json is missing; get it too";

static bool isMetaCheckpoint(std::string_view name) {
  return name.starts_with("consolidated.") && (name.ends_with(".pth") || name.ends_with(".safetensors"));
}

bool isThere(const fs::path &path) {
  std::error_code error;
  if (fs::exists(path, error))
    return true;
  if (std::string link = describeDanglingLink(path.string()); !link.empty())
    fail(path.string(), ": ", link);
  // Something exists at this path, but it cannot be examined.
  if (error)
    fail(path.string(), ": cannot be read", errnoSuffix(error.value()));
  return false;
}

/// The names in a folder, sorted.
static std::vector<std::string> namesIn(const fs::path &folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  std::ranges::sort(names);
  return names;
}

static std::string firstThat(const std::vector<std::string> &names, const std::function<bool(std::string_view)> &is) {
  auto found = std::ranges::find_if(names, is);
  return found == names.end() ? "" : *found;
}

/// All shards of the set that `first` belongs to. Throws if one is missing.
static std::vector<std::string> completeShards(const fs::path &folder, const std::vector<std::string> &names,
                                               const ShardName &first) {
  // For an absurd count the list of missing shards would be too long to read.
  uint32_t present = uint32_t(std::ranges::count_if(names, [&](const std::string &name) {
    std::optional<ShardName> shard = ShardName::parse(name, kShardExtension);
    return shard && shard->stem == first.stem && shard->count == first.count;
  }));
  std::vector<std::string> paths;
  for (uint32_t i = 1; i <= first.count; ++i) {
    std::string name = first.file(i);
    if (!isThere(folder / name))
      fail(folder.string(), ": ", name, " is missing: ", present, " of the ", first.count,
           " shards of the weights are there; get the others and model.safetensors.index.json");
    paths.push_back((folder / name).string());
  }
  return paths;
}

/// Throws the Error that says what a folder has instead of weights that can be read.
[[noreturn]] static void failWithoutWeights(const fs::path &folder, const std::vector<std::string> &names) {
  auto endsWith = [&](std::initializer_list<std::string_view> tails) {
    return firstThat(names, [&](std::string_view name) {
      return std::ranges::any_of(tails, [&](std::string_view tail) { return name.ends_with(tail); });
    });
  };
  auto refuse = [&](const std::string &name, const auto &...rest) {
    fail(folder.string(), ": has ", name, " but no model.safetensors; ", rest...);
  };
  if (std::string name = endsWith({".incomplete", ".part", ".crdownload", ".aria2", ".tmp"}); !name.empty())
    refuse(name, "the download did not finish, get the model again");
  if (std::string name = endsWith({"adapter_model.safetensors", "adapter_model.bin", "adapter_config.json"});
      !name.empty())
    refuse(name,
           "it is an adapter (LoRA), not a model: merge it into its model with PEFT's merge_and_unload() and save "
           "the result");
  // optimizer.bin and training_args.bin do not count: they lie beside weights but are not weights.
  auto isPyTorch = [](std::string_view name) {
    return (name.starts_with("pytorch_model") || name.starts_with("model")) &&
           (name.ends_with(".bin") || name.ends_with(".bin.index.json"));
  };
  if (std::string name = firstThat(names, isPyTorch); !name.empty())
    refuse(name, kConvert);
  if (std::string name = firstThat(names, isMetaCheckpoint); !name.empty())
    refuse(name, kMetaWithoutParams);
  if (std::string name = endsWith({".pth", ".pt", ".ckpt"}); !name.empty())
    refuse(name, "it is a PyTorch checkpoint: ", kConvert);
  if (std::string name = endsWith({".gguf"}); !name.empty())
    refuse(name, "give that file itself: a GGUF file holds the config too");
  if (std::string name = endsWith({".h5", ".msgpack", ".onnx", ".npz", ".tflite"}); !name.empty())
    refuse(name, "that format is not supported; get the model in Hugging Face's safetensors");
  fail(folder.string(),
       ": has neither model.safetensors nor model.safetensors.index.json; get the weights, or give the "
       "config.json itself to compile with random weights");
}

WeightIndex readWeights(const fs::path &folder, std::vector<Note> &notes) {
  if (fs::path single = folder / "model.safetensors"; isThere(single))
    return readSafetensors(single.string());
  if (fs::path map = folder / "model.safetensors.index.json"; isThere(map))
    return readShardedSafetensors(map.string(), notes);

  std::vector<std::string> names = namesIn(folder);
  auto say = [&](const auto &...text) {
    notes.push_back({Note::Kind::warning, "weights", concat("there is no model.safetensors; ", text...)});
  };
  std::vector<std::string> maps, files;
  for (const std::string &name : names) {
    if (name.ends_with(".safetensors.index.json"))
      maps.push_back(name);
    else if (name.ends_with(".safetensors") && !name.starts_with("adapter_model"))
      files.push_back(name);
  }
  if (maps.size() == 1) {
    say(maps.front(), " is read");
    return readShardedSafetensors((folder / maps.front()).string(), notes);
  }
  std::optional<ShardName> shard;
  for (const std::string &name : files)
    if (shard = ShardName::parse(name, kShardExtension); shard)
      break;
  if (shard) {
    auto isOther = [&](const std::string &name) {
      std::optional<ShardName> parsed = ShardName::parse(name, kShardExtension);
      return !parsed || parsed->stem != shard->stem || parsed->count != shard->count;
    };
    if (auto other = std::ranges::find_if(files, isOther); other != files.end())
      fail(folder.string(), ": has ", shard->file(shard->number), " and ", *other,
           " but no model.safetensors.index.json that tells which to read; get it, or move one of them away");
    std::vector<std::string> paths = completeShards(folder, names, *shard);
    say("its ", shard->count, " shards are read without model.safetensors.index.json");
    return readShards(paths);
  }
  if (files.size() == 1) {
    say(files.front(), " is read");
    isThere(folder / files.front());
    return readSafetensors((folder / files.front()).string());
  }
  if (files.size() > 1)
    fail(folder.string(), ": has ", files.size(), " files of weights (", files[0], ", ", files[1],
         files.size() > 2 ? ", ..." : "",
         ") but none is called model.safetensors; rename the one to read, or get model.safetensors.index.json");
  failWithoutWeights(folder, names);
}

void failWithoutConfig(const fs::path &folder) {
  std::vector<std::string> names = namesIn(folder);
  auto has = [&](std::string_view name) { return std::ranges::binary_search(names, name); };
  auto refuse = [&](const auto &...rest) { fail(folder.string(), ": has no config.json; ", rest...); };
  std::error_code error;
  if (fs::path snapshots = folder / "snapshots"; fs::is_directory(snapshots, error)) {
    std::vector<std::string> revisions = namesIn(snapshots);
    if (!revisions.empty())
      refuse("it is a folder of a hub's cache: give ", (snapshots / revisions.back()).string());
    refuse("it is a folder of a hub's cache without a model in it; download the model again");
  }
  if (std::string name = firstThat(names, isMetaCheckpoint); !name.empty())
    refuse("it has ", name, ": ", kMetaWithoutParams);
  if (has("adapter_config.json"))
    refuse("it is an adapter (LoRA), not a model; merge it into its model with PEFT's merge_and_unload() and save the "
           "result");
  if (has("model_index.json"))
    refuse("it is a pipeline of several models (diffusers); give the folder of a language model");
  if (std::string gguf = firstThat(names, [](std::string_view name) { return name.ends_with(".gguf"); }); !gguf.empty())
    refuse("it has ", gguf, ": give that file itself");
  // Look one level down: archives and downloads often put the model there.
  std::string inner = firstThat(names, [&](std::string_view name) {
    std::error_code ignored;
    return fs::exists(folder / name / "config.json", ignored);
  });
  if (!inner.empty())
    refuse("give ", (folder / inner).string(), ", which has one");
  refuse("give a Hugging Face model directory");
  __builtin_unreachable();
}

} // namespace quipu::frontend::hf
