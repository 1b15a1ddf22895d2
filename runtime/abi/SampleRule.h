//===- SampleRule.h - How a device draws tokens -----------------------------*- C++ -*-===//
//
// SamplingOptions (runtime/text/Sampler.h) as a device gets them; kernels know the layout (CudaAbi.h).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_SAMPLERULE_H
#define QUIPU_RUNTIME_ABI_SAMPLERULE_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace quipu {

/// Bounds for devices that draw tokens: tokens that the repeat penalty looks back, tokens of the vocabulary, and tokens
/// of a sequence whose logits are edited.
inline constexpr uint32_t kSampleWindow = 1024;
inline constexpr uint32_t kSampleVocab = 1 << 20;
inline constexpr uint32_t kSampleEdits = 16384;
/// The greatest number of most likely tokens that a device gives beside a chosen one.
inline constexpr uint32_t kSampleTop = 20;

/// In place of a chosen token: some logits are NaN or infinite; every token is forbidden.
inline constexpr int32_t kNoNumbers = -1, kNothingLeft = -2;

/// What a device keeps of a sequence in a *slot*, besides the ring of its last tokens and its edits. The device itself
/// brings `accepted` and `numEdits` up to date when it has chosen a token.
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
  /// Subtracted from the logits of generated tokens: once, and for each time.
  float presencePenalty;
  float frequencyPenalty;
  /// On a device. On the host TokenSampling::edits() has them.
  uint32_t numEdits;
  /// One more than the number of most likely tokens that are wanted with TokenScores (up to kSampleTop). 0: no scores.
  uint32_t scored;
  /// Whether the repeat penalty is for all tokens so far. They have edits then, and there is no window.
  uint32_t seesAll;

  /// Whether each generated token has an edit.
  bool keepsTokens() const { return seesAll || presencePenalty != 0 || frequencyPenalty != 0; }
};
static_assert(sizeof(SampleRule) == 64);

/// What is done to the logit of a token before anything is chosen. A sequence has one edit for a token at most.
struct TokenEdit {
  int32_t token;
  /// Added to the logit. Minus infinity forbids the token.
  float bias;
  /// How often the token was generated, if generated tokens are kept. With kSeen: and the repeat penalty is for it.
  uint32_t count;
  /// Room for the device: the logit as it was.
  float original;
};
inline constexpr uint32_t kSeen = uint32_t(1) << 31;
static_assert(sizeof(TokenEdit) == 16);

/// What a device says of the model's own logits when it chooses a token: enough for log-probabilities.
struct TokenScores {
  struct Top {
    int32_t token;
    float logit;
  };
  /// Sum of e^(logit - largest) over all tokens, in multiples of 2^-kScoreBits, which do not depend on any order.
  int64_t sum;
  float largest;
  /// The chosen token's.
  float chosen;
  /// The most likely tokens (of equals the lower id), as many as the rule says, in any order.
  Top top[kSampleTop];
};
inline constexpr int kScoreBits = 43;
static_assert(sizeof(TokenScores) == 176);

/// How the tokens of a sequence are chosen. Steps in this order: bias, presence and frequency penalty, repeat penalty,
/// and then those of the rule.
struct TokenSampling {
  SampleRule rule;
  /// Ring of the last tokens, at most rule.window. The next token goes to place rule.accepted.
  std::vector<int32_t> recent;
  /// The most edits that there may ever be.
  uint32_t mostEdits = 0;
  /// Gives a random number in [0, 1) for each token.
  std::function<double()> uniform;
  /// Of the device's copy of all this, if it has one that is up to date. See Executor.
  mutable uint64_t ticket = 0;

  /// Whether the most likely token is chosen, of the logits as they are, and nothing else is wanted.
  bool isPlainGreedy() const {
    return !rule.scored && rule.scale == 0 && counted.empty() && !rule.keepsTokens() &&
           (rule.repeatPenalty == 1 || rule.window == 0);
  }

  /// Adds to the logit of a token.
  void addBias(int32_t token, float bias) { editOf(token).bias += bias; }

  /// Notes a generated token.
  void accept(int32_t token) {
    remember(token);
    if (rule.keepsTokens())
      uncounted.push_back(token);
  }

  /// Notes a token for the repeat penalty that is not generated.
  void see(int32_t token) {
    if (rule.seesAll)
      editOf(token).count |= kSeen;
    remember(token);
  }

  /// What is done to logits, in any order. One thread at a time may call it: it counts the tokens that have been
  /// accepted since the last call: a device counts them itself, and then nobody asks, unless its copy is lost.
  const std::vector<TokenEdit> &edits() const {
    for (int32_t token : uncounted) {
      TokenEdit &edit = editOf(token);
      ++edit.count;
      edit.count |= rule.seesAll ? kSeen : 0;
    }
    uncounted.clear();
    return counted;
  }

private:
  void remember(int32_t token) {
    if (rule.window == 0)
      return;
    if (recent.size() < rule.window)
      recent.push_back(token);
    else
      recent[rule.accepted] = token;
    rule.accepted = (rule.accepted + 1) % rule.window;
  }

  TokenEdit &editOf(int32_t token) const {
    auto [place, isNew] = places.try_emplace(token, counted.size());
    if (isNew)
      counted.push_back({token, 0, 0, 0});
    return counted[place->second];
  }

  mutable std::vector<TokenEdit> counted;
  /// The edit of each token that has one.
  mutable std::unordered_map<int32_t, size_t> places;
  /// Generated tokens that no edit counts yet.
  mutable std::vector<int32_t> uncounted;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_SAMPLERULE_H
