//===- Generate.cpp - The generation loop ------------------------------------------------===//

#include "runtime/text/Generate.h"
#include "runtime/text/StreamDecoder.h"

#include <chrono>
#include <optional>

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// A sequence that ends with its scope.
struct ScopedSequence {
  explicit ScopedSequence(Session &session) : session(session), id(session.addSequence()) {}
  ~ScopedSequence() { session.removeSequence(id); }
  ScopedSequence(const ScopedSequence &) = delete;
  ScopedSequence &operator=(const ScopedSequence &) = delete;

  Session &session;
  SequenceId id;
};

} // namespace

GenerateSummary Generator::generate(std::span<const int32_t> prompt, const GenerateOptions &options,
                                    const TokenCallback &callback) {
  ScopedSequence sequence(session);
  return continueSequence(sequence.id, prompt, options, callback);
}

GenerateSummary Generator::continueSequence(SequenceId sequence, std::span<const int32_t> prompt,
                                            const GenerateOptions &options, const TokenCallback &callback) {
  GenerateSummary summary;
  summary.promptTokens = prompt.size();
  Sampler sampler(options.sampling);
  for (int32_t token : prompt)
    sampler.accept(token);
  // The new text continues the prompt's: the space before its first word is its own.
  std::optional<StreamDecoder> decoder;
  if (tokenizer)
    decoder.emplace(*tokenizer, /*atStart=*/false);

  Clock::time_point begin = Clock::now();
  std::span<const float> logits = session.prefill(sequence, prompt, LogitsMode::Last, options.chunkRows).row(0);
  summary.promptSeconds = secondsSince(begin);
  const Model &model = session.model();
  begin = Clock::now();
  while (true) {
    int32_t token = sampler.sample(logits);
    if (!options.ignoreEos && model.isEos(token)) {
      summary.reason = StopReason::Eos;
      break;
    }
    sampler.accept(token);
    ++summary.newTokens;
    // The model may have more ids than the tokenizer (padded vocabularies): those have no text.
    bool hasText = decoder && token < tokenizer->size();
    if (!callback(token, hasText ? decoder->push(token) : std::string())) {
      summary.reason = StopReason::Callback;
      break;
    }
    if (options.maxTokens && summary.newTokens >= options.maxTokens) {
      summary.reason = StopReason::MaxTokens;
      break;
    }
    if (session.length(sequence) >= model.maxSequenceLength()) {
      summary.reason = StopReason::ContextFull;
      break;
    }
    logits = session.decode(sequence, token);
    ++summary.decodeSteps;
  }
  summary.decodeSeconds = secondsSince(begin);
  if (decoder) {
    std::string rest = decoder->finish();
    if (!rest.empty())
      (void)callback(-1, rest);
  }
  return summary;
}

} // namespace quipu
