//===- Session.cpp - Running a model -----------------------------------------------------===//

#include "runtime/core/Session.h"
#include "runtime/core/Executor.h"
#include "runtime/core/KvCache.h"
#include "runtime/core/Logits.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <limits>
#include <optional>

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

} // namespace

struct Session::Impl {
  Impl(std::shared_ptr<const Model> model, const SessionOptions &options)
      : model(std::move(model)), cache(*this->model->plan().kv_cache(), this->model->device(),
                                       options.cacheTokens ? options.cacheTokens : this->model->cacheTokens()),
        executor(*this->model, cache) {}

  void requireAlive(SequenceId sequence) const {
    if (!cache.isAlive(sequence))
      fail("sequence ", sequence, ": not alive; sequences come from addSequence()");
  }

  void check(std::span<const SequenceTokens> batch) const;
  size_t chooseProgram(std::span<const SequenceTokens> batch, Cursor cursor, uint64_t limit) const;
  void buildRows(std::span<const SequenceTokens> batch, Cursor &cursor, const plan::Program &program, uint64_t limit);
  uint64_t rowLimit(std::span<const SequenceTokens> batch, const StepOptions &options) const;
  void reserve(std::span<const SequenceTokens> batch);
  template <typename Launch>
  void launchAll(std::span<const SequenceTokens> batch, const StepOptions &options, Launch launch);
  template <typename Deliver>
  void step(std::span<const SequenceTokens> batch, const StepOptions &options, Deliver deliver);
  std::vector<int32_t> chooseOnDevice(std::span<const SequenceTokens> batch, std::span<const TokenSampling> sampling,
                                      const StepOptions &options);
  std::optional<size_t> oneLaunch(std::span<const SequenceTokens> batch) const;
  void checkSteps(std::span<const SequenceTokens> batch, uint32_t steps) const;
  void continueOnDevice(std::span<const SequenceTokens> batch, std::span<const TokenSampling> sampling, size_t program,
                        uint32_t steps, const ChosenTokens &callback);
  void greedyOnHost(std::span<const NextToken> batch, uint32_t steps, const ChosenTokens &callback);
  void requireFinite(std::span<const SequenceTokens> batch, const float *logits) const;
  [[noreturn]] void failForChoice(size_t program, std::span<const int32_t> tokens, uint32_t step);

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
  std::vector<bool> seen(model->maxSequences());
  for (const SequenceTokens &part : batch) {
    requireAlive(part.sequence);
    if (seen[size_t(part.sequence)])
      fail("sequence ", part.sequence, ": appears twice in one step; join its tokens");
    seen[size_t(part.sequence)] = true;
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
           " do not fit: the plan was compiled for sequences of at most ", maxLength, " tokens; shorten the input; ",
           adviceOnLength(model->plan(), total));
  }
}

