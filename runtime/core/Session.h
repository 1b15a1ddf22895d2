//===- Session.h - Running a model ------------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_SESSION_H
#define QUIPU_RUNTIME_CORE_SESSION_H

#include "runtime/abi/SampleRule.h"
#include "runtime/core/Model.h"
#include "runtime/core/StepTimes.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// Names a sequence of a session, from addSequence() to removeSequence(); ids are used again.
using SequenceId = int32_t;

/// For which of the new tokens a step gives logits. `Targets`: for those that have a target.
enum class LogitsMode { None, Last, All, Targets };

/// The target of a token after which nothing is scored.
inline constexpr int32_t kNoTarget = -1;

/// New tokens of one sequence in a step. They follow the tokens that the sequence already has.
struct SequenceTokens {
  SequenceId sequence = 0;
  std::span<const int32_t> tokens;
  LogitsMode logits = LogitsMode::Last;
  /// For LogitsMode::Targets, one for each token: the token that may follow it, or kNoTarget.
  std::span<const int32_t> targets = {};
};

/// New tokens of one sequence, and for each of them the token whose probability behind it is wanted, or kNoTarget. In a
/// text targets[i] is tokens[i + 1]; nothing prevents another one.
struct SequenceTargets {
  SequenceId sequence = 0;
  std::span<const int32_t> tokens;
  std::span<const int32_t> targets;
};

/// Called once for each target, in order. Arguments: index of the sequence in the batch, index of the token among the
/// sequence's new tokens, natural logarithm of the probability that the target follows it.
using ScoreSink = std::function<void(size_t sequence, size_t token, float logProbability)>;

/// Logits of a step, float[rows][V]. Rows are in the order of the step's sequences and of their tokens. It points into
/// the session and is valid until the session's next step.
struct LogitsRows {
  const float *data = nullptr;
  size_t rows = 0;
  /// V: floats in a row.
  size_t vocab = 0;

  std::span<const float> row(size_t index) const { return {data + index * vocab, vocab}; }
  std::span<const float> all() const { return {data, rows * vocab}; }
};

/// Called once for each wanted row, in order. Arguments: index of the sequence in the step, index of the token among
/// the sequence's new tokens, V logits (valid only during the call).
using LogitsSink = std::function<void(size_t sequence, size_t token, std::span<const float> logits)>;

struct SessionOptions {
  /// Token slots of the key/value cache over all sequences. 0: as ModelOptions say. On the CPU the system gives memory
  /// when it is first used.
  uint64_t cacheTokens = 0;
  /// Whether full pages of sequences are kept when these are gone or truncated, until their room is needed. Then
  /// adoptPrefix() finds them. On the CPU the cache takes more memory then.
  bool keepPrefixes = false;
};

/// A sequence, and the token that follows its last one.
struct NextToken {
  SequenceId sequence = 0;
  int32_t token = 0;
};

/// Called with the chosen tokens of a step, one for each sequence in the order of the batch. Returns false to stop.
using ChosenTokens = std::function<bool(std::span<const int32_t> tokens)>;

struct StepOptions {
  /// The greatest number of tokens of a launch, without padding rows. 0, or more than the plan allows: as many as the
  /// plan allows.
  uint32_t chunkRows = 0;
};

/// Sequences with their cache, and the memory that their steps work in. Only one thread at a time may use a session.
/// (The device has its own threads.)
class Session {
public:
  explicit Session(std::shared_ptr<const Model> model, const SessionOptions &options = {});
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const Model &model() const;

  /// Begins an empty sequence. Throws Error if there are max_batch sequences.
  SequenceId addSequence();
  /// Begins a sequence with the tokens of another one. Both have the same pages, until one of them writes to a page.
  /// Throws Error if there are max_batch sequences.
  SequenceId fork(SequenceId sequence);
  /// How many positions adoptPrefix() would give to an empty sequence.
  uint32_t findPrefix(std::span<const int32_t> tokens) const;
  /// Gives the keys and values of the first of these tokens to the sequence, which is empty, as far as whole pages of
  /// them are in the cache (SessionOptions::keepPrefixes). Returns the sequence's new length, which is less than the
  /// number of tokens.
  uint32_t adoptPrefix(SequenceId sequence, std::span<const int32_t> tokens);
  void removeSequence(SequenceId sequence);
  /// Number of tokens that the sequence has.
  uint32_t length(SequenceId sequence) const;
  /// Forgets the positions from `length` on.
  void truncate(SequenceId sequence, uint32_t length);

