//===- Sequences.cpp - Sequences of chosen lengths to measure with -----------------------===//

#include "tools/quipu/bench/Sequences.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu::tool {

uint64_t RunSetting::rowsOfLaunch(const Model &model) const {
  uint64_t most = model.maxChunkRows();
  return chunk ? std::min<uint64_t>(most, chunk) : most;
}

BenchSequences::BenchSequences(std::shared_ptr<const Model> model, uint32_t count, std::optional<int32_t> token)
    : session(std::move(model)), token(token) {
  uint32_t vocab = session.model().vocabSize();
  if (token && (*token < 0 || uint32_t(*token) >= vocab))
    fail("--token ", *token, ": ", session.model().planFile().path(), " has tokens 0 to ", vocab - 1);
  for (uint32_t i = 0; i < count; ++i)
    sequences.push_back(session.addSequence());
}

std::vector<int32_t> BenchSequences::tokens(size_t count) const {
  std::vector<int32_t> ids(count, token.value_or(0));
  if (token)
    return ids;
  uint32_t state = 12345, vocab = session.model().vocabSize();
  for (int32_t &id : ids) {
    state = state * 1664525 + 1013904223;
    id = int32_t((uint64_t(state) * vocab) >> 32);
  }
  return ids;
}

std::vector<SequenceId> BenchSequences::fillTo(uint32_t depth, uint32_t batch) {
  std::vector<SequenceId> used(sequences.begin(), sequences.begin() + batch);
  std::vector<int32_t> ids = tokens(depth);
  for (SequenceId sequence : used) {
    if (session.length(sequence) > depth)
      session.truncate(sequence, depth);
    uint32_t have = session.length(sequence);
    if (have < depth)
      session.prefill(sequence, std::span(ids).subspan(have), LogitsMode::None);
  }
  return used;
}

std::vector<SequenceTokens> partsOf(const std::vector<SequenceId> &batch, std::span<const int32_t> tokens) {
  std::vector<SequenceTokens> parts;
  parts.reserve(batch.size());
  for (SequenceId sequence : batch)
    parts.push_back({sequence, tokens, LogitsMode::Last});
  return parts;
}

} // namespace quipu::tool
