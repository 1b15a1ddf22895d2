//===- WeightsFile.cpp - The rounded tensors of a plan ------------------------------------===//

#include "frontends/convert/WeightsFile.h"

#include "frontends/convert/TensorWriter.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/Hash.h"
#include "runtime/support/Progress.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace quipu::convert {

/// Tensors begin at multiples of a cache line.
static constexpr uint64_t kTensorAlignment = 64;
/// Bytes of each half of the header.
static constexpr uint64_t kHeaderHalf = 16;
static_assert(kRoundedWeightsMagic.size() <= kHeaderHalf && sizeof(Hash128) == kHeaderHalf);

TensorFormats formatsOf(const frontend::Model &model, const frontend::QuantizeMix &mix) {
  TensorFormats formats;
  for (const frontend::ExpectedWeight &weight : frontend::expectedWeights(model.config)) {
    const frontend::WeightEntry *tensor = model.weights ? model.weights->find(weight.tensor) : nullptr;
    const WeightFormat *format = mix.formatOf(weight, model.config);
    if (tensor && format && format != tensor->format)
      formats[weight.tensor] = format;
  }
  return formats;
}

namespace {

/// An output whose bytes are hashed while they are written.
class HashedOutput {
public:
  explicit HashedOutput(OutputFile &file) : file(file) {}

  void write(const void *data, size_t size) {
    stream.update(data, size);
    file.write(data, size);
  }
  void pad(uint64_t alignment) {
    const char zeros[kTensorAlignment] = {};
    write(zeros, size_t((alignment - file.size() % alignment) % alignment));
  }
  Hash128 hash() const { return stream.finish(); }

private:
  OutputFile &file;
  HashStream stream;
};

} // namespace

/// The file as plans and messages know it.
static frontend::WeightFile describe(const OutputFile &file, const std::string &path, const Hash128 &content) {
  frontend::WeightFile described;
  described.path = std::filesystem::absolute(path).string();
  described.unnamed = file.readablePath();
  std::shared_ptr<MappedFile> bytes = MappedFile::open(described.unnamed, "rounded weights");
  described.size = bytes->size();
  described.mtimeNs = bytes->mtimeNs();
  described.header = {{0, kHeaderHalf}, {bytes->size() - kHeaderHalf, kHeaderHalf}};
  described.headerHash = hashRanges(bytes->span(), described.header);
  described.contentHash = content;
  return described;
}

RoundedWeights writeRoundedWeights(const frontend::Model &model, const TensorFormats &formats, OutputFile &file,
                                   const std::string &path) {
  const frontend::WeightIndex &from = *model.weights;
  auto formatOf = [&](const std::string &name, const frontend::WeightEntry &tensor) {
    auto found = formats.find(name);
    return found == formats.end() ? tensor.format : found->second;
  };
  uint64_t bytes = 0;
  for (const auto &[name, tensor] : from.tensors)
    bytes += formatOf(name, tensor)->bytes(tensor.size / tensor.format->blockBytes * tensor.format->blockElements);
  Progress progress("round the weights", bytes);

  TensorWriter writer(from);
  HashedOutput out(file);
  char begin[kHeaderHalf] = {};
  std::copy(kRoundedWeightsMagic.begin(), kRoundedWeightsMagic.end(), begin);
  out.write(begin, sizeof(begin));
  RoundedWeights result;
  for (const auto &[name, tensor] : from.tensors) {
    out.pad(kTensorAlignment);
    const WeightFormat *format = formatOf(name, tensor);
    frontend::WeightEntry entry{.nameInFile = tensor.nameInFile,
                                .file = 0,
                                .offset = file.size(),
                                .size = 0,
                                .format = format,
                                .shape = tensor.shape};
    RoundingError error = writer.write(
        tensor, {.format = format}, [&](std::span<const uint8_t> part) { out.write(part.data(), part.size()); },
        &progress);
    entry.size = file.size() - entry.offset;
    if (format != tensor.format) {
      entry.roundingError = float(error.relative());
      result.rounded.push_back({name, tensor.format, format, tensor.shape, error});
    }
    result.index.tensors.emplace(name, std::move(entry));
  }
  Hash128 end = out.hash();
  out.write(end.data(), end.size());
  result.index.files = {describe(file, path, out.hash())};
  return result;
}

/// "6.1 %"; more digits of small ones.
static std::string percent(double ratio) {
  char text[32];
  snprintf(text, sizeof(text), "%.3g %%", ratio * 100);
  return text;
}

std::string summaryOf(const std::vector<RoundedTensor> &rounded) {
  std::map<std::string_view, size_t> counts;
  RoundingError total;
  const RoundedTensor *worst = nullptr;
  for (const RoundedTensor &tensor : rounded) {
    ++counts[tensor.to->name];
    total.add(tensor.error);
    if (!worst || tensor.error.relative() > worst->error.relative())
      worst = &tensor;
  }
  if (!worst)
    return "no matrix is rounded: all have the formats that were asked for";
  std::string text = concat(rounded.size(), rounded.size() == 1 ? " matrix" : " matrices", " rounded:");
  const char *separator = " ";
  for (const auto &[name, count] : counts) {
    text += concat(separator, count, " to ", name);
    separator = ", ";
  }
  return concat(text, "; error ", percent(total.relative()), " (root mean square, of that of the weights), at most ",
                percent(worst->error.relative()), " in ", worst->name);
}

std::string tableOf(const std::vector<RoundedTensor> &rounded) {
  std::string text;
  for (const RoundedTensor &tensor : rounded) {
    std::string shape;
    for (uint64_t extent : tensor.shape)
      shape += (shape.empty() ? "" : "x") + std::to_string(extent);
    char line[256];
    snprintf(line, sizeof(line), "%s%-40s %-14s %-6s -> %-6s error %s", text.empty() ? "" : "\n", tensor.name.c_str(),
             shape.c_str(), tensor.from->name.data(), tensor.to->name.data(), percent(tensor.error.relative()).c_str());
    text += line;
  }
  return text;
}

} // namespace quipu::convert
