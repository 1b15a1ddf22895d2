//===- StepRows.h - The rows of a launch ------------------------------------*- C++ -*-===//
//
// A step brings new tokens of several sequences. It becomes one launch or more: each of a program of the plan, on as
// many rows as that program takes.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_STEPROWS_H
#define QUIPU_RUNTIME_CORE_STEPROWS_H

#include "runtime/abi/ProgramValues.h"
#include "runtime/core/KvCache.h"
#include "runtime/core/Model.h"
#include "runtime/core/Session.h"

#include <cstdint>
#include <span>
#include <vector>

namespace quipu {

/// Stands for a token that the device has chosen and the host does not know yet.
inline constexpr int32_t kChosenToken = -1;

/// The rows of a launch: T new tokens with their positions, and padding rows as the program needs them.
struct StepRows {
  std::vector<int32_t> tokens;
  /// Position of the token in its sequence. -1 in a padding row.
  std::vector<int32_t> positions;
  /// Row of the block table of the token's sequence. 0 in a padding row.
  std::vector<int32_t> sequences;
  /// Rows whose logits are wanted.
  std::vector<int32_t> outputs;
  /// In steps that score: the target of each of these rows.
  std::vector<int32_t> targets;

  /// Number of lone rows (runtime/abi/KernelAbi.h).
  size_t lone = 0;

  void clear();
  size_t size() const { return tokens.size(); }
  /// Adds neighbouring tokens of a sequence, of which the first has this position.
  void add(std::span<const int32_t> some, int32_t position, int32_t sequence);
  /// Adds padding rows until there are `rows` rows.
  void padTo(size_t rows);
};

/// How far a step has come in its batch.
struct BatchCursor {
  size_t part = 0;
  size_t token = 0;
};

/// A row of a launch whose logits are wanted: index of its sequence in the batch, and of its token.
struct WantedRow {
  size_t part;
  size_t token;
};

/// The part of a batch that one launch runs.
struct LaunchPart {
  StepRows rows;
  /// What the entries of `rows.outputs` are in the batch, in the same order.
  std::vector<WantedRow> wanted;
  /// The sequences, each with its tokens in this launch.
  struct Advance {
    int32_t sequence;
    std::span<const int32_t> tokens;
  };
  std::vector<Advance> advances;

  /// Takes the next tokens of the batch, as many as the program's bounds and `limit` allow, and moves the cursor behind
  /// them.
  void fill(std::span<const SequenceTokens> batch, BatchCursor &cursor, const plan::Program &program,
            const KvCache &cache, uint64_t limit);
};

/// The index of the program for the rest of the batch, of those that give `output`. There must be one. It is the first
/// program whose bounds fit the whole rest. If there is none, it is the largest program, for a part of the rest.
/// Programs for decode and for prompts may fit the same number of rows; then steps of one token for each sequence run
/// the one for decode. `limit`: greatest number of tokens of the launch.
size_t chooseProgram(const Model &model, std::span<const SequenceTokens> batch, BatchCursor cursor, uint64_t limit,
                     StepOutput output);

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_STEPROWS_H
