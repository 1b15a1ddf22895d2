//===- Session.cpp - Running a model -----------------------------------------------------===//

#include "runtime/core/Session.h"
#include "runtime/core/Error.h"
#include "runtime/core/Executor.h"
#include "runtime/core/KvCache.h"

#include <algorithm>

namespace quipu {

namespace {

/// How far a step has come in its batch.
struct Cursor {
  size_t part = 0;
  size_t token = 0;
};

/// A wanted row of a launch.
struct WantedRow {
  size_t part;
  size_t token;
};

uint64_t roundUp(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

} // namespace

struct Session::Impl {
  Impl(std::shared_ptr<const Model> model, const SessionOptions &options)
      : model(std::move(model)), cache(*this->model->plan().kv_cache(), this->model->device(), options.cacheTokens),
        executor(*this->model, cache) {}

  void requireAlive(SequenceId sequence) const {
    if (!cache.isAlive(sequence))
      fail("sequence ", sequence, ": not alive; sequences come from addSequence()");
  }

  void check(std::span<const SequenceTokens> batch) const;
  size_t chooseProgram(std::span<const SequenceTokens> batch, Cursor cursor, uint64_t limit) const;
  void buildRows(std::span<const SequenceTokens> batch, Cursor &cursor, const plan::Program &program, uint64_t limit);
  template <typename Deliver>
  void step(std::span<const SequenceTokens> batch, const StepOptions &options, Deliver deliver);

