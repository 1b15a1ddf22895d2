//===- Session.cpp - Running a model -----------------------------------------------------===//

#include "runtime/core/Session.h"
#include "runtime/core/DecodeLoop.h"
#include "runtime/core/Logits.h"
#include "runtime/core/StepRunner.h"
#include "runtime/support/Error.h"

namespace quipu {

struct Session::Impl : StepRunner {
  using StepRunner::StepRunner;
  /// Logits of a step's launches, where there are several.
  std::vector<float> collected;
};

Session::Session(std::shared_ptr<const Model> model, const SessionOptions &options)
    : impl(std::make_unique<Impl>(std::move(model), KvCacheOptions{options.cacheTokens, options.keepPrefixes})) {}
Session::~Session() = default;

const Model &Session::model() const { return *impl->model; }

SequenceId Session::addSequence() { return impl->cache.addSequence(); }

SequenceId Session::fork(SequenceId sequence) {
  impl->requireAlive(sequence);
  return impl->cache.fork(sequence);
}

uint32_t Session::findPrefix(std::span<const int32_t> tokens) const { return impl->cache.blocks().findPrefix(tokens); }

uint32_t Session::adoptPrefix(SequenceId sequence, std::span<const int32_t> tokens) {
  impl->requireAlive(sequence);
  return impl->cache.blocks().adoptPrefix(sequence, tokens);
}

void Session::removeSequence(SequenceId sequence) {
  impl->requireAlive(sequence);
  impl->cache.removeSequence(sequence);
}

uint32_t Session::length(SequenceId sequence) const {
  impl->requireAlive(sequence);
  return impl->cache.length(sequence);
}

void Session::truncate(SequenceId sequence, uint32_t length) {
  impl->requireAlive(sequence);
  impl->cache.truncate(sequence, length);
}

LogitsRows Session::step(std::span<const SequenceTokens> batch, const StepOptions &options) {
  size_t vocab = impl->model->vocabSize();
  LogitsRows result = {nullptr, 0, vocab};
  impl->collected.clear();
  impl->run(batch, options, [&](const float *logits, bool whole) {
    size_t rows = impl->part.wanted.size();
    if (whole) {
      result.data = logits;
      result.rows = rows;
      return;
    }
    impl->collected.insert(impl->collected.end(), logits, logits + rows * vocab);
    result.rows += rows;
    result.data = impl->collected.data();
  });
  return result;
}

void Session::step(std::span<const SequenceTokens> batch, const LogitsSink &sink, const StepOptions &options) {
  size_t vocab = impl->model->vocabSize();
  impl->run(batch, options, [&](const float *logits, bool) {
    const std::vector<WantedRow> &wanted = impl->part.wanted;
    for (size_t i = 0; i < wanted.size(); ++i)
      sink(wanted[i].part, wanted[i].token, {logits + i * vocab, vocab});
  });
}

void Session::score(std::span<const SequenceTargets> batch, const ScoreSink &sink, const StepOptions &options) {
  std::vector<SequenceTokens> parts;
  std::vector<uint64_t> begins;
  for (const SequenceTargets &each : batch) {
    parts.push_back({each.sequence, each.tokens, LogitsMode::Targets, each.targets});
    begins.push_back(length(each.sequence));
  }
  const plan::Plan &plan = impl->model->plan();
  if (impl->scoresOnDevice())
    return impl->score(parts, options, [&](std::span<const float> scores) {
      for (size_t i = 0; i < scores.size(); ++i) {
        const WantedRow &wanted = impl->part.wanted[i];
        requireFiniteScore(scores[i], begins[wanted.part] + wanted.token, wanted.part, plan);
        sink(wanted.part, wanted.token, scores[i]);
      }
    });
  step(
      parts,
      [&](size_t sequence, size_t token, std::span<const float> logits) {
        FiniteCheck check;
        check.look(logits, begins[sequence] + token, sequence);
        check.require(plan);
        sink(sequence, token, logProbability(logits, batch[sequence].targets[token]));
      },
      options);
}

LogitsRows Session::prefill(SequenceId sequence, std::span<const int32_t> tokens, LogitsMode logits,
                            uint32_t chunkRows) {
  SequenceTokens part = {sequence, tokens, logits};
  return step({&part, 1}, StepOptions{chunkRows});
}

std::span<const float> Session::decode(SequenceId sequence, int32_t token) {
  SequenceTokens part = {sequence, {&token, 1}, LogitsMode::Last};
  return step({&part, 1}).row(0);
}

bool Session::choosesOnDevice() const { return impl->model->device().choosesTokens(); }

static std::vector<SequenceTokens> withLastLogits(std::span<const SequenceTokens> batch) {
  std::vector<SequenceTokens> last(batch.begin(), batch.end());
  for (SequenceTokens &part : last)
    part.logits = LogitsMode::Last;
  return last;
}

static std::vector<SequenceTokens> partsOf(std::span<const NextToken> batch) {
  std::vector<SequenceTokens> parts;
  for (const NextToken &next : batch)
    parts.push_back({next.sequence, {&next.token, 1}, LogitsMode::Last});
  return parts;
}

static void requireRules(std::span<const TokenSampling> samplings, size_t sequences) {
  if (samplings.size() != sequences)
    fail("tokens of ", sequences, " sequences are to be drawn, and there are rules for ", samplings.size());
}

std::vector<int32_t> Session::choose(std::span<const SequenceTokens> batch, const StepOptions &options) {
  return impl->choose(withLastLogits(batch), {}, options);
}

std::vector<int32_t> Session::draw(std::span<const SequenceTokens> batch, std::span<const TokenSampling> samplings,
                                   const StepOptions &options) {
  requireRules(samplings, batch.size());
  return impl->choose(withLastLogits(batch), samplings, options);
}

void Session::greedy(std::span<const NextToken> batch, uint32_t steps, const ChosenTokens &callback) {
  runDecodeLoop(*impl, partsOf(batch), {}, steps, callback);
}

void Session::draw(std::span<const NextToken> batch, std::span<const TokenSampling> samplings, uint32_t steps,
                   const ChosenTokens &callback) {
  requireRules(samplings, batch.size());
  runDecodeLoop(*impl, partsOf(batch), samplings, steps, callback);
}

StepTimes Session::profile(std::span<const SequenceTokens> batch, const ProfileSetting &setting,
                           const StepOptions &options) {
  return impl->profile(batch, setting, options);
}

uint64_t Session::cacheBytesUsed() const { return impl->cache.bytesUsed(); }
uint64_t Session::cacheBytesReserved() const { return impl->cache.bytesReserved(); }

} // namespace quipu
