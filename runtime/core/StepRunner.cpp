//===- StepRunner.cpp - Steps of a session -----------------------------------------------===//

#include "runtime/core/StepRunner.h"
#include "runtime/core/Logits.h"
#include "runtime/core/MemoryPlan.h"
#include "runtime/core/ToolRange.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu {

static KvCacheOptions cacheOptions(const Model &model, KvCacheOptions options) {
  if (!options.tokens)
    options.tokens = model.cacheTokens();
  return options;
}

StepRunner::StepRunner(std::shared_ptr<const Model> ofModel, const KvCacheOptions &options)
    : model(std::move(ofModel)), cache(*model->plan().kv_cache(), model->device(), cacheOptions(*model, options)),
      executor(*model, cache) {}

void StepRunner::requireAlive(SequenceId sequence) const {
  if (!cache.isAlive(sequence))
    fail("sequence ", sequence, ": not alive; sequences come from addSequence()");
}

/// Throws Error unless each token has a target of the vocabulary, or says that it has none.
static void checkTargets(const SequenceTokens &part, uint32_t vocab) {
  if (part.targets.size() != part.tokens.size())
    fail("sequence ", part.sequence, ": ", part.tokens.size(), " tokens have ", part.targets.size(),
         " targets; give one for each, or ", kNoTarget, " where nothing is scored");
  for (size_t j = 0; j < part.targets.size(); ++j)
    if (part.targets[j] != kNoTarget && (part.targets[j] < 0 || uint32_t(part.targets[j]) >= vocab))
      fail("target ", j, " of the input has id ", part.targets[j], ", the vocabulary has ids 0 to ", vocab - 1);
}

/// `mayBeChosen`: tokens may be kChosenToken.
void StepRunner::check(Batch batch, bool mayBeChosen) const {
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
      if ((part.tokens[j] < 0 || uint32_t(part.tokens[j]) >= vocab) && !(mayBeChosen && part.tokens[j] == kChosenToken))
        fail("token ", j, " of the input has id ", part.tokens[j], ", the vocabulary has ids 0 to ", vocab - 1);
    if (part.logits == LogitsMode::Targets)
      checkTargets(part, vocab);
    uint64_t before = cache.length(part.sequence);
    uint64_t total = before + part.tokens.size();
    if (total > maxLength)
      fail(before ? concat(part.tokens.size(), " more tokens after ", before)
                  : concat("a prompt of ", part.tokens.size(), " tokens"),
           " do not fit: the plan was compiled for sequences of at most ", maxLength, " tokens; shorten the input; ",
           adviceOnLength(model->plan(), total));
  }
}

void StepRunner::checkSteps(Batch batch, uint32_t steps) const {
  check(batch);
  uint32_t maxLength = model->maxSequenceLength();
  for (const SequenceTokens &part : batch)
    if (uint64_t length = cache.length(part.sequence); length + steps > maxLength)
      fail(steps, " more tokens after ", length, " do not fit: the plan was compiled for sequences of at most ",
           maxLength, " tokens; generate fewer; ", adviceOnLength(model->plan(), length + steps));
}

/// The greatest number of tokens of a launch.
uint64_t StepRunner::rowLimit(Batch batch, const StepOptions &options, StepOutput output) const {
  uint64_t limit = options.chunkRows ? options.chunkRows : UINT64_MAX;
  if (output != StepOutput::Logits)
    return limit;
  // If every row may be wanted, a launch has at most as many rows as there is room for logits.
  for (const SequenceTokens &each : batch)
    if (each.logits == LogitsMode::All || each.logits == LogitsMode::Targets)
      limit = std::min<uint64_t>(limit, executor.maxOutputs());
  return limit;
}

void StepRunner::reserve(Batch batch, uint32_t tokens) {
  growth.clear();
  for (const SequenceTokens &each : batch)
    growth.push_back({each.sequence, tokens});
  cache.reserve(growth);
  cache.update();
}

void StepRunner::takePages(Batch batch) {
  growth.clear();
  for (const SequenceTokens &each : batch)
    growth.push_back({each.sequence, uint32_t(each.tokens.size())});
  cache.reserve(growth);
}

