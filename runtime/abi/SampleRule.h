//===- SampleRule.h - How a device draws tokens -----------------------------*- C++ -*-===//
//
// SamplingOptions (runtime/text/Sampler.h) as a device gets them; kernels know the layout (CudaAbi.h).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_SAMPLERULE_H
#define QUIPU_RUNTIME_ABI_SAMPLERULE_H

#include <cstdint>
#include <functional>
#include <vector>

namespace quipu {

/// Bounds of what devices do: tokens that the repeat penalty looks back, and the vocabulary.
inline constexpr uint32_t kSampleWindow = 1024;
inline constexpr uint32_t kSampleVocab = 1 << 20;

struct SampleRule {
  /// 1 / temperature; 0: the most likely token.
  double scale;
  double topP;
  double minP;
  /// scale * log2(e), finite.
  float scaleLog2;
  float repeatPenalty;
  /// 0: all.
  uint32_t topK;
  /// Tokens that the repeat penalty looks back, at most kSampleWindow on a device. The first token of a run goes to
  /// place `accepted` of their ring, below `window`.
  uint32_t window;
  uint32_t accepted;
  uint32_t unused;
};
static_assert(sizeof(SampleRule) == 48);

/// How the tokens of a sequence are drawn on a device.
struct TokenSampling {
  SampleRule rule;
  /// Ring of the tokens seen last, at most rule.window: the next one goes to place rule.accepted.
  std::vector<int32_t> recent;
  /// Gives the random numbers, one for each token, in [0, 1).
  std::function<double()> uniform;

  /// Puts a token into the ring.
  void accept(int32_t token) {
    if (rule.window == 0)
      return;
    if (recent.size() < rule.window)
      recent.push_back(token);
    else
      recent[rule.accepted] = token;
    rule.accepted = (rule.accepted + 1) % rule.window;
  }
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_SAMPLERULE_H
