//===- StepRows.cpp - The rows of a launch -----------------------------------------------===//

#include "runtime/core/StepRows.h"
#include "runtime/core/MemoryPlan.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/Error.h"
#include "runtime/support/RoundUp.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace quipu {

void StepRows::clear() {
  tokens.clear();
  positions.clear();
  sequences.clear();
  outputs.clear();
  targets.clear();
  lone = 0;
}

void StepRows::add(std::span<const int32_t> some, int32_t position, int32_t sequence) {
  // Most sequences of a step that generates have one.
  if (some.size() == 1) {
    tokens.push_back(some.front());
    positions.push_back(position);
    sequences.push_back(sequence);
    return;
  }
  tokens.insert(tokens.end(), some.begin(), some.end());
  sequences.resize(tokens.size(), sequence);
  positions.resize(tokens.size());
  std::iota(positions.end() - ptrdiff_t(some.size()), positions.end(), position);
}

void StepRows::padTo(size_t rows) {
  if (rows <= size())
    return;
  tokens.resize(rows, 0);
  positions.resize(rows, -1);
  sequences.resize(rows, 0);
}

size_t chooseProgram(const Model &model, std::span<const SequenceTokens> batch, BatchCursor cursor, uint64_t limit,
                     StepOutput output) {
  const std::vector<const plan::Program *> &programs = model.programs();
  // Calls take(tokens) for each sequence.
  auto forEachSequence = [&](auto take) {
    uint64_t left = limit;
    for (size_t i = cursor.part, token = cursor.token; i < batch.size() && left > 0; ++i, token = 0) {
      uint64_t count = std::min<uint64_t>(batch[i].tokens.size() - token, left);
      take(count);
      left -= count;
    }
  };
  uint64_t tokens = 0, sequences = 0;
  forEachSequence([&](uint64_t count) {
    tokens += count;
    ++sequences;
  });
  bool isDecode = tokens == sequences;
  std::optional<size_t> decode, largest;
  size_t padded = programs.size();
  for (size_t i = 0; i < programs.size(); ++i) {
    const plan::Program &program = *programs[i];
    if (!gives(program, output))
      continue;
    uint64_t needed = tokens;
    if (uint64_t align = program.row_align(); align > 1) {
      needed = 0;
      forEachSequence([&](uint64_t count) { needed += roundUp(count, align); });
    }
    if (needed <= program.max_rows() && needed >= program.min_rows()) {
      bool mayShare = program.kind() == plan::ProgramKind::decode && !isDecode;
      if (!mayShare && !(decode && tokens < program.min_rows()))
        return i;
      if (mayShare && !decode)
        decode = i;
    }
    // If there are fewer rows than the program's lower bound, padding rows are added.
    if (needed < program.min_rows() && padded == programs.size())
      padded = i;
    if (!largest || program.max_rows() > programs[*largest]->max_rows())
      largest = i;
  }
  if (!largest)
    fail(model.planName(), ": no program gives ", knownValue(output).name, "; compile the model again");
  return decode ? *decode : padded < programs.size() ? padded : *largest;
}

/// Whether the logits behind new token number `token` are wanted.
static bool isWanted(const SequenceTokens &part, size_t token) {
  switch (part.logits) {
  case LogitsMode::None:
    return false;
  case LogitsMode::Last:
    return token + 1 == part.tokens.size();
  case LogitsMode::All:
    return true;
  case LogitsMode::Targets:
    return part.targets[token] != kNoTarget;
  }
  return false;
}

void LaunchPart::fill(std::span<const SequenceTokens> batch, BatchCursor &cursor, const plan::Program &program,
                      const KvCache &cache, uint64_t limit) {
  rows.clear();
  wanted.clear();
  advances.clear();
  // Whole groups of row_align rows, so that the padding stays within the bound too.
  uint64_t align = program.row_align();
  uint64_t bound = program.max_rows() / align * align;
  uint64_t left = limit;
  while (cursor.part < batch.size() && left > 0) {
    uint64_t begin = align > 1 ? roundUp(rows.size(), align) : rows.size();
    if (begin >= bound)
      break;
    rows.padTo(begin);
    const SequenceTokens &part = batch[cursor.part];
    uint64_t count = std::min({uint64_t(part.tokens.size() - cursor.token), bound - begin, left});
    uint32_t position = cache.length(part.sequence);
    std::span<const int32_t> tokens = part.tokens.subspan(cursor.token, count);
    advances.push_back({part.sequence, tokens});
    // The step begins with lone rows as long as each row so far is one.
    if (count == 1 && rows.lone == rows.size())
      ++rows.lone;
    // Of a prompt the last token alone can be wanted, unless all are.
    uint64_t first = part.logits == LogitsMode::None || part.logits == LogitsMode::Last ? count - 1 : 0;
    for (uint64_t i = first; i < count; ++i) {
      size_t token = cursor.token + i;
      if (!isWanted(part, token))
        continue;
      rows.outputs.push_back(int32_t(rows.size() + i));
      wanted.push_back({cursor.part, token});
      if (part.logits == LogitsMode::Targets)
        rows.targets.push_back(part.targets[token]);
    }
    rows.add(tokens, int32_t(position), part.sequence);
    cursor.token += count;
    left -= count;
    if (cursor.token == part.tokens.size())
      cursor = {cursor.part + 1, 0};
  }
  rows.padTo(roundUp(std::max<uint64_t>(rows.size(), program.min_rows()), align));
}

} // namespace quipu
