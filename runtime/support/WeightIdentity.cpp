//===- WeightIdentity.cpp - What tells a weight file from another ------------------------===//

#include "runtime/support/WeightIdentity.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu {

/// Bytes of a sample, and of all samples of a file. They are enough to notice that a tensor was trained further,
/// converted or replaced. They are few, so reading them takes little time.
static constexpr uint64_t kMostOfSample = 64 << 10, kLeastOfSample = 4 << 10, kMostOfFile = 128 << 20;
/// Bytes between two calls that report progress.
static constexpr uint64_t kPieceBytes = 16 << 20;

std::vector<ByteRange> sampleRanges(std::vector<ByteRange> tensors) {
  std::ranges::sort(tensors);
  tensors.erase(std::unique(tensors.begin(), tensors.end()), tensors.end());
  uint64_t each = kMostOfFile / (2 * std::max<uint64_t>(tensors.size(), 1));
  each = std::clamp(each / kLeastOfSample * kLeastOfSample, kLeastOfSample, kMostOfSample);
  std::vector<ByteRange> samples;
  auto add = [&](uint64_t begin, uint64_t end) {
    if (samples.empty() || begin > samples.back().offset + samples.back().size)
      samples.push_back({begin, 0});
    samples.back().size = std::max(samples.back().size, end - samples.back().offset);
  };
  for (const ByteRange &tensor : tensors) {
    uint64_t end = tensor.offset + tensor.size, length = std::min(tensor.size, each);
    add(tensor.offset, tensor.offset + length);
    // If tensors overlap, earlier samples may already reach further.
    add(std::max(end - length, samples.back().offset), end);
  }
  return samples;
}

Hash128 hashRanges(std::span<const uint8_t> bytes, std::span<const ByteRange> ranges) {
  HashStream stream;
  for (const ByteRange &range : ranges)
    stream.update(bytes.data() + range.offset, range.size);
  return stream.finish();
}

Hash128 hashSamples(const MappedFile &file, std::span<const ByteRange> samples) {
  for (const ByteRange &sample : samples) {
    if (sample.offset > file.size() || sample.size > file.size() - sample.offset)
      fail(file.path(), ": the weight file is shorter than its header says; it is truncated, get it again");
    file.willNeed(sample.offset, sample.size);
  }
  HashStream stream;
  for (const ByteRange &sample : samples) {
    stream.update(&sample, sizeof(sample));
    stream.update(file.data() + sample.offset, sample.size);
  }
  return stream.finish();
}

Hash128 hashContent(std::span<const uint8_t> bytes, const BytesDone &done) {
  HashStream stream;
  while (!bytes.empty()) {
    std::span<const uint8_t> piece = bytes.first(std::min<size_t>(bytes.size(), kPieceBytes));
    stream.update(piece.data(), piece.size());
    bytes = bytes.subspan(piece.size());
    if (done)
      done(piece.size());
  }
  return stream.finish();
}

} // namespace quipu
