//===- Weights.cpp - The weights of a plan in memory -------------------------------------===//

#include "runtime/core/Weights.h"
#include "runtime/abi/InterleavedRows.h"
#include "runtime/abi/RowOrder.h"
#include "runtime/abi/TensorPieces.h"
#include "runtime/core/HostMemory.h"
#include "runtime/core/LargePages.h"
#include "runtime/core/MemoryPlan.h"
#include "runtime/core/ToolRange.h"
#include "runtime/core/WeightRows.h"
#include "runtime/support/Error.h"
#include "runtime/support/Number.h"
#include "runtime/support/Progress.h"
#include "runtime/support/RoundUp.h"

#include <algorithm>

namespace quipu {

WeightSource WeightSource::parse(std::string_view text) {
  if (text == "files")
    return files();
  constexpr std::string_view prefix = "random:";
  if (text.starts_with(prefix)) {
    if (std::optional<uint64_t> seed = parseNumber<uint64_t>(text.substr(prefix.size())))
      return random(*seed);
  }
  fail("weights ", text, ": not understood; expected files or random:SEED (a number from 0)");
}

namespace {

/// Bytes of a piece that one thread writes. Smaller pieces cost more time to hand out; larger ones balance the threads
/// less well.
constexpr uint64_t kPieceBytes = 2 << 20;

/// Some rows of a weight, to be written.
struct Rows {
  const WeightRows *weight;
  uint64_t first;
  uint64_t count;
};

/// Collects what the host has to write.
struct Pieces {
  std::vector<Rows> rows;
  std::vector<UploadPiece> targets;

  void add(const WeightRows &weight, char *target) {
    // Whole tiles of pairs, so that runs of rows are not cut, and whole groups of interleaved rows.
    static_assert(kPairTileRows % kMostInterleavedRows == 0);
    uint64_t perPiece =
        std::max<uint64_t>(kPieceBytes / weight.rowBytes() / kPairTileRows * kPairTileRows, weight.interleave());
    for (uint64_t first = 0; first < weight.rows(); first += perPiece) {
      uint64_t count = std::min(perPiece, weight.rows() - first);
      rows.push_back({&weight, first, count});
      targets.push_back({target + first * weight.rowBytes(), count * weight.rowBytes()});
    }
  }
};

/// Has the host write the pieces, and shows how far it is.
void write(const Pieces &pieces, Device &device, const char *work) {
  ToolRange range(RangeKind::Load, [&] { return work; });
  uint64_t bytes = 0;
  for (const UploadPiece &piece : pieces.targets)
    bytes += piece.size;
  Progress progress(work, bytes);
  device.write(pieces.targets, [&](size_t index, char *target) {
    const Rows &piece = pieces.rows[index];
    piece.weight->write(piece.first, piece.count, target);
    progress.add(pieces.targets[index].size);
  });
  device.synchronize();
}

/// Says which weights are copied although they are to be read in their files.
void noteInterleaved(const std::vector<WeightRows> &weights, const ModelOptions &options) {
  uint64_t bytes = 0;
  for (const WeightRows &rows : weights)
    bytes += rows.interleave() > 1 ? rows.bytes() : 0;
  if (bytes && options.note)
    options.note(concat("--map-weights: ", (bytes + (1 << 20) - 1) >> 20,
                        " MiB of weights in blocks are copied all the same, since the plan's kernels read their rows "
                        "interleaved; compile with --llama-select-schedules interleave=1 to read them in their files"));
}

} // namespace

Weights::Weights(const PlanFile &plan, Device &device, const ModelOptions &options) {
  const plan::Plan &root = plan.plan();
  const WeightSource &source = options.weights;
  bool random = source.seed.has_value();
  std::vector<std::span<const uint8_t>> contents;
  if (!random)
    contents = openFiles(plan, options);

  std::vector<WeightRows> weights;
  for (const plan::Weight *weight : *root.weights())
    totalBytes += weights.emplace_back(*weight, contents, source, plan.path()).bytes();
  // Bounds of memory are read from many files, so only where the answer matters.
  bool readsFiles = !random && device.sharesHostMemory();
  bool copied = readsFiles && !options.mapWeights && worthLargePages(totalBytes, tightestBound().free);
  if (readsFiles && options.mapWeights)
    noteInterleaved(weights, options);
  uint64_t ownSize = 0;
  for (const WeightRows &rows : weights) {
    const uint8_t *inPlace = readsFiles && !copied ? rows.inPlace() : nullptr;
    pointers.push_back(const_cast<uint8_t *>(inPlace));
    if (!inPlace)
      ownSize += roundUp(rows.bytes(), device.alignment());
  }
  owned = allocateFor(device, "the weights", ownSize, MemoryUse::Dense);

  Pieces pieces;
  char *address = static_cast<char *>(owned.data());
  for (size_t i = 0; i < weights.size(); ++i) {
    if (pointers[i])
      continue;
    pointers[i] = address;
    if (!random || !fillRandom(device, *root.weights()->Get(unsigned(i)), *source.seed, address))
      pieces.add(weights[i], address);
    address += roundUp(weights[i].bytes(), device.alignment());
  }
  write(pieces, device,
        random                       ? "make random weights"
        : !device.sharesHostMemory() ? "upload the weights"
        : copied                     ? "copy the weights"
                                     : "convert the weights");
  if (!readsFiles || copied)
    files.clear();
}

/// The bytes of each file of the plan. Throws Error when there is none for a weight.
std::vector<std::span<const uint8_t>> Weights::openFiles(const PlanFile &plan, const ModelOptions &options) {
  const plan::Plan &root = plan.plan();
  std::vector<std::span<const uint8_t>> contents;
  for (size_t i = 0; root.files() && i < root.files()->size(); ++i) {
    if (plan.isBundle()) {
      contents.push_back(bundledWeights(plan, i, options));
      continue;
    }
    files.push_back(openWeightFile(plan, i, options));
    contents.push_back(files.back()->span());
  }
  for (const plan::Weight *weight : *root.weights())
    for (const plan::Source *part : *weight->sources())
      if (piecesOf(*part).empty())
        fail(plan.path(), ": the plan was compiled from a config without weights (", part->name()->string_view(),
             "); use --weights random:SEED, or compile from a folder with weight files");
  // All of it will be read soon: have the system fetch what is not in memory yet.
  for (const std::shared_ptr<MappedFile> &file : files)
    file->willNeed(0, file->size());
  if (plan.isBundle())
    plan.mapping()->willNeed(0, plan.mapping()->size());
  return contents;
}

bool Weights::fillRandom(Device &device, const plan::Weight &weight, uint64_t seed, void *target) {
  uint64_t columns = 1;
  for (unsigned i = 1; i < weight.shape()->size(); ++i)
    columns *= weight.shape()->Get(i);
  // Devices make numbers, no blocks.
  std::optional<plan::DType> dtype = formatOf(weight).dense;
  if (!dtype)
    return false;
  for (const plan::Source *source : *weight.sources())
    if (!device.fillRandom({source, weight.role(), seed, *dtype, target, columns}))
      return false;
  return true;
}

} // namespace quipu
