//===- Model.cpp - Opens a GGUF file -----------------------------------------------------===//

#include "frontends/gguf/Model.h"

#include "frontends/common/EndsOfText.h"
#include "frontends/common/Json.h"
#include "frontends/common/Layout.h"
#include "frontends/common/ShardName.h"
#include "frontends/gguf/Config.h"
#include "frontends/gguf/Kinds.h"
#include "frontends/gguf/Rope.h"
#include "frontends/gguf/Split.h"
#include "frontends/gguf/TensorNames.h"
#include "frontends/gguf/Tokenizer.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace fs = std::filesystem;

namespace quipu::frontend::gguf {

/// The files and tensors of all of them, by names in files.
static WeightIndex indexOf(std::vector<File> &files) {
  WeightIndex index;
  for (File &file : files) {
    auto number = uint32_t(index.files.size());
    index.files.push_back(file.info);
    for (auto &[name, entry] : file.tensors) {
      entry.file = number;
      index.tensors.emplace(name, std::move(entry));
    }
  }
  return index;
}

/// Blocks of files of before May 2023 have another layout.
static void checkBlocksAreOfToday(Metadata &metadata, const WeightIndex &index) {
  constexpr std::string_view kKey = "general.quantization_version";
  constexpr uint64_t kToday = 2;
  auto isBlock = [](const auto &item) { return item.second.format->block.has_value(); };
  std::optional<uint64_t> version = metadata.integer(kKey, 0, UINT32_MAX);
  if (version && *version != kToday && std::ranges::any_of(index.tensors, isBlock))
    metadata.fail(kKey, *metadata.peek(kKey),
                  "only version 2 of the layout of blocks is supported; get the model anew, or quantise it again");
}

[[noreturn]] static void refuseUnexpected(const WeightIndex &index, const WeightEntry &entry) {
  std::string_view meaning = describeForeignTensor(entry.nameInFile);
  fail(index.files[entry.file].path, ": unexpected tensor ", shownText(entry.nameInFile), " of shape ",
       shapeText(entry.shape),
       meaning.empty() ? "; the file's keys do not imply it: its model differs from those that are supported, or the "
                         "file is damaged"
                       : concat(": it is of ", meaning, "; use another model"));
}

/// Leaves exactly the tensors that the config implies in the index, by canonical name.
static void checkTensors(const std::string &path, const ModelConfig &config, WeightIndex &index) {
  decltype(index.tensors) canonical;
  std::set<std::string, std::less<>> expected;
  for (const ExpectedWeight &weight : expectedWeights(config)) {
    std::string name = nameInFiles(weight);
    if (!expected.insert(name).second)
      continue;
    const WeightEntry *entry = index.find(name);
    if (!entry)
      fail(path, ": tensor ", shownText(name), " is missing though the file's keys imply it; get the file again");
    if (entry->shape != weight.tensorShape)
      fail(index.files[entry->file].path, ": tensor ", shownText(name), " has the shape ", shapeText(entry->shape),
           " but the file's keys imply ", shapeText(weight.tensorShape), "; convert the model again");
    canonical.emplace(weight.tensor, *entry);
  }
  for (const auto &[name, entry] : index.tensors)
    if (!expected.contains(name))
      refuseUnexpected(index, entry);
  index.tensors = std::move(canonical);
}

static std::string modelName(const std::string &path) {
  fs::path file(path);
  if (std::optional<ShardName> shard = ShardName::parse(file.filename().string(), ".gguf"))
    return shard->stem;
  return file.stem().string();
}

Model readModel(const std::string &path) {
  std::vector<File> files = readFiles(path);
  Metadata &metadata = files.front().metadata;
  WeightIndex index = indexOf(files);
  checkBlocksAreOfToday(metadata, index);
  RopeTensors ropeTensors = takeRopeTensors(files, index);
  Model model;
  model.config = readConfig(metadata, index, ropeTensors);
  model.config.name = modelName(path);
  model.title = metadata.string("general.name").value_or("");
  checkTensors(path, model.config, index);
  for (size_t i = 0; i < files.size(); ++i)
    index.files[i].headerHash = hashRanges(files[i].bytes->span(), index.files[i].header);
  model.weights = std::move(index);
  model.tokenizer = readTokenizer(metadata, model.config);
  noteEnds(model.config);
  return model;
}

} // namespace quipu::frontend::gguf
