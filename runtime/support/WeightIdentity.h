//===- WeightIdentity.h - What tells a weight file from another -------------*- C++ -*-===//
//
// A plan knows its weight files by size, time, a hash of the header and a hash of samples. Reading all bytes of a big
// model takes minutes, so a hash of everything is made for small files and where the user asks for it.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_WEIGHTIDENTITY_H
#define QUIPU_RUNTIME_SUPPORT_WEIGHTIDENTITY_H

#include "runtime/support/Hash.h"
#include "runtime/support/MappedFile.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace quipu {

/// Weights of at most so many bytes, over all files of a model, are hashed whole whether asked or not: that takes
/// hundredths of a second.
inline constexpr uint64_t kHashedWhole = 64 << 20;

/// Part of a file, in bytes.
struct ByteRange {
  uint64_t offset;
  uint64_t size;
  friend auto operator<=>(const ByteRange &, const ByteRange &) = default;
};

/// What is read of a file with these tensors: the first and the last 64 KiB of each, less where there are thousands of
/// them (at most about 128 MiB in all, but 4 KiB at each end). In order, without overlap. Tensors may be named twice.
std::vector<ByteRange> sampleRanges(std::vector<ByteRange> tensors);

/// XXH3-128 of the bytes of the ranges, in their order. They lie within `bytes`.
Hash128 hashRanges(std::span<const uint8_t> bytes, std::span<const ByteRange> ranges);

/// XXH3-128 of the samples' places and bytes. All of them are requested before the first is waited for. Throws Error
/// when the file ends before them.
Hash128 hashSamples(const MappedFile &file, std::span<const ByteRange> samples);

/// Gets the number of bytes done since the last call.
using BytesDone = std::function<void(uint64_t more)>;

/// hashBytes of everything, with news on the way. `done` may be empty.
Hash128 hashContent(std::span<const uint8_t> bytes, const BytesDone &done);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_WEIGHTIDENTITY_H