  /// Appends the tokens to their sequences and returns the wanted logits. It needs several launches if the programs
  /// have too few rows for all tokens. A sequence may appear once. Throws Error if there are no tokens, a token is
  /// outside the vocabulary, a sequence would be longer than max_seq, or the cache is full. Then nothing has changed.
  LogitsRows step(std::span<const SequenceTokens> batch, const StepOptions &options = {});

  /// The same, but it does not keep the logits of all launches. So memory does not grow with the number of wanted rows.
  void step(std::span<const SequenceTokens> batch, const LogitsSink &sink, const StepOptions &options = {});

  /// Appends the tokens as step() does, in several launches if they are too many for one, and gives the probability of
  /// each target. It keeps no logits of all positions: memory does not grow with the number of targets. Throws Error as
  /// step() does, if there is not one target for each token, if a target is outside the vocabulary, and if a
  /// probability is no number because logits are NaN or infinite.
  ///
  /// A batch has up to Model::maxSequences() sequences (--max-batch of the plan), which share launches. No sequence
  /// sees another, and each begins at its own position. So short texts are packed by giving each a sequence of its own:
  /// rows of one launch belong to as many sequences as fit into it. Each begins at a multiple of the program's
  /// row_align (plan.fbs); rows in between are padding. removeSequence() or truncate(sequence, 0) frees its place.
  void score(std::span<const SequenceTargets> batch, const ScoreSink &sink, const StepOptions &options = {});

  /// The same as step() for one sequence with any number of tokens.
  LogitsRows prefill(SequenceId sequence, std::span<const int32_t> tokens, LogitsMode logits = LogitsMode::Last,
                     uint32_t chunkRows = 0);

  /// The same for one token of one sequence. Returns its V logits.
  std::span<const float> decode(SequenceId sequence, int32_t token);

  /// Whether the device chooses the most likely token. Then logits do not go to the host, and steps of greedy() do not
  /// wait for it. Otherwise the functions below choose on the host, by the same rules and from the same logits.
  bool choosesOnDevice() const;

  /// Appends the tokens as step() does. Returns for each sequence of the batch the most likely next token; of equally
  /// likely ones the lowest id. It ignores LogitsMode. Throws Error as step() does, and if a logit of a row that it
  /// chooses from is NaN or infinite. greedy() and draw() do the same; step() only returns such logits.
  std::vector<int32_t> choose(std::span<const SequenceTokens> batch, const StepOptions &options = {});

  /// Runs `steps` steps. A step appends the next token to each sequence and chooses the token that follows. `callback`
  /// is called with the tokens of a step as soon as they are known; later steps may already run. If it returns false,
  /// what later steps did is undone. Afterwards each sequence has one more position for each call: the given token and
  /// all chosen tokens except the last. Throws Error as step() does. If the cache is full before all steps are done,
  /// the tokens of the finished steps have been given and stay.
  void greedy(std::span<const NextToken> batch, uint32_t steps, const ChosenTokens &callback);

  /// As choose() and greedy(), but tokens are drawn. `samplings` says how for each sequence of the batch. Steps that
  /// run ahead take random numbers too. The rings of `samplings` are only read. The caller must add the new tokens to
  /// them before another call.
  std::vector<int32_t> draw(std::span<const SequenceTokens> batch, std::span<const TokenSampling> samplings,
                            const StepOptions &options = {});
  void draw(std::span<const NextToken> batch, std::span<const TokenSampling> samplings, uint32_t steps,
            const ChosenTokens &callback);

  /// Runs the batch several times to measure it (Device::profile). Of a batch that is too long for one launch it runs
  /// the part that fits. A batch of LogitsMode::Targets runs as score() does it, if the plan has programs that score.
  /// The sequences do not change.
  StepTimes profile(std::span<const SequenceTokens> batch, const ProfileSetting &setting,
                    const StepOptions &options = {});

  /// Bytes of the cache's blocks that are in use, and of all blocks.
  uint64_t cacheBytesUsed() const;
  uint64_t cacheBytesReserved() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_SESSION_H
