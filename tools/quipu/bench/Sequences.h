//===- Sequences.h - Sequences of chosen lengths to measure with ------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_SEQUENCES_H
#define QUIPU_TOOLS_QUIPU_BENCH_SEQUENCES_H

#include "runtime/core/Session.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace quipu::tool {

/// How steps are run to be measured.
struct RunSetting {
  uint32_t repeats = 5;
  /// The greatest number of tokens of a prompt in a launch. 0: as many as the plan allows.
  uint32_t chunk = 0;
  /// The id of all tokens of prompts. Nothing: ids are spread over the vocabulary.
  std::optional<int32_t> token;

  /// The greatest number of rows that a launch of a prompt has.
  uint64_t rowsOfLaunch(const Model &model) const;
};

/// A session with sequences that are brought to a length, and tokens for them.
class BenchSequences {
public:
  /// `token`: the id of all tokens. Nothing: ids are spread over the vocabulary. Throws Error if the model does not
  /// have the token.
  BenchSequences(std::shared_ptr<const Model> model, uint32_t count, std::optional<int32_t> token);

  /// Ids of tokens, the same in every run.
  std::vector<int32_t> tokens(size_t count) const;

  /// The first `batch` sequences, with `depth` positions each.
  std::vector<SequenceId> fillTo(uint32_t depth, uint32_t batch);

  Session session;

private:
  std::optional<int32_t> token;
  std::vector<SequenceId> sequences;
};

/// The same tokens for each sequence.
std::vector<SequenceTokens> partsOf(const std::vector<SequenceId> &batch, std::span<const int32_t> tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_SEQUENCES_H
