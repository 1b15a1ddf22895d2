//===- Packing.h - Which texts run together ----------------------------------*- C++ -*-===//
//
// A step runs several texts, each as a sequence of its own: its positions begin at 0 and it has its own pages of the
// cache, so that no text sees another. Which texts share a step changes how fast it is, and not what comes out.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SCORE_PACKING_H
#define QUIPU_RUNTIME_SCORE_PACKING_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace quipu {

/// Numbers of texts that run together.
using TextGroup = std::vector<size_t>;

/// Packs of at most `capacity` tokens and `mostTexts` texts, by first fit decreasing: texts are taken from the longest
/// to the shortest, and each goes into the first pack that has room. Only neighbours are packed together: a run of
/// kPackedTogether texts is done when the next one begins, so that results come in about the order of the texts. Packs
/// are in the order of their first texts. No length is above `capacity`.
std::vector<TextGroup> packTexts(std::span<const size_t> lengths, size_t capacity, size_t mostTexts);
inline constexpr size_t kPackedTogether = 1024;

/// Groups of neighbouring texts: of at most `mostTexts` texts, and of at most `mostTokens` tokens unless one text alone
/// has more.
std::vector<TextGroup> groupTexts(std::span<const size_t> lengths, size_t mostTexts, size_t mostTokens);

/// Joins up to `count` neighbouring packs into one group, as long as it has at most `mostTexts` texts.
std::vector<TextGroup> joinPacks(std::span<const TextGroup> packs, size_t count, size_t mostTexts);

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_PACKING_H