void StepRunner::reserve(Batch batch) {
  takePages(batch);
  cache.update();
}

/// Adds the positions of the last launch to the sequences.
void StepRunner::advance() {
  for (const LaunchPart::Advance &each : part.advances)
    cache.advance(each.sequence, each.tokens);
}

/// "prefill: 12 tokens of 2 sequences". One token for each sequence is "decode".
static std::string phaseText(StepRunner::Batch batch) {
  size_t tokens = 0;
  bool scores = false;
  for (const SequenceTokens &each : batch) {
    tokens += each.tokens.size();
    scores |= each.logits == LogitsMode::Targets;
  }
  const char *phase = scores ? "score" : tokens > batch.size() ? "prefill" : "decode";
  return concat(phase, ": ", tokens, tokens == 1 ? " token of " : " tokens of ", batch.size(),
                batch.size() == 1 ? " sequence" : " sequences");
}

/// Calls launch(program, whole) when `part` has the rows of each launch in turn; `whole` says that it is the only one.
/// The programs give `output`.
void StepRunner::launchAll(Batch batch, const StepOptions &options, StepOutput output,
                           const std::function<void(size_t, bool)> &launch) {
  ToolRange range(RangeKind::Phase, [&] { return phaseText(batch); });
  check(batch);
  reserve(batch);
  uint64_t limit = rowLimit(batch, options, output);
  BatchCursor cursor;
  for (bool first = true; cursor.part < batch.size(); first = false) {
    size_t program = chooseProgram(*model, batch, cursor, limit, output);
    part.fill(batch, cursor, *model->programs()[program], cache, limit);
    launch(program, first && cursor.part == batch.size());
  }
}

void StepRunner::run(Batch batch, const StepOptions &options, const std::function<void(const float *, bool)> &deliver) {
  launchAll(batch, options, StepOutput::Logits, [&](size_t program, bool whole) {
    const float *logits = executor.run(program, part.rows);
    advance();
    deliver(logits, whole);
  });
}

bool StepRunner::scoresOnDevice() const {
  return std::ranges::any_of(model->programs(),
                             [](const plan::Program *program) { return gives(*program, StepOutput::LogProbs); });
}

void StepRunner::score(Batch batch, const StepOptions &options,
                       const std::function<void(std::span<const float>)> &deliver) {
  launchAll(batch, options, StepOutput::LogProbs, [&](size_t program, bool) {
    std::span<const float> scores = executor.score(program, part.rows);
    advance();
    deliver(scores);
  });
}

/// Refuses NaN and infinity in the logits of a launch. Each wanted row is the last one of its sequence.
void StepRunner::requireFinite(Batch batch, const float *logits) const {
  FiniteCheck check;
  size_t vocab = model->vocabSize();
  for (size_t i = 0; i < part.wanted.size(); ++i)
    check.look({logits + i * vocab, vocab}, cache.length(batch[part.wanted[i].part].sequence) - 1, part.wanted[i].part);
  check.require(model->plan());
}

std::vector<int32_t> StepRunner::choose(Batch batch, Samplings samplings, const StepOptions &options) {
  std::vector<int32_t> tokens;
  launchAll(batch, options, StepOutput::Logits, [&](size_t program, bool) {
    std::vector<const TokenSampling *> rowSamplings;
    for (size_t i = 0; !samplings.empty() && i < part.wanted.size(); ++i)
      rowSamplings.push_back(&samplings[part.wanted[i].part]);
    executor.startChoosing(program, part.rows, rowSamplings);
    executor.enqueueChoice();
    std::span<const int32_t> chosen = executor.choice(0);
    advance();
    if (!allChosen(chosen))
      requireFinite(batch, executor.logitsOnHost(part.wanted.size()));
    tokens.insert(tokens.end(), chosen.begin(), chosen.end());
  });
  return tokens;
}

