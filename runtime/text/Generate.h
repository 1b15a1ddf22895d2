//===- Generate.h - The generation loop -------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_GENERATE_H
#define QUIPU_RUNTIME_TEXT_GENERATE_H

#include "runtime/core/Session.h"
#include "runtime/text/Sampler.h"
#include "runtime/text/Tokenizer.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

struct GenerateOptions {
  SamplingOptions sampling;
  /// Most new tokens; 0: until EOS or the end of the context.
  uint32_t maxTokens = 0;
  /// Generation ends before the first of these texts, which is not given out. Needs a tokenizer.
  std::vector<std::string> stop;
  /// Ids that end the text besides the EOS of plan and tokenizer, such as the end of a turn.
  std::vector<int32_t> ends;
  /// Do not stop at an EOS id, be it the plan's or the tokenizer's, nor at one of `ends`.
  bool ignoreEos = false;
  /// The new text is one of its own, as an answer is: the space that some tokenizers put before the first word is left
  /// out. Else the new text continues the prompt's, and this space is its own.
  bool beginsText = false;
  /// Tokens of a prefill launch; 0: as many as the plan allows.
  uint32_t chunkRows = 0;
};

enum class StopReason { Eos, StopText, MaxTokens, ContextFull, Callback };

struct GenerateSummary {
  /// Tokens of the prompt that were computed.
  size_t promptTokens = 0;
  /// New tokens handed to the callback (an EOS that stops is not among them).
  size_t newTokens = 0;
  /// From the call to the first token's logits, and for the tokens after the first.
  double promptSeconds = 0;
  double decodeSeconds = 0;
  StopReason reason = StopReason::MaxTokens;

  double promptTokensPerSecond() const { return promptSeconds > 0 ? promptTokens / promptSeconds : 0; }
  /// Over the tokens that a decode step computed (all but the first).
  double decodeTokensPerSecond() const { return decodeSeconds > 0 ? decodeSteps / decodeSeconds : 0; }
  size_t decodeSteps = 0;
};

/// One new token: its id and the text that it completes. The text is empty without a tokenizer, while a character is
/// unfinished, and while it may begin a stop text. At the end the callback gets the text that was kept, with id -1.
/// Returning false stops.
using TokenCallback = std::function<bool(int32_t token, std::string_view text)>;

/// The EOS of a tokenizer that did not come with the plan: it ends texts too. Nothing when the plan has the same id.
/// Nothing as well when the plan has no id at all: its config then says that nothing ends a text.
std::optional<int32_t> addedEnd(const plan::ModelConfig &config, const Tokenizer *tokenizer);

class Generator {
public:
  /// `tokenizer` may be null (ids only). Both must outlive the generator.
  Generator(Session &session, const Tokenizer *tokenizer) : session(session), tokenizer(tokenizer) {}

  /// Runs `prompt` in a sequence of its own, which is removed at the end, and samples until a stop. Throws Error for
  /// an empty or too long prompt, as Session::step.
  GenerateSummary generate(std::span<const int32_t> prompt, const GenerateOptions &options,
                           const TokenCallback &callback);

  /// The same, in `sequence`, which is kept (chat). `prompt`: all ids of the text, of which the sequence may hold the
  /// first ones already. The summary counts the others. Sampled tokens are in the sequence afterwards, except the last
  /// one.
  GenerateSummary continueSequence(SequenceId sequence, std::span<const int32_t> prompt, const GenerateOptions &options,
                                   const TokenCallback &callback);

private:
  Session &session;
  const Tokenizer *tokenizer;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_GENERATE_H