  std::shared_ptr<const Model> model;
  KvCache cache;
  Executor executor;
  // Working memory, kept between steps.
  StepRows rows;
  std::vector<WantedRow> wanted;
  std::vector<KvCache::Growth> growth;
  std::vector<KvCache::Growth> advances;
  std::vector<float> collected;
};

void Session::Impl::check(std::span<const SequenceTokens> batch) const {
  if (batch.empty())
    fail("no tokens to run; give at least one");
  uint32_t vocab = model->vocabSize();
  uint32_t maxLength = model->maxSequenceLength();
  for (size_t i = 0; i < batch.size(); ++i) {
    const SequenceTokens &part = batch[i];
    requireAlive(part.sequence);
    for (size_t j = 0; j < i; ++j)
      if (batch[j].sequence == part.sequence)
        fail("sequence ", part.sequence, ": appears twice in one step; join its tokens");
    if (part.tokens.empty())
      fail("no tokens to run", batch.size() > 1 ? concat(" for sequence ", part.sequence) : "",
           "; give at least one (an empty prompt needs a BOS token)");
    for (size_t j = 0; j < part.tokens.size(); ++j)
      if (part.tokens[j] < 0 || uint32_t(part.tokens[j]) >= vocab)
        fail("token ", j, " of the input has id ", part.tokens[j], ", the vocabulary has ids 0 to ", vocab - 1);
    uint64_t held = cache.length(part.sequence);
    uint64_t total = held + part.tokens.size();
    if (total > maxLength)
      fail(held ? concat(part.tokens.size(), " more tokens after ", held)
                : concat("a prompt of ", part.tokens.size(), " tokens"),
           " do not fit: the plan was compiled for sequences of at most ", maxLength,
           " tokens; shorten the input, or compile with --max-seq ", total, " or more");
  }
}

/// Picks the program for what is left of the batch: the first one whose bounds fit all of it, or else the largest, for
/// a part of it. `limit`: most tokens of the launch.
size_t Session::Impl::chooseProgram(std::span<const SequenceTokens> batch, Cursor cursor, uint64_t limit) const {
  const auto &programs = *model->plan().programs();
  auto rowsNeeded = [&](const plan::Program &program) {
    uint64_t total = 0;
    uint64_t left = limit;
    size_t token = cursor.token;
    for (size_t i = cursor.part; i < batch.size() && left > 0; ++i, token = 0) {
      uint64_t count = std::min<uint64_t>(batch[i].tokens.size() - token, left);
      total += roundUp(count, program.row_align());
      left -= count;
    }
    return total;
  };
  size_t largest = 0;
  size_t padded = programs.size();
  for (size_t i = 0; i < programs.size(); ++i) {
    const plan::Program &program = *programs.Get(unsigned(i));
    uint64_t needed = rowsNeeded(program);
    if (needed <= program.max_rows() && needed >= program.min_rows())
      return i;
    // Too few rows for its bounds can be made enough with padding.
    if (needed < program.min_rows() && padded == programs.size())
      padded = i;
    if (program.max_rows() > programs.Get(unsigned(largest))->max_rows())
      largest = i;
  }
  return padded < programs.size() ? padded : largest;
}

/// Fills `rows` with the next tokens of the batch, as many as the program's bounds and the limit allow, and moves the
/// cursor behind them.
void Session::Impl::buildRows(std::span<const SequenceTokens> batch, Cursor &cursor, const plan::Program &program,
                              uint64_t limit) {
  rows.clear();
  wanted.clear();
  advances.clear();
  // Whole groups of row_align rows, so that the padding stays within the bound too.
  uint64_t bound = program.max_rows() / program.row_align() * program.row_align();
  uint64_t left = limit;
  while (cursor.part < batch.size() && left > 0) {
    uint64_t begin = roundUp(rows.size(), program.row_align());
    if (begin >= bound)
      break;
    rows.padTo(begin);
    const SequenceTokens &part = batch[cursor.part];
    uint64_t count = std::min({uint64_t(part.tokens.size() - cursor.token), bound - begin, left});
    uint32_t position = cache.length(part.sequence);
    for (uint64_t i = 0; i < count; ++i, ++cursor.token) {
      bool last = cursor.token + 1 == part.tokens.size();
      if (part.logits == LogitsMode::All || (part.logits == LogitsMode::Last && last)) {
        rows.outputs.push_back(int32_t(rows.size()));
        wanted.push_back({cursor.part, cursor.token});
      }
      rows.add(part.tokens[cursor.token], int32_t(position + i), part.sequence);
    }
    left -= count;
    advances.push_back({part.sequence, uint32_t(count)});
    if (cursor.token == part.tokens.size())
      cursor = {cursor.part + 1, 0};
  }
  rows.padTo(roundUp(std::max<uint64_t>(rows.size(), program.min_rows()), program.row_align()));
}

/// `deliver(logits, whole)` is called after each launch; `whole` says that it was the only one.
template <typename Deliver>
void Session::Impl::step(std::span<const SequenceTokens> batch, const StepOptions &options, Deliver deliver) {
  check(batch);
  growth.clear();
  for (const SequenceTokens &part : batch)
    growth.push_back({part.sequence, uint32_t(part.tokens.size())});
  cache.reserve(growth);
  cache.uploadTable();
  uint64_t limit = options.chunkRows ? options.chunkRows : UINT64_MAX;
  Cursor cursor;
  for (bool first = true; cursor.part < batch.size(); first = false) {
    size_t program = chooseProgram(batch, cursor, limit);
    buildRows(batch, cursor, *model->plan().programs()->Get(unsigned(program)), limit);
    const float *logits = executor.run(program, rows);
    for (const KvCache::Growth &advance : advances)
      cache.advance(advance.sequence, advance.tokens);
    deliver(logits, first && cursor.part == batch.size());
  }
}

Session::Session(std::shared_ptr<const Model> model, const SessionOptions &options)
    : impl(std::make_unique<Impl>(std::move(model), options)) {}
Session::~Session() = default;

const Model &Session::model() const { return *impl->model; }

SequenceId Session::addSequence() { return impl->cache.addSequence(); }

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
  impl->step(batch, options, [&](const float *logits, bool whole) {
    if (whole) {
      result.data = logits;
      result.rows = impl->wanted.size();
      return;
    }
    impl->collected.insert(impl->collected.end(), logits, logits + impl->wanted.size() * vocab);
    result.rows += impl->wanted.size();
    result.data = impl->collected.data();
  });
  return result;
}

void Session::step(std::span<const SequenceTokens> batch, const LogitsSink &sink, const StepOptions &options) {
  size_t vocab = impl->model->vocabSize();
  impl->step(batch, options, [&](const float *logits, bool) {
    for (size_t i = 0; i < impl->wanted.size(); ++i)
      sink(impl->wanted[i].part, impl->wanted[i].token, {logits + i * vocab, vocab});
  });
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

uint64_t Session::cacheBytesUsed() const { return impl->cache.bytesUsed(); }
uint64_t Session::cacheBytesReserved() const { return impl->cache.bytesReserved(); }

} // namespace quipu
