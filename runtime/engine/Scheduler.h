//===- Scheduler.h - Who computes what in the next step ---------------------*- C++ -*-===//
//
// Decisions alone: no model, no thread, no clock. So tests run them by the thousand, and the same calls give the same
// decisions.
//
// A *stream* is one continuation of a prompt: a sample of a request. It has tokens, and computes them in order: first
// those of the prompt, in parts; then a new one each step. When its last token is computed, the step has the logits
// from which its next token is chosen. A stream that was preempted has lost its pages, but not its tokens: it computes
// them all again, the new ones like a prompt.
//
// Streams have a *rank*: the number of the step in which they came, minus kStepsPerPriority for each priority. The
// lower rank goes first; of equals the one that came first. A rank never changes. That is all that priorities are: one
// more priority is worth coming kStepsPerPriority steps earlier. So only a bounded number of later streams can ever
// come before a given one, and nobody waits for ever:
//
//   - The stream of the lowest rank always computes. It takes pages from all others if it needs them, and there are
//     enough for it alone (or it was refused before). So it ends, and then another one is the lowest.
//
// A step is made in this order:
//
//   1. Each running stream that needs one token more gets it, so that all texts keep their pace.
//   2. What is left of the token budget goes to those that need more than one, and to waiting ones, in the order of
//      their ranks. A waiting stream is admitted if there are a row, a token of the budget, and pages for all tokens
//      that it has. No other waiting stream overtakes the first one that does not fit.
//
// Who lacks pages takes them from the running stream with the highest rank, if that is higher than its own; otherwise
// it leaves out the step and keeps what it has. A waiting stream does the same if it can get enough in this way.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ENGINE_SCHEDULER_H
#define QUIPU_RUNTIME_ENGINE_SCHEDULER_H

#include "runtime/core/BlockManager.h"
#include "runtime/support/IdMap.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

namespace quipu {

/// Names a stream. The caller counts up.
using StreamId = uint64_t;

/// What one priority is worth, in steps.
inline constexpr int64_t kStepsPerPriority = 64;

struct SchedulerOptions {
  /// The greatest number of streams that run at the same time, not more than the block manager has rows.
  uint32_t maxRunning = 1;
  /// Most tokens of a step in which no stream generates, and of a step in which one does. Both are more than
  /// maxRunning.
  uint32_t stepTokens = 2;
  uint32_t mixedTokens = 2;
  /// Of a step in which streams generate, prompts get as many tokens as there are such streams, or this many if that is
  /// more. So such a step takes little longer than one without prompts. If prompts would take more than kLateSteps
  /// steps of this many tokens, they get all that mixedTokens leaves, until they would take less than kInTimeSteps.
  uint32_t promptTokens = UINT32_MAX;
  /// Continues an empty sequence, or one that has begun with pages of others, with pages from elsewhere (KvCache). It
  /// may be empty.
  std::function<void(int32_t sequence, std::span<const int32_t> tokens)> restore = {};
};

inline constexpr uint64_t kLateSteps = 256, kInTimeSteps = 64;

/// A stream as it comes.
struct StreamStart {
  StreamId id = 0;
  /// Streams of one group have the same prompt. They share its pages, and only one of them computes it.
  uint64_t group = 0;
  std::vector<int32_t> prompt;
  int32_t priority = 0;
  uint64_t salt = 0;
  /// Shares pages with its group alone.
  bool isPrivate = false;
  /// Computes the whole prompt, whatever the cache has of it.
  bool computesAll = false;
};

/// New tokens of a stream in a step.
struct StepPart {
  StreamId stream = 0;
  /// Its row of the block table.
  int32_t sequence = 0;
  /// Position of the first token.
  uint32_t position = 0;
  /// They point into the stream, until its next token. A token that is not known yet is kChosenToken.
  std::span<const int32_t> tokens;
  /// Whether it has no more tokens: then the next one is chosen.
  bool isLast = false;
  /// How often the stream was preempted before.
  uint32_t preemptions = 0;
};

struct StepPlan {
  /// Parts of one token come first; there are `singles` of them.
  std::vector<StepPart> parts;
  size_t singles = 0;
  /// Streams that cannot go on although no other one runs: the system has no memory for their pages. The caller must
  /// remove them.
  struct Stuck {
    StreamId stream;
    BlockManager::Shortage shortage;
  };
  std::vector<Stuck> stuck;