void StepRunner::runChoosing(Batch batch, std::span<const TokenSampling *const> samplings, const StepOptions &options,
                             const Delivery &deliver) {
  std::vector<const TokenSampling *> rows;
  launchAll(batch, options, StepOutput::Logits, [&](size_t program, bool) {
    rows.clear();
    bool hasChoice = false, isDrawn = false, wantsLogits = false;
    for (const WantedRow &wanted : part.wanted) {
      const TokenSampling *sampling = samplings[wanted.part];
      rows.push_back(sampling);
      hasChoice |= sampling != nullptr;
      wantsLogits |= sampling == nullptr;
      isDrawn |= sampling && !sampling->isPlainGreedy();
    }
    if (!hasChoice || !model->device().choosesTokens()) {
      const float *logits = executor.run(program, part.rows);
      advance();
      return deliver({}, nullptr, logits);
    }
    if (!isDrawn)
      rows.clear();
    executor.startChoosing(program, part.rows, rows, Executor::SlotState::Kept);
    executor.enqueueChoice();
    std::span<const int32_t> chosen = executor.choice(0);
    advance();
    // Logits say what is wrong with a row for which there is no choice.
    wantsLogits |= !allChosen(chosen);
    deliver(chosen, executor.scoresOf(0), wantsLogits ? executor.logitsOnHost(part.wanted.size()) : nullptr);
  });
}

bool StepRunner::takesInOneLaunch(uint32_t tokens) const {
  for (uint32_t rows = 1; rows <= tokens; ++rows)
    if (std::ranges::none_of(model->programs(), [&](const plan::Program *program) {
          return gives(*program, StepOutput::Logits) && rows >= program->min_rows() && rows <= program->max_rows();
        }))
      return false;
  return true;
}

std::optional<StepRunner::Started> StepRunner::start(Batch batch, std::span<const TokenSampling *const> samplings) {
  check(batch, /*mayBeChosen=*/true);
  std::optional<size_t> program = fillOneLaunch(batch);
  if (!program)
    return std::nullopt;
  takePages(batch);
  KvCache::Update update = cache.update(executor.nextTableChanges());
  std::vector<const TokenSampling *> rows;
  bool isDrawn = false;
  for (const WantedRow &wanted : part.wanted) {
    rows.push_back(samplings[wanted.part]);
    isDrawn |= !rows.back()->isPlainGreedy();
  }
  if (!isDrawn)
    rows.clear();
  uint64_t number = executor.enqueueStep(*program, part.rows, rows, update);
  for (const LaunchPart::Advance &each : part.advances)
    cache.extend(each.sequence, uint32_t(each.tokens.size()));
  return Started{number, part.wanted};
}

std::optional<size_t> StepRunner::fillOneLaunch(Batch batch) {
  size_t program = chooseProgram(*model, batch, {}, UINT64_MAX, StepOutput::Logits);
  BatchCursor cursor;
  part.fill(batch, cursor, *model->programs()[program], cache, UINT64_MAX);
  return cursor.part == batch.size() ? std::optional(program) : std::nullopt;
}

StepTimes StepRunner::profile(Batch batch, const ProfileSetting &setting, const StepOptions &options) {
  check(batch);
  reserve(batch);
  bool isScore = scoresOnDevice() && std::ranges::all_of(batch, [](const SequenceTokens &part) {
                   return part.logits == LogitsMode::Targets;
                 });
  StepOutput output = isScore ? StepOutput::LogProbs : StepOutput::Logits;
  uint64_t limit = rowLimit(batch, options, output);
  size_t program = chooseProgram(*model, batch, {}, limit, output);
  BatchCursor cursor;
  part.fill(batch, cursor, *model->programs()[program], cache, limit);
  StepTimes times = executor.profile(program, part.rows, setting);
  for (const LaunchPart::Advance &each : part.advances)
    times.rows.sequences.push_back({cache.length(each.sequence), each.tokens.size()});
  times.rows.outputs = part.rows.outputs.size();
  for (const SequenceTokens &each : batch)
    cache.truncate(each.sequence, cache.length(each.sequence));
  return times;
}

} // namespace quipu