/// Picks the program for what is left of the batch: the first one whose bounds fit all of it, or else the largest, for
/// a part of it. Where one for decode has one for prompts beside it, it gets the steps of one token for each sequence.
/// `limit`: most tokens of the launch.
size_t Session::Impl::chooseProgram(std::span<const SequenceTokens> batch, Cursor cursor, uint64_t limit) const {
  const std::vector<const plan::Program *> &programs = model->programs();
  // Of each sequence.
  std::vector<uint64_t> counts;
  uint64_t tokens = 0;
  for (size_t i = cursor.part, token = cursor.token; i < batch.size() && tokens < limit; ++i, token = 0) {
    counts.push_back(std::min<uint64_t>(batch[i].tokens.size() - token, limit - tokens));
    tokens += counts.back();
  }
  bool isDecode = tokens == counts.size();
  std::optional<size_t> decode;
  size_t largest = 0;
  size_t padded = programs.size();
  for (size_t i = 0; i < programs.size(); ++i) {
    const plan::Program &program = *programs[i];
    uint64_t needed = 0;
    for (uint64_t count : counts)
      needed += roundUp(count, program.row_align());
    if (needed <= program.max_rows() && needed >= program.min_rows()) {
      bool mayShare = program.kind() == plan::ProgramKind::decode && !isDecode;
      if (!mayShare && !(decode && tokens < program.min_rows()))
        return i;
      if (mayShare && !decode)
        decode = i;
    }
    // Too few rows for its bounds can be made enough with padding.
    if (needed < program.min_rows() && padded == programs.size())
      padded = i;
    if (program.max_rows() > programs[largest]->max_rows())
      largest = i;
  }
  return decode ? *decode : padded < programs.size() ? padded : largest;
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

/// Most tokens of a launch.
uint64_t Session::Impl::rowLimit(std::span<const SequenceTokens> batch, const StepOptions &options) const {
  uint64_t limit = options.chunkRows ? options.chunkRows : UINT64_MAX;
  // Where every row may be wanted, as many as there is room for logits.
  for (const SequenceTokens &part : batch)
    if (part.logits == LogitsMode::All)
      limit = std::min<uint64_t>(limit, executor.maxOutputs());
  return limit;
}

/// Brings the blocks of all new positions to the device.
void Session::Impl::reserve(std::span<const SequenceTokens> batch) {
  growth.clear();
  for (const SequenceTokens &part : batch)
    growth.push_back({part.sequence, uint32_t(part.tokens.size())});
  cache.reserve(growth);
  cache.uploadTable();
}

/// Calls launch(program, whole) with the rows of each launch in turn; `whole` says that it is the only one.
template <typename Launch>
void Session::Impl::launchAll(std::span<const SequenceTokens> batch, const StepOptions &options, Launch launch) {
  check(batch);
  reserve(batch);
  uint64_t limit = rowLimit(batch, options);
  Cursor cursor;
  for (bool first = true; cursor.part < batch.size(); first = false) {
    size_t program = chooseProgram(batch, cursor, limit);
    buildRows(batch, cursor, *model->programs()[program], limit);
    launch(program, first && cursor.part == batch.size());
  }
}

/// Refuses NaN and infinity in the logits of a launch, of which each wanted row is the last of its sequence.
void Session::Impl::requireFinite(std::span<const SequenceTokens> batch, const float *logits) const {
  FiniteCheck check;
  size_t vocab = model->vocabSize();
  for (size_t i = 0; i < wanted.size(); ++i)
    check.look({logits + i * vocab, vocab}, cache.length(batch[wanted[i].part].sequence) - 1, wanted[i].part);
  check.require(model->plan());
}

/// The device has found NaN or infinity among the logits of step `step` of those that follow `rows`, in which `tokens`
/// were the new ones. Later steps have taken the place of these logits: the step runs again to see them.
void Session::Impl::failForChoice(size_t program, std::span<const int32_t> tokens, uint32_t step) {
  executor.finish();
  for (size_t row = 0; row < tokens.size(); ++row) {
    rows.tokens[row] = tokens[row];
    rows.positions[row] += int32_t(step);
  }
  const float *logits = executor.run(program, rows);
  FiniteCheck check;
  size_t vocab = model->vocabSize();
  for (size_t row = 0; row < tokens.size(); ++row)
    check.look({logits + row * vocab, vocab}, uint64_t(rows.positions[row]), row);
  check.require(model->plan());
  fail("the device found logits that are NaN or infinite, and not again when the step was repeated: its memory or code "
       "does not work right");
}

static bool isChosen(std::span<const int32_t> tokens) {
  return std::ranges::all_of(tokens, [](int32_t token) { return token >= 0; });
}

/// `deliver(logits, whole)` is called after each launch, see launchAll.
template <typename Deliver>
void Session::Impl::step(std::span<const SequenceTokens> batch, const StepOptions &options, Deliver deliver) {
  launchAll(batch, options, [&](size_t program, bool whole) {
    const float *logits = executor.run(program, rows);
    for (const KvCache::Growth &advance : advances)
      cache.advance(advance.sequence, advance.tokens);
    deliver(logits, whole);
  });
}

std::vector<int32_t> Session::Impl::chooseOnDevice(std::span<const SequenceTokens> batch,
                                                   std::span<const TokenSampling> sampling,
                                                   const StepOptions &options) {
  std::vector<int32_t> tokens;
  launchAll(batch, options, [&](size_t program, bool) {
    std::vector<const TokenSampling *> samplings;
    for (size_t i = 0; !sampling.empty() && i < wanted.size(); ++i)
      samplings.push_back(&sampling[wanted[i].part]);
    executor.startChoosing(program, rows, samplings);
    executor.enqueueChoice();
    std::span<const int32_t> chosen = executor.choice(0);
    for (const KvCache::Growth &advance : advances)
      cache.advance(advance.sequence, advance.tokens);
    if (!isChosen(chosen))
      requireFinite(batch, executor.logitsOnHost(wanted.size()));
    tokens.insert(tokens.end(), chosen.begin(), chosen.end());
  });
  return tokens;
}

/// The program that takes the batch in one launch without padding, as the device's own loop wants it.
std::optional<size_t> Session::Impl::oneLaunch(std::span<const SequenceTokens> batch) const {
  size_t program = chooseProgram(batch, {}, UINT64_MAX);
  const plan::Program &chosen = *model->programs()[program];
  if (chosen.row_align() == 1 && batch.size() >= chosen.min_rows() && batch.size() <= chosen.max_rows())
    return program;
  return std::nullopt;
}

/// Whether `steps` tokens can follow, the first of which is in the batch.
void Session::Impl::checkSteps(std::span<const SequenceTokens> batch, uint32_t steps) const {
  check(batch);
  uint32_t maxLength = model->maxSequenceLength();
  for (const SequenceTokens &part : batch)
    if (uint64_t length = cache.length(part.sequence); length + steps > maxLength)
      fail(steps, " more tokens after ", length, " do not fit: the plan was compiled for sequences of at most ",
           maxLength, " tokens; generate fewer; ", adviceOnLength(model->plan(), length + steps));
}

/// One launch after the other, its tokens chosen and fed back on the device. A few are always under way before the
/// tokens of the first are looked at, so that the device never waits for the host.
void Session::Impl::continueOnDevice(std::span<const SequenceTokens> batch, std::span<const TokenSampling> sampling,
                                     size_t program, uint32_t steps, const ChosenTokens &callback) {
  // Enough to hide the host's part of a step; each costs its time once more at a stop.
  constexpr uint32_t kRunAhead = 4;
  static_assert(kRunAhead < Executor::kRing);
  // Blocks are taken a little ahead, so that most launches need no new block table.
  constexpr uint32_t kReserveAhead = 32;
  uint32_t reserved = 0, enqueued = 0, done = 0;
  auto reserveFor = [&](uint32_t count) {
    growth.clear();
    for (const SequenceTokens &part : batch)
      growth.push_back({part.sequence, count});
    cache.reserve(growth);
    cache.uploadTable();
    reserved = count;
  };
  // Whatever happens: launches that nobody waits for have ended, and only the positions given count.
  struct Finish {
    Session::Impl &impl;
    std::span<const SequenceTokens> batch;
    const uint32_t &enqueued, &done;
    ~Finish() {
      try {
        if (enqueued > done)
          impl.executor.finish();
      } catch (const Error &) {
        // The device has failed: whoever uses it next hears of it.
      }
      for (const SequenceTokens &part : batch) {
        impl.cache.advance(part.sequence, done);
        impl.cache.truncate(part.sequence, impl.cache.length(part.sequence));
      }
    }
  } finish{*this, batch, enqueued, done};

  Cursor cursor;
  reserveFor(1);
  buildRows(batch, cursor, *model->programs()[program], UINT64_MAX);
  std::vector<const TokenSampling *> samplings;
  for (const TokenSampling &each : sampling)
    samplings.push_back(&each);
  executor.startChoosing(program, rows, samplings);
  std::vector<int32_t> given = rows.tokens;
  given.resize(batch.size());
  std::string full;
  while (done < steps) {
    for (; enqueued < steps && enqueued < done + kRunAhead && full.empty(); ++enqueued) {
      if (enqueued == reserved) {
        try {
          reserveFor(std::min(steps, enqueued + kReserveAhead));
        } catch (const Error &) {
          try {
            reserveFor(enqueued + 1);
          } catch (const Error &error) {
            full = error.what();
            break;
          }
        }
      }
      executor.enqueueChoice();
    }
    if (done == enqueued)
      throw Error(full);
    std::span<const int32_t> tokens = executor.choice(done);
    if (!isChosen(tokens))
      failForChoice(program, given, done);
    ++done;
    given.assign(tokens.begin(), tokens.end());
    if (!callback(tokens))
      return;
  }
}

void Session::Impl::greedyOnHost(std::span<const NextToken> batch, uint32_t steps, const ChosenTokens &callback) {
  std::vector<int32_t> tokens;
  std::vector<SequenceTokens> parts;
  for (const NextToken &next : batch)
    tokens.push_back(next.token);
  for (size_t i = 0; i < batch.size(); ++i)
    parts.push_back({batch[i].sequence, {&tokens[i], 1}, LogitsMode::Last});
  for (uint32_t i = 0; i < steps; ++i) {
    size_t row = 0;
    std::vector<int32_t> chosen(batch.size());
    step(parts, {}, [&](const float *logits, bool) {
      requireFinite(parts, logits);
      for (size_t wantedRow = 0; wantedRow < wanted.size(); ++wantedRow)
        chosen[row++] = mostLikely({logits + wantedRow * model->vocabSize(), model->vocabSize()});
    });
    tokens = chosen;
    if (!callback(tokens))
      return;
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

bool Session::choosesOnDevice() const { return impl->model->device().choosesTokens(); }

std::vector<int32_t> Session::choose(std::span<const SequenceTokens> batch, const StepOptions &options) {
  std::vector<SequenceTokens> last(batch.begin(), batch.end());
  for (SequenceTokens &part : last)
    part.logits = LogitsMode::Last;
  if (choosesOnDevice())
    return impl->chooseOnDevice(last, {}, options);
  std::vector<int32_t> tokens;
  size_t vocab = impl->model->vocabSize();
  impl->step(last, options, [&](const float *logits, bool) {
    impl->requireFinite(last, logits);
    for (size_t i = 0; i < impl->wanted.size(); ++i)
      tokens.push_back(mostLikely({logits + i * vocab, vocab}));
  });
  return tokens;
}

void Session::greedy(std::span<const NextToken> batch, uint32_t steps, const ChosenTokens &callback) {
  std::vector<SequenceTokens> parts;
  for (const NextToken &next : batch)
    parts.push_back({next.sequence, {&next.token, 1}, LogitsMode::Last});
  impl->checkSteps(parts, steps);
  std::optional<size_t> program = impl->oneLaunch(parts);
  if (choosesOnDevice() && program)
    impl->continueOnDevice(parts, {}, *program, steps, callback);
  else
    impl->greedyOnHost(batch, steps, callback);
}

bool Session::drawsOnDevice(const SampleRule &rule, size_t sequences) const {
  // One token each: what is in it does not matter here.
  const int32_t token = 0;
  std::vector<SequenceTokens> parts(sequences, SequenceTokens{0, {&token, 1}, LogitsMode::Last});
  return impl->model->device().drawsTokens() && rule.window <= kSampleWindow &&
         impl->model->vocabSize() < kSampleVocab && impl->oneLaunch(parts);
}

static void requireDraws(const Session &session, std::span<const TokenSampling> sampling, size_t sequences) {
  if (sampling.size() != sequences)
    fail("tokens of ", sequences, " sequences are to be drawn, and there are rules for ", sampling.size());
  for (const TokenSampling &each : sampling)
    if (!session.drawsOnDevice(each.rule, sequences))
      fail("the device does not draw tokens of ", sequences, " sequences by these options; draw from the logits");
}

std::vector<int32_t> Session::draw(std::span<const SequenceTokens> batch, std::span<const TokenSampling> sampling,
                                   const StepOptions &options) {
  requireDraws(*this, sampling, batch.size());
  std::vector<SequenceTokens> last(batch.begin(), batch.end());
  for (SequenceTokens &part : last)
    part.logits = LogitsMode::Last;
  return impl->chooseOnDevice(last, sampling, options);
}

void Session::draw(std::span<const NextToken> batch, std::span<const TokenSampling> sampling, uint32_t steps,
                   const ChosenTokens &callback) {
  requireDraws(*this, sampling, batch.size());
  std::vector<SequenceTokens> parts;
  for (const NextToken &next : batch)
    parts.push_back({next.sequence, {&next.token, 1}, LogitsMode::Last});
  impl->checkSteps(parts, steps);
  impl->continueOnDevice(parts, sampling, *impl->oneLaunch(parts), steps, callback);
}

StepTimes Session::profile(std::span<const SequenceTokens> batch, unsigned repeats, const StepOptions &options) {
  impl->check(batch);
  impl->reserve(batch);
  uint64_t limit = impl->rowLimit(batch, options);
  size_t program = impl->chooseProgram(batch, {}, limit);
  Cursor cursor;
  impl->buildRows(batch, cursor, *impl->model->programs()[program], limit);
  StepTimes times = impl->executor.profile(program, impl->rows, repeats);
  for (const KvCache::Growth &advance : impl->advances)
    times.rows.sequences.push_back({impl->cache.length(advance.sequence), advance.tokens});
  times.rows.outputs = impl->rows.outputs.size();
  for (const SequenceTokens &part : batch)
    impl->cache.truncate(part.sequence, impl->cache.length(part.sequence));
  return times;
}

uint64_t Session::cacheBytesUsed() const { return impl->cache.bytesUsed(); }
uint64_t Session::cacheBytesReserved() const { return impl->cache.bytesReserved(); }

} // namespace quipu
