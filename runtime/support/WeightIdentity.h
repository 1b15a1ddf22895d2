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

/// If all files of a model together have at most so many bytes, they are always hashed completely. That takes
/// hundredths of a second.
inline constexpr uint64_t kHashedWhole = 64 << 20;

/// Part of a file, in bytes.
struct ByteRange {
  uint64_t offset;
  uint64_t size;
  friend auto operator<=>(const ByteRange &, const ByteRange &) = default;
};

/// What is read of a file with these tensors: the first and the last 64 KiB of each. Where there are thousands of
/// tensors it is less: about 128 MiB in all, and at least 4 KiB at each end. The ranges are in order and do not
/// overlap. Tensors may be named twice.
std::vector<ByteRange> sampleRanges(std::vector<ByteRange> tensors);

/// XXH3-128 of the bytes of the ranges, in their order. They lie within `bytes`.
Hash128 hashRanges(std::span<const uint8_t> bytes, std::span<const ByteRange> ranges);

/// XXH3-128 of the samples' offsets and bytes. All samples are requested from the system before the first is read.
/// Throws Error if the file ends before them.
Hash128 hashSamples(const MappedFile &file, std::span<const ByteRange> samples);

/// Called with the number of bytes that were hashed since the last call.
using BytesDone = std::function<void(uint64_t more)>;

/// hashBytes of all bytes. It calls `done` from time to time. `done` may be empty.
Hash128 hashContent(std::span<const uint8_t> bytes, const BytesDone &done);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_WEIGHTIDENTITY_H
