//===- Weights.cpp - The weights of a plan in memory -------------------------------------===//

#include "runtime/core/Weights.h"
#include "runtime/core/DataType.h"
#include "runtime/core/Error.h"
#include "runtime/core/RandomWeights.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <thread>

namespace quipu {

WeightSource WeightSource::parse(std::string_view text) {
  if (text == "files")
    return files();
  constexpr std::string_view prefix = "random:";
  if (text.starts_with(prefix)) {
    std::string_view number = text.substr(prefix.size());
    uint64_t seed = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), seed);
    if (error == std::errc() && end == number.data() + number.size())
      return random(seed);
  }
  fail("weights ", text, ": not understood; expected files or random:SEED (a number from 0)");
}

namespace {

constexpr uint64_t kNoFile = 0xffffffff;
constexpr uint64_t kAlignment = 64;

/// A part of a weight to write: elements [first, first + count) of one source.
struct Piece {
  const plan::Source *source;
  const plan::Weight *weight;
  uint64_t first;
  uint64_t count;
  char *target;
};

/// Elements of a piece: enough to outweigh the hand-over, few enough to balance the threads.
constexpr uint64_t kPieceElements = 1 << 19;

uint64_t elementCount(const flatbuffers::Vector<uint64_t> &shape) {
  uint64_t count = 1;
  for (uint64_t dim : shape)
    count *= dim;
  return count;
}

void addPieces(const plan::Weight &weight, char *target, std::vector<Piece> &pieces) {
  for (const plan::Source *source : *weight.sources()) {
    uint64_t count = elementCount(*source->shape());
    for (uint64_t first = 0; first < count; first += kPieceElements) {
      uint64_t size = std::min(kPieceElements, count - first);
      pieces.push_back({source, &weight, first, size, target});
      target += size * dtypeSize(weight.dtype());
    }
  }
}

template <typename Function> void forEachPiece(const std::vector<Piece> &pieces, unsigned threads, Function function) {
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t i = next++; i < pieces.size(); i = next++)
      function(pieces[i]);
  };
  std::vector<std::thread> helpers;
  size_t wanted = std::min<size_t>(threads, pieces.size());
  for (size_t i = 1; i < wanted; ++i)
    helpers.emplace_back(work);
  work();
  for (std::thread &helper : helpers)
    helper.join();
}

} // namespace

Weights::Weights(const PlanFile &plan, Device &device, const WeightSource &source, bool verify, unsigned threads) {
  const plan::Plan &root = plan.plan();
  const auto &weights = *root.weights();
  bool random = source.seed.has_value();

  // Bytes of each file of the plan.
  std::vector<std::span<const uint8_t>> contents;
  for (size_t i = 0; !random && root.files() && i < root.files()->size(); ++i) {
    if (plan.isBundle()) {
      contents.push_back(plan.bundledFile(i));
      checkWeightBytes(*root.files()->Get(i), contents.back(), concat(plan.path(), ", bundled weight file ", i),
                       plan.path(), verify);
      continue;
    }
    files.push_back(openWeightFile(*root.files()->Get(i), plan.path(), verify));
    contents.push_back(files.back()->span());
  }
  for (const plan::Weight *weight : weights)
    for (const plan::Source *part : *weight->sources())
      if (!random && part->file() == kNoFile)
        fail(plan.path(), ": the plan was compiled from a config without weights (", part->name()->string_view(),
             "); use --weights random:SEED, or compile from a folder with weight files");

  auto sourceBytes = [&](const plan::Source &part) { return contents[part.file()].data() + part.offset(); };
  // Kernels rely on two-byte alignment, which a mapped file does not promise.
  auto inPlace = [&](const plan::Weight &weight) {
    return !random && device.sharesHostMemory() && weight.transform() == plan::WeightTransform::none &&
           reinterpret_cast<uintptr_t>(sourceBytes(*weight.sources()->Get(0))) % 2 == 0;
  };

  uint64_t ownSize = 0;
  for (const plan::Weight *weight : weights) {
    uint64_t bytes = elementCount(*weight->shape()) * dtypeSize(weight->dtype());
    totalBytes += bytes;
    if (!inPlace(*weight))
      ownSize += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  owned = device.allocate(ownSize, MemoryUse::Dense);
  char *address = static_cast<char *>(owned.data());
  // Where the host cannot write device memory, the values are made beside it first.
  char *host = static_cast<char *>(device.hostPointer(address));
  std::vector<char> staging;
  if (ownSize && !host) {
    staging.resize(ownSize);
    host = staging.data();
  }

  std::vector<Piece> pieces;
  uint64_t offset = 0;
  for (const plan::Weight *weight : weights) {
    if (inPlace(*weight)) {
      pointers.push_back(const_cast<uint8_t *>(sourceBytes(*weight->sources()->Get(0))));
      continue;
    }
    pointers.push_back(address + offset);
    addPieces(*weight, host + offset, pieces);
    uint64_t bytes = elementCount(*weight->shape()) * dtypeSize(weight->dtype());
    offset += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  forEachPiece(pieces, threads, [&](const Piece &piece) {
    if (random) {
      uint64_t columns = piece.source->shape()->Get(piece.source->shape()->size() - 1);
      fillRandom(piece.source->name()->string_view(), *source.seed, piece.weight->role(), columns, piece.first,
                 piece.count, piece.weight->dtype(), piece.target);
    } else {
      convertElements(piece.source->dtype(),
                      sourceBytes(*piece.source) + piece.first * dtypeSize(piece.source->dtype()),
                      piece.weight->dtype(), piece.target, piece.count);
    }
  });
  if (!staging.empty())
    device.upload(address, staging.data(), ownSize);
  // The first token reads all of it: have the system fetch what is not in memory yet.
  for (const std::shared_ptr<MappedFile> &file : files)
    file->willNeed(0, file->size());
  if (plan.isBundle() && !random)
    plan.mapping()->willNeed(0, plan.mapping()->size());
}

} // namespace quipu
