//===- Session.h - Running a model ------------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_SESSION_H
#define QUIPU_RUNTIME_CORE_SESSION_H

#include "runtime/abi/SampleRule.h"
#include "runtime/core/Model.h"

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

/// Which of the new tokens' logits a step gives.
enum class LogitsMode { None, Last, All };

/// New tokens of one sequence in a step; they follow what the sequence already holds.
struct SequenceTokens {
  SequenceId sequence = 0;
  std::span<const int32_t> tokens;
  LogitsMode logits = LogitsMode::Last;
};

/// Logits of a step: rows in the order of the step's sequences, and of the tokens in them. Points into the session and
/// is good until its next step.
struct LogitsRows {
  const float *data = nullptr;
  size_t rows = 0;
  /// V: floats in a row.
  size_t vocab = 0;

  std::span<const float> row(size_t index) const { return {data + index * vocab, vocab}; }
  std::span<const float> all() const { return {data, rows * vocab}; }
};

/// Called once for each wanted row, in order: index of the sequence in the step, index of the token in it, V logits
/// (good during the call only).
using LogitsSink = std::function<void(size_t sequence, size_t token, std::span<const float> logits)>;

struct SessionOptions {
  /// Token slots of the key/value cache over all sequences; 0: as ModelOptions say. On the CPU, memory is taken from
  /// the system as it is first used.
  uint64_t cacheTokens = 0;
};

/// A sequence and the token to put behind what it holds.
struct NextToken {
  SequenceId sequence = 0;
  int32_t token = 0;
};

/// Gets the chosen tokens of one step, one for each sequence in the order given; false stops.
using ChosenTokens = std::function<bool(std::span<const int32_t> tokens)>;

/// Rows of a launch that belong to one sequence: their first position, and how many follow each other.
struct SequenceRows {
  uint64_t position = 0;
  uint64_t count = 0;
};

/// The rows of a launch without padding, and how many rows of logits it gives.
struct LaunchRows {
  std::vector<SequenceRows> sequences;
  uint64_t outputs = 0;
};

/// How long one launch of a kernel's entry, or a copy, took.
struct LaunchTime {
  /// Place in the model ("layers.3.self_attn.q_proj"), and the same for all layers ("layers.{}.self_attn.q_proj").
  std::string location;
  std::string place;
  /// The kernel's entry, and the kernel's index in the plan; "copy" and nothing for a copy.
  std::string entry;
  std::optional<uint32_t> kernel;
  /// Of each run.
  std::vector<double> seconds;
};

/// How long a step took, and the launches that it consists of.
struct StepTimes {
  LaunchRows rows;
  std::vector<LaunchTime> launches;
  /// Seconds of the whole, of each run.
  std::vector<double> whole;
};

struct StepOptions {
  /// Most tokens of one launch (padding rows not counted), within what the plan allows; 0: as many as it allows.
  uint32_t chunkRows = 0;
};

/// The sequences of one user of a model: their cache and the memory that steps work in. Not for several threads at
/// once (the device has threads of its own).
class Session {
public:
  explicit Session(std::shared_ptr<const Model> model, const SessionOptions &options = {});
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const Model &model() const;

  /// Throws Error when max_batch sequences are alive.
  SequenceId addSequence();
  void removeSequence(SequenceId sequence);
  /// Tokens that the sequence holds.
  uint32_t length(SequenceId sequence) const;
  /// Forgets the positions from `length` on.
  void truncate(SequenceId sequence, uint32_t length);

  /// Appends the tokens to their sequences and gives the wanted logits, in as many launches as the programs' row
  /// bounds ask for. A sequence may appear once. Throws Error, with nothing changed, when there are no tokens, a token
  /// is outside the vocabulary, a sequence would outgrow max_seq, or the cache is full.
  LogitsRows step(std::span<const SequenceTokens> batch, const StepOptions &options = {});

  /// The same without keeping the logits of all launches: memory does not grow with the number of wanted rows.
  void step(std::span<const SequenceTokens> batch, const LogitsSink &sink, const StepOptions &options = {});

  /// One sequence, any number of tokens.
  LogitsRows prefill(SequenceId sequence, std::span<const int32_t> tokens, LogitsMode logits = LogitsMode::Last,
                     uint32_t chunkRows = 0);

  /// One sequence, one token: its V logits.
  std::span<const float> decode(SequenceId sequence, int32_t token);

  /// Whether the most likely token is found on the device, so that neither logits nor (in greedy()) tokens go through
  /// the host between steps. Else the functions below choose on the host, by the same rules and from the same logits.
  bool choosesOnDevice() const;

  /// As step() with LogitsMode::Last for all: appends the tokens and gives, for each sequence of the batch, the most
  /// likely token to follow (the lowest id of equals). Their modes are not looked at. Throws Error where any logit that
  /// a token is chosen by is NaN or infinite, as do greedy() and draw(); step() gives such logits as they are.
  std::vector<int32_t> choose(std::span<const SequenceTokens> batch, const StepOptions &options = {});

  /// `steps` times: appends its next token to each sequence and chooses the one that follows. `callback` gets the
  /// tokens of a step as soon as they are known, while later steps may run already; when it returns false, what those
  /// did is undone. Afterwards each sequence holds as many more positions as the callback was called: the given token
  /// and all chosen ones but the last. Throws Error as step() does; where the cache is full before all steps are done,
  /// the tokens up to there have been given and stay.
  void greedy(std::span<const NextToken> batch, uint32_t steps, const ChosenTokens &callback);

  /// As choose() and greedy(), with tokens drawn as `samplings` says for each sequence of the batch. Random numbers are
  /// taken for the steps that have run ahead, too. The rings of `samplings` are only read: another call needs them with
  /// the tokens since.
  std::vector<int32_t> draw(std::span<const SequenceTokens> batch, std::span<const TokenSampling> samplings,
                            const StepOptions &options = {});
  void draw(std::span<const NextToken> batch, std::span<const TokenSampling> samplings, uint32_t steps,
            const ChosenTokens &callback);

  /// Runs the batch, or of a longer one what fits into one launch of a program, once to warm up and `repeats` times
  /// with a clock (Device::profile). The sequences stay as they are.
  StepTimes profile(std::span<const SequenceTokens> batch, unsigned repeats, const StepOptions &options = {});

  /// Bytes of the cache that hold positions now, and that it can hold at most.
  uint64_t cacheBytesUsed() const;
  uint64_t cacheBytesReserved() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_SESSION_H
