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

/// Bounds for devices that draw tokens: tokens that the repeat penalty looks back, and tokens of the vocabulary.
inline constexpr uint32_t kSampleWindow = 1024;
inline constexpr uint32_t kSampleVocab = 1 << 20;

struct SampleRule {
  /// 1 / temperature. 0: choose the most likely token.
  double scale;
  double topP;
  double minP;
  /// scale * log2(e), finite.
  float scaleLog2;
  float repeatPenalty;
  /// 0: all.
  uint32_t topK;
  /// Tokens that the repeat penalty looks back, at most kSampleWindow on a device. They lie in a ring. The next token
  /// goes to place `accepted` (less than `window`) of the ring.
  uint32_t window;
  uint32_t accepted;
  uint32_t unused;
};
static_assert(sizeof(SampleRule) == 48);

/// How the tokens of a sequence are drawn on a device.
struct TokenSampling {
  SampleRule rule;
  /// Ring of the last tokens, at most rule.window. The next token goes to place rule.accepted.
  std::vector<int32_t> recent;
  /// Gives a random number in [0, 1) for each token.
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
