//===- Safetensors.cpp - Tensors as safetensors files -------------------------------------===//

#include "frontends/convert/Safetensors.h"

#include "runtime/support/Error.h"
#include "runtime/support/RoundUp.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <span>

using json = nlohmann::ordered_json;

namespace quipu::convert {

/// The header is filled with spaces, so that tensors begin at a multiple of so many bytes.
static constexpr size_t kHeaderAlignment = 64;

static std::string headerOf(std::span<const OutputTensor> tensors) {
  json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const OutputTensor &tensor : tensors) {
    std::string dtype(tensor.change.format->name);
    std::ranges::transform(dtype, dtype.begin(), [](unsigned char c) { return char(std::toupper(c)); });
    header[tensor.name] = {
        {"dtype", dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes()}}};
    offset += tensor.bytes();
  }
  std::string text = header.dump();
  size_t whole = roundUp(sizeof(uint64_t) + text.size(), kHeaderAlignment);
  text.resize(whole - sizeof(uint64_t), ' ');
  uint64_t size = text.size();
  return std::string(reinterpret_cast<const char *>(&size), sizeof(size)) + text;
}

static std::vector<std::span<const OutputTensor>> shardsOf(const std::vector<OutputTensor> &tensors,
                                                           uint64_t shardBytes) {
  std::vector<std::span<const OutputTensor>> shards;
  std::span<const OutputTensor> rest = tensors;
  while (!rest.empty()) {
    size_t count = 0;
    uint64_t bytes = 0;
    // A shard has one tensor at least.
    while (count < rest.size() && (count == 0 || bytes + rest[count].bytes() <= shardBytes))
      bytes += rest[count++].bytes();
    shards.push_back(rest.first(count));
    rest = rest.subspan(count);
  }
  return shards;
}

static std::string shardName(size_t number, size_t count) {
  if (count == 1)
    return "model.safetensors";
  char name[64];
  snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", number + 1, count);
  return name;
}

void writeSafetensors(const frontend::WeightIndex &index, const std::vector<OutputTensor> &tensors, uint64_t shardBytes,
                      OutputFolder &folder, ConvertReport &report) {
  std::vector<std::span<const OutputTensor>> shards = shardsOf(tensors, shardBytes);
  json map = json::object();
  uint64_t total = 0;
  for (const OutputTensor &tensor : tensors)
    total += tensor.bytes();
  TensorWriter writer(index);
  Progress progress("write " + folder.path(), total);
  for (size_t i = 0; i < shards.size(); ++i) {
    std::string name = shardName(i, shards.size());
    OutputFile &file = folder.add(name);
    std::string header = headerOf(shards[i]);
    file.write(header.data(), header.size());
    for (const OutputTensor &tensor : shards[i]) {
      RoundingError error = writer.write(
          *tensor.source, tensor.change, [&](std::span<const uint8_t> part) { file.write(part.data(), part.size()); },
          &progress);
      report.add(tensor, error);
      map[tensor.name] = name;
    }
  }
  if (shards.size() > 1)
    folder.addText("model.safetensors.index.json",
                   json{{"metadata", {{"total_size", total}}}, {"weight_map", map}}.dump(2) + "\n");
}

} // namespace quipu::convert
