//===- BlockSearch.cpp - Rounding with factors of scales ---------------------------------===//
//
//   for each run of values: the real scale (and minimum) with the smallest error        (fitRun)
//   the block's scale, so that the largest real scale becomes the largest factor
//   for each run: the factors around the real ones with the smallest error               (chooseFactors)
//
//===----------------------------------------------------------------------------------===//

#include "runtime/abi/BlockSearch.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/PackedBits.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <tuple>

namespace quipu {
namespace {

/// value = scale * integer - minimum
struct Fit {
  float scale = 0;
  float minimum = 0;
  float error = 0;
};

struct Range {
  int32_t least, most;
};

Range rangeOf(const PackedIntegers &integers) {
  int32_t count = 1 << integers.bits();
  int32_t least = integers.isSigned ? -count / 2 : 0;
  return {least - integers.offset, least + count - 1 - integers.offset};
}

/// Sum of squared errors of the best integers for `fit`, and the sums that the least squares of scale and minimum need.
struct Sums {
  float error = 0;
  float ofSquares = 0, ofIntegers = 0, ofProducts = 0, ofValues = 0;
};

/// Sums are taken in so many parts, so that they fit a vector.
constexpr uint32_t kParts = 16;

float total(const float *parts) {
  float sum = 0;
  for (uint32_t i = 0; i < kParts; ++i)
    sum += parts[i];
  return sum;
}

QUIPU_MULTIVERSION void measure(const float *values, uint32_t count, const Fit &fit, Range range, Sums &sums) {
  float scale = fit.scale, minimum = fit.minimum, inverse = scale != 0 ? 1 / scale : 0;
  float least = float(range.least), most = float(range.most);
  float error[kParts] = {}, squares[kParts] = {}, integers[kParts] = {}, products[kParts] = {}, all[kParts] = {};
  for (uint32_t first = 0; first < count; first += kParts)
    for (uint32_t i = 0; i < kParts; ++i) {
      float value = values[first + i];
      float integer = std::nearbyint((value + minimum) * inverse);
      integer = integer < least ? least : integer > most ? most : integer;
      float rest = value - (scale * integer - minimum);
      error[i] += rest * rest;
      squares[i] += integer * integer;
      integers[i] += integer;
      products[i] += integer * value;
      all[i] += value;
    }
  sums = {total(error), total(squares), total(integers), total(products), total(all)};
}

/// What the minimum of a run may be.
enum class MinimumKind { none, notBelowZero, any };

/// Improves a fit: its integers stay, scale and minimum become those of the least squares for them.
Fit refit(const Sums &sums, uint32_t count, MinimumKind kind, const Fit &fit) {
  Fit better = fit;
  float n = float(count);
  if (kind != MinimumKind::none) {
    float determinant = n * sums.ofSquares - sums.ofIntegers * sums.ofIntegers;
    if (determinant > 0) {
      better.scale = (n * sums.ofProducts - sums.ofIntegers * sums.ofValues) / determinant;
      better.minimum = (sums.ofIntegers * sums.ofProducts - sums.ofSquares * sums.ofValues) / determinant;
      if (better.minimum >= 0 || kind == MinimumKind::any)
        return better;
    }
    better.minimum = 0;
  }
  if (sums.ofSquares > 0)
    better.scale = sums.ofProducts / sums.ofSquares;
  return better;
}

/// The real scale and minimum of a run.
Fit fitRun(const float *values, uint32_t count, Range range, MinimumKind kind) {
  bool hasMinimum = kind != MinimumKind::none;
  auto [lowest, highest] = std::minmax_element(values, values + count);
  float minimum = kind == MinimumKind::any ? -*lowest : hasMinimum ? std::max(-*lowest, 0.0f) : 0;
  // The value that a scale brings to an end of the range.
  float top = hasMinimum ? *highest + minimum : std::fabs(*lowest) > std::fabs(*highest) ? *lowest : *highest;
  if (top == 0)
    return {0, minimum, 0};
  float end = float(hasMinimum ? range.most : range.least);
  Fit best{.error = INFINITY};
  // Ends that lie a little inside and outside of the range.
  constexpr int kSteps = 12;
  for (int step = -kSteps; step <= kSteps; ++step) {
    float target = end + std::copysign(0.1f * float(step), end);
    Fit fit{top / target, minimum, 0};
    for (int round = 0; round < 3; ++round) {
      Sums sums;
      measure(values, count, fit, range, sums);
      fit.error = sums.error;
      if (sums.error < best.error)
        best = fit;
      fit = refit(sums, count, kind, fit);
    }
  }
  return best;
}

/// The factors of a run, and the sum of its squared errors.
struct Factors {
  int32_t scale = 0, minimum = 0;
  float error = INFINITY;
};

/// At most two steps from the real ones.
Factors chooseFactors(const float *values, uint32_t count, Range range, const Fit &real, float scale, Range factors,
                      float minimumScale, Range minimumFactors) {
  auto nearest = [](float value, float unit, Range bounds) {
    float factor = unit != 0 ? std::nearbyint(value / unit) : 0;
    return int32_t(std::clamp(factor, float(bounds.least), float(bounds.most)));
  };
  int32_t first = nearest(real.scale, scale, factors), second = nearest(real.minimum, minimumScale, minimumFactors);
  Factors best{first, second};
  int32_t around = minimumScale != 0 ? 2 : 0;
  for (int32_t a = std::max(first - 2, factors.least); a <= std::min(first + 2, factors.most); ++a)
    for (int32_t c = std::max(second - around, minimumFactors.least);
         c <= std::min(second + around, minimumFactors.most); ++c) {
      Sums sums;
      measure(values, count, {scale * float(a), minimumScale * float(c), 0}, range, sums);
      if (sums.error < best.error)
        best = {a, c, sums.error};
    }
  return best;
}

/// The integers of a run.
void roundRun(const float *values, uint32_t count, const Fit &fit, Range range, int32_t offset, int32_t *integers) {
  float inverse = fit.scale != 0 ? 1 / fit.scale : 0;
  for (uint32_t i = 0; i < count; ++i) {
    float integer = std::nearbyint((values[i] + fit.minimum) * inverse);
    integers[i] = int32_t(std::clamp(integer, float(range.least), float(range.most))) + offset;
  }
}

/// A block whose runs share one scale and one minimum.
bool encodeShared(const WeightFormat &format, const float *values, uint8_t *block) {
  const BlockLayout &layout = *format.block;
  Range range = rangeOf(layout.integers);
  Fit fit = fitRun(values, format.blockElements, range, MinimumKind::any);
  Fit stored;
  stored.scale = storeNumber(layout.scale, fit.scale, block);
  stored.minimum =
      -layout.minimum->sign * storeNumber(layout.minimum->scale, -layout.minimum->sign * fit.minimum, block);
  if (!std::isfinite(stored.scale) || !std::isfinite(stored.minimum))
    return false;
  int32_t integers[kMaxBlockElements];
  roundRun(values, format.blockElements, stored, range, layout.integers.offset, integers);
  packIntegers(layout.integers, integers, block, format.blockElements);
  return true;
}

/// Scales of a block without minima that are tried.
constexpr int kScalesTried = 32;

/// A block whose runs have factors.
bool encodeWithFactors(const WeightFormat &format, const float *values, uint8_t *block) {
  const BlockLayout &layout = *format.block;
  uint32_t run = layout.scaleRun;
  assert(run % kParts == 0);
  uint32_t runs = format.blockElements / run;
  Range range = rangeOf(layout.integers), factorRange = rangeOf(*layout.scaleFactors);
  bool hasMinimum = layout.minimum.has_value();
  Range minimumRange = hasMinimum ? rangeOf(*layout.minimum->factors) : Range{0, 0};
  MinimumKind kind = hasMinimum ? MinimumKind::notBelowZero : MinimumKind::none;

  Fit fits[kMaxBlockElements];
  float largest = 0, largestMinimum = 0;
  for (uint32_t r = 0; r < runs; ++r) {
    fits[r] = fitRun(values + r * run, run, range, kind);
    if (std::fabs(fits[r].scale) > std::fabs(largest))
      largest = fits[r].scale;
    largestMinimum = std::max(largestMinimum, fits[r].minimum);
  }
  float minimumScale =
      hasMinimum ? storeNumber(layout.minimum->scale, largestMinimum / float(minimumRange.most), block) : 0;
  // A signed factor has one more number below zero. The largest scale need not have the last factor: a larger scale of
  // the block moves the places of all other factors, and one of a few is better for most of them.
  float end = float(factorRange.least < 0 ? factorRange.least : factorRange.most), scale = 0, least = INFINITY;
  Factors best[kMaxBlockElements], tried[kMaxBlockElements];
  for (int step = 0; step < (hasMinimum ? 1 : kScalesTried); ++step) {
    float candidate = storeNumber(layout.scale, largest / (end - std::copysign(float(step), end)), block);
    if (!std::isfinite(candidate))
      break;
    float error = 0;
    for (uint32_t r = 0; r < runs; ++r) {
      tried[r] =
          chooseFactors(values + r * run, run, range, fits[r], candidate, factorRange, minimumScale, minimumRange);
      error += tried[r].error;
    }
    if (error < least) {
      least = error;
      scale = candidate;
      std::copy_n(tried, runs, best);
    }
  }
  if (least == INFINITY || !std::isfinite(minimumScale))
    return false;
  storeNumber(layout.scale, scale, block);

  int32_t integers[kMaxBlockElements], factors[kMaxBlockElements], minimumFactors[kMaxBlockElements];
  for (uint32_t r = 0; r < runs; ++r) {
    Fit chosen{scale * float(best[r].scale), minimumScale * float(best[r].minimum), 0};
    roundRun(values + r * run, run, chosen, range, layout.integers.offset, integers + r * run);
    factors[r] = best[r].scale + layout.scaleFactors->offset;
    minimumFactors[r] = best[r].minimum;
  }
  packIntegers(layout.integers, integers, block, format.blockElements);
  packIntegers(*layout.scaleFactors, factors, block, runs);
  if (hasMinimum)
    packIntegers(*layout.minimum->factors, minimumFactors, block, runs);
  return true;
}

} // namespace

bool encodeSearched(const WeightFormat &format, const float *values, uint8_t *block) {
  return format.block->scaleFactors ? encodeWithFactors(format, values, block) : encodeShared(format, values, block);
}

} // namespace quipu