  /// Tokens of all parts.
  uint32_t tokens = 0;
};

class Scheduler {
public:
  /// A stream, for people. `isRunning`: it has a place.
  struct View {
    StreamId id;
    bool isRunning;
    uint32_t promptTokens, tokens, computed;
    uint32_t preemptions;
    int32_t priority;
    int64_t rank;
  };

  Scheduler(BlockManager &blocks, const SchedulerOptions &options);

  /// The stream waits. Its prompt with all tokens to come must fit into the cache, when nobody else is there.
  void add(StreamStart start);
  /// The stream has ended. `isSound`: its pages may be kept for others.
  void remove(StreamId stream, bool isSound = true);

  /// The next step: pages are reserved for its parts. The caller runs them, tells the block manager
  /// (BlockManager::advance), and then calls append() or remove() for each part that is the last of its stream. A plan
  /// without parts: there is nothing to do.
  StepPlan next();
  /// The token that follows.
  void append(StreamId stream, int32_t token);

  /// Steps may be planned before the tokens of the step in front are known. Then the caller says of each stream whose
  /// token is being chosen, and that goes on behind it, that there will be one; and it tells the block manager only
  /// that the sequences are longer (BlockManager::extend). When the step has ended, confirm() tells it the tokens of
  /// each part, before append() of the same step.
  void expect(StreamId stream);
  void confirm(const StepPart &part);

  bool isEmpty() const { return streams.empty(); }
  size_t numWaiting() const { return waiting.size(); }
  size_t numRunning() const { return running.size(); }
  uint64_t numPreemptions() const { return preemptions; }
  uint32_t preemptionsOf(StreamId stream) const { return streams.at(stream)->preemptions; }
  /// Of the prompt's tokens, those that were in the cache when the stream began.
  uint32_t cachedOf(StreamId stream) const { return streams.at(stream)->cached; }
  const std::vector<int32_t> &tokensOf(StreamId stream) const { return streams.at(stream)->tokens; }
  std::optional<int32_t> sequenceOf(StreamId stream) const { return streams.at(stream)->sequence; }

  /// All streams: those that run, then those that wait, by rank.
  std::vector<View> views() const;

private:
  struct Stream {
    StreamId id;
    uint64_t group;
    std::vector<int32_t> tokens;
    uint32_t promptTokens;
    int32_t priority;
    uint64_t salt;
    bool isPrivate, computesAll;
    int64_t rank;
    /// A running stream has none while another one of its group computes the prompt.
    std::optional<int32_t> sequence = std::nullopt;
    /// Tokens that are being chosen.
    uint32_t expected = 0;
    uint32_t preemptions = 0;
    uint32_t cached = 0;
    bool hasBegun = false;
    /// Whether it is in `running`; else it is in `waiting`.
    bool isRunning = false;
  };
  struct ByRank {
    bool operator()(const Stream *a, const Stream *b) const {
      return a->rank != b->rank ? a->rank < b->rank : a->id < b->id;
    }
  };
  uint32_t computed(const Stream &stream) const;
  uint32_t length(const Stream &stream) const { return uint32_t(stream.tokens.size()) + stream.expected; }
  uint32_t missing(const Stream &stream) const { return length(stream) - computed(stream); }
  bool generates(const Stream &stream) const;
  void startWaiting(Stream &stream);
  void startRunning(Stream &stream);
  void leave(Stream &stream);
  uint32_t budgetOfStep();
  Stream *groupMember(const Stream &of) const;
  bool begin(Stream &stream);
  void give(Stream &stream, uint32_t count, StepPlan &plan);
  void admit(const Stream *before, uint32_t budget, StepPlan &plan);
  bool makePlace(const Stream &stream, StepPlan &plan);
  uint64_t pagesToCome(const Stream &stream) const;
  Stream *lastToGiveWay(const Stream &to) const;
  void preempt(Stream &stream, StepPlan &plan);

  BlockManager &blocks;
  SchedulerOptions options;
  IdMap<std::unique_ptr<Stream>> streams;
  /// Both by rank. All that run are looked at in each step; thousands may wait.
  std::vector<Stream *> running;
  std::set<Stream *, ByRank> waiting;
  /// Tokens of those that wait.
  uint64_t waitingTokens = 0;
  int64_t steps = 0;
  uint64_t preemptions = 0;
  /// Whether prompts get more than their usual share.
  bool isLate = false;
  // Working memory, kept between steps.
  std::vector<Stream *> order, prompts;
  std::vector<StepPart> longer;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_SCHEDULER_H
