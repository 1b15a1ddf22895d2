//===- ToyShape.h - Dimensions of the toy plan ------------------------------*- C++ -*-===//

#ifndef QUIPU_TEST_RUNTIME_TOYSHAPE_H
#define QUIPU_TEST_RUNTIME_TOYSHAPE_H

#include <stdint.h>

inline constexpr int64_t kToyVocab = 32;
inline constexpr int64_t kToyHidden = 8;
inline constexpr int64_t kToyKvHeads = 2;
inline constexpr int64_t kToyHeadDim = 4;
inline constexpr int64_t kToyLayers = 5;
inline constexpr int64_t kToyPage = 4;
inline constexpr int64_t kToyMaxSeq = 30;
inline constexpr int64_t kToyMaxBatch = 3;
/// Prefill takes 2 to 12 rows, in groups of kToyRowAlign.
inline constexpr int64_t kToyMaxRows = 12;
inline constexpr int64_t kToyRowAlign = 4;

/// Columns of the logits that report instead: T, index of the row, its position, and which program ran.
inline constexpr int64_t kToyRowsColumn = 28;
inline constexpr int64_t kToyRowColumn = 29;
inline constexpr int64_t kToyPositionColumn = 30;
inline constexpr int64_t kToyTagColumn = 31;
inline constexpr float kToyDecodeTag = -1;
inline constexpr float kToyPrefillTag = -2;

/// The token that toy_choose gives for a row at this position.
constexpr int32_t toyChoice(int32_t position) { return (position * 7 + 1) % int32_t(kToyRowsColumn); }

/// toy_logits_plain gives NaN for rows from this position on.
inline constexpr int64_t kToyNanPosition = 60;

/// A target for which toy_score gives NaN.
inline constexpr int32_t kToyBadTarget = 31;
/// The log_prob that toy_score gives for a row at this position with this target.
constexpr float toyScore(int32_t position, int32_t target) { return float(-1 - position * 64 - target); }

#endif // QUIPU_TEST_RUNTIME_TOYSHAPE_H
