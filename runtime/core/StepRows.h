//===- StepRows.h - The rows of a launch ------------------------------------*- C++ -*-===//
//
// A step brings new tokens of several sequences. It becomes one launch or more: each of a program of the plan, on as
// many rows as that program takes.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_STEPROWS_H
#define QUIPU_RUNTIME_CORE_STEPROWS_H

#include "runtime/core/KvCache.h"
#include "runtime/core/Model.h"
#include "runtime/core/Session.h"

#include <cstdint>
#include <span>
#include <vector>

namespace quipu {

/// T new tokens with their places, padded as the program wants.
struct StepRows {
  std::vector<int32_t> tokens;
  /// Place of the token in its sequence; -1 in a padding row.
  std::vector<int32_t> positions;
  /// Row of the block table; 0 in a padding row.
  std::vector<int32_t> sequences;
  /// Rows whose logits are wanted.
  std::vector<int32_t> outputs;

  void clear();
  size_t size() const { return tokens.size(); }
  void add(int32_t token, int32_t position, int32_t sequence);
  /// Padding rows up to `rows` rows in all.
  void padTo(size_t rows);
};

/// How far a step has come in its batch.
struct BatchCursor {
  size_t part = 0;
  size_t token = 0;
};

/// A wanted row of a launch, by its place in the batch.
struct WantedRow {
  size_t part;
  size_t token;
};

/// What one launch takes of a batch.
struct LaunchPart {
  StepRows rows;
  /// The rows of `rows.outputs`, in the same order.
  std::vector<WantedRow> wanted;
  /// The sequences with the number of their tokens.
  std::vector<KvCache::Growth> advances;

  /// Fills in the next tokens of the batch, as many as the program's bounds and `limit` allow, and moves the cursor
  /// behind them.
  void fill(std::span<const SequenceTokens> batch, BatchCursor &cursor, const plan::Program &program,
            const KvCache &cache, uint64_t limit);
};

/// The index of the program for what is left of the batch: the first one whose bounds fit all of it, or else the
/// largest, for a part of it. Where one for decode has one for prompts beside it, it gets the steps of one token for
/// each sequence. `limit`: most tokens of the launch.
size_t chooseProgram(const Model &model, std::span<const SequenceTokens> batch, BatchCursor cursor, uint64_t limit);

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_STEPROWS_H
