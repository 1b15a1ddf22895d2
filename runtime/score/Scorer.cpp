//===- Scorer.cpp - Runs the texts of samples ----------------------------------------------===//

#include "runtime/score/Scorer.h"

#include <algorithm>
#include <map>

namespace quipu {

/// The target of each id but the last, behind which nothing is wanted.
static std::vector<int32_t> targetsOf(const ScoredText &text) {
  std::vector<int32_t> targets;
  for (size_t i = 1; i < text.ids.size(); ++i)
    targets.push_back(text.scored[i] ? text.ids[i] : kNoTarget);
  // What stands behind the last target changes nothing.
  while (!targets.empty() && targets.back() == kNoTarget)
    targets.pop_back();
  return targets;
}

namespace {
/// The sequences of a step, which end with it, also if it fails.
struct StepSequences {
  explicit StepSequences(Session &session) : session(session) {}
  StepSequences(const StepSequences &) = delete;
  StepSequences &operator=(const StepSequences &) = delete;
  ~StepSequences() {
    for (const SequenceTargets &part : batch)
      session.removeSequence(part.sequence);
  }

  Session &session;
  std::vector<SequenceTargets> batch;
};
} // namespace

std::vector<LogProbabilities> scoreTexts(Session &session, std::span<const ScoredText *const> texts,
                                         const StepOptions &options) {
  std::vector<LogProbabilities> scores(texts.size());
  std::vector<std::vector<int32_t>> targets;
  StepSequences step(session);
  std::vector<size_t> owners;
  for (const ScoredText *text : texts)
    targets.push_back(targetsOf(*text));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (targets[i].empty())
      continue;
    std::span<const int32_t> ids = texts[i]->ids;
    step.batch.push_back({session.addSequence(), ids.first(targets[i].size()), targets[i]});
    owners.push_back(i);
  }
  auto take = [&](size_t sequence, size_t, float logProbability) {
    scores[owners[sequence]].push_back(logProbability);
  };
  if (!step.batch.empty())
    session.score(step.batch, take, options);
  return scores;
}

namespace {
/// Where a text is: its sample, and its number there.
struct TextPlace {
  size_t sample, text;
};

/// Keeps scores until all samples in front have theirs.
class InOrder {
public:
  InOrder(std::span<const Sample> samples, size_t begin, const SampleDone &done)
      : samples(samples), next(begin), done(done) {}

  void add(const TextPlace &place, LogProbabilities scores) {
    if (place.sample < next)
      return;
    Pending &entry = pending[place.sample];
    entry.score.texts.resize(samples[place.sample].texts.size());
    entry.score.texts[place.text] = std::move(scores);
    ++entry.known;
  }

  void giveFinished() {
    for (auto it = pending.find(next); it != pending.end() && it->second.known == samples[next].texts.size();
         it = pending.find(next)) {
      done(next, it->second.score);
      pending.erase(it);
      ++next;
    }
  }

private:
  struct Pending {
    SampleScore score;
    size_t known = 0;
  };
  std::span<const Sample> samples;
  /// The first sample that is not given yet.
  size_t next;
  const SampleDone &done;
  std::map<size_t, Pending> pending;
};
} // namespace

void scoreSamples(Session &session, std::span<const Sample> samples, std::span<const TextGroup> groups, size_t begin,
                  const SampleDone &sampleDone, const TokensDone &tokensDone, const StepOptions &options) {
  std::vector<TextPlace> places;
  for (size_t i = 0; i < samples.size(); ++i)
    for (size_t j = 0; j < samples[i].texts.size(); ++j)
      places.push_back({i, j});
  InOrder results(samples, begin, sampleDone);
  for (const TextGroup &group : groups) {
    std::vector<const ScoredText *> texts;
    size_t tokens = 0;
    for (size_t text : group) {
      texts.push_back(&samples[places[text].sample].texts[places[text].text]);
      tokens += texts.back()->ids.size();
    }
    bool isWanted = std::ranges::any_of(group, [&](size_t text) { return places[text].sample >= begin; });
    if (isWanted) {
      std::vector<LogProbabilities> scores = scoreTexts(session, texts, options);
      for (size_t i = 0; i < group.size(); ++i)
        results.add(places[group[i]], std::move(scores[i]));
      results.giveFinished();
    }
    tokensDone(tokens, isWanted);
  }
}

} // namespace quipu
