//===- Generate.cpp - The generation loop ------------------------------------------------===//

#include "runtime/text/Generate.h"
#include "runtime/support/Error.h"
#include "runtime/text/StopText.h"
#include "runtime/text/StreamDecoder.h"

#include <algorithm>
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

std::optional<int32_t> addedEnd(const plan::ModelConfig &config, const Tokenizer *tokenizer) {
  const auto *known = config.eos_token_ids();
  std::optional<int32_t> end = tokenizer ? tokenizer->eos() : std::nullopt;
  if (!end || !known || known->size() == 0 || std::find(known->begin(), known->end(), *end) != known->end())
    return std::nullopt;
  return end;
}

GenerateSummary Generator::generate(std::span<const int32_t> prompt, const GenerateOptions &options,
                                    const TokenCallback &callback) {
  ScopedSequence sequence(session);
  return continueSequence(sequence.id, prompt, options, callback);
}

GenerateSummary Generator::continueSequence(SequenceId sequence, std::span<const int32_t> prompt,
                                            const GenerateOptions &options, const TokenCallback &callback) {
  GenerateSummary summary;
  std::span<const int32_t> unread = prompt.subspan(std::min<size_t>(session.length(sequence), prompt.size()));
  summary.promptTokens = unread.size();
  const Model &model = session.model();
  Sampler sampler(options.sampling);
  for (int32_t token : prompt)
    sampler.accept(token);
  std::optional<StreamDecoder> decoder;
  if (tokenizer)
    decoder.emplace(*tokenizer, /*atStart=*/options.beginsText);
  else if (!options.stop.empty())
    fail("a text to stop at needs a tokenizer, and there is none");
  StopText stop(options.stop);

  std::optional<int32_t> ownEnd = addedEnd(model.config(), tokenizer);
  auto isEnd = [&](int32_t token) {
    return model.isEos(token) || token == ownEnd || std::ranges::find(options.ends, token) != options.ends.end();
  };
  // Positions that the sequence holds.
  uint32_t length = 0;
  // Takes a new token; false when it is the last one, or an EOS.
  auto accept = [&](int32_t token) {
    if (!options.ignoreEos && isEnd(token)) {
      summary.reason = StopReason::Eos;
      return false;
    }
    sampler.accept(token);
    ++summary.newTokens;
    // The model may have more ids than the tokenizer (padded vocabularies): those have no text.
    bool hasText = decoder && tokenizer->has(token);
    if (!callback(token, stop.push(hasText ? decoder->push(token) : std::string()))) {
      summary.reason = StopReason::Callback;
      return false;
    }
    if (stop.found()) {
      summary.reason = StopReason::StopText;
      return false;
    }
    if (options.maxTokens && summary.newTokens >= options.maxTokens) {
      summary.reason = StopReason::MaxTokens;
      return false;
    }
    if (length >= model.maxSequenceLength()) {
      summary.reason = StopReason::ContextFull;
      return false;
    }
    return true;
  };

  bool greedy = sampler.isPlainGreedy();
  SequenceTokens part = {sequence, unread, LogitsMode::Last};
  StepOptions stepOptions = {options.chunkRows};
  TokenSampling rule = sampler.rule();
  Clock::time_point begin = Clock::now();
  int32_t first =
      (greedy ? session.choose({&part, 1}, stepOptions) : session.draw({&part, 1}, {&rule, 1}, stepOptions)).front();
  summary.promptSeconds = secondsSince(begin);
  length = session.length(sequence);
  begin = Clock::now();
  if (accept(first)) {
    uint32_t steps = model.maxSequenceLength() - length;
    if (options.maxTokens)
      steps = uint32_t(std::min<uint64_t>(steps, options.maxTokens - summary.newTokens));
    NextToken next = {sequence, first};
    auto take = [&](std::span<const int32_t> tokens) {
      ++summary.decodeSteps;
      ++length;
      return accept(tokens.front());
    };
    // With the first token among those seen.
    rule = sampler.rule();
    if (greedy)
      session.greedy({&next, 1}, steps, take);
    else
      session.draw({&next, 1}, {&rule, 1}, steps, take);
  }
  summary.decodeSeconds = secondsSince(begin);
  if (decoder) {
    std::string rest = stop.push(decoder->finish());
    rest += stop.finish();
    if (!rest.empty())
      (void)callback(-1, rest);
  }
  return summary;
}

} // namespace quipu
