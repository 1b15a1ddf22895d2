//===- Scheduler.cpp - Who computes what in the next step --------------------------------===//

#include "runtime/engine/Scheduler.h"
#include "runtime/core/StepRows.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <utility>

namespace quipu {

Scheduler::Scheduler(BlockManager &blocks, const SchedulerOptions &options) : blocks(blocks), options(options) {
  if (options.maxRunning == 0 || options.maxRunning > blocks.maxSequences())
    fail("a scheduler for ", options.maxRunning, " streams; the cache has rows for 1 to ", blocks.maxSequences());
  if (std::min(options.stepTokens, options.mixedTokens) <= options.maxRunning)
    fail("steps of ", std::min(options.stepTokens, options.mixedTokens), " tokens for ", options.maxRunning,
         " streams; prompts would never be computed: at least ", options.maxRunning + 1, " are needed");
}

void Scheduler::add(StreamStart start) {
  uint32_t length = uint32_t(start.prompt.size());
  Stream stream = {.id = start.id,
                   .group = start.group,
                   .tokens = std::move(start.prompt),
                   .promptTokens = length,
                   .priority = start.priority,
                   .salt = start.salt,
                   .isPrivate = start.isPrivate,
                   .computesAll = start.computesAll,
                   .rank = steps - start.priority * kStepsPerPriority};
  startWaiting(*streams.insert(start.id, std::make_unique<Stream>(std::move(stream))));
}

void Scheduler::startWaiting(Stream &stream) {
  waiting.insert(&stream);
  waitingTokens += length(stream);
}

void Scheduler::startRunning(Stream &stream) {
  leave(stream);
  running.insert(std::ranges::upper_bound(running, &stream, ByRank()), &stream);
  stream.isRunning = true;
}

/// Takes the stream out of its set.
void Scheduler::leave(Stream &stream) {
  if (stream.isRunning) {
    running.erase(std::ranges::lower_bound(running, &stream, ByRank()));
  } else {
    waiting.erase(&stream);
    waitingTokens -= length(stream);
  }
  stream.isRunning = false;
}

void Scheduler::remove(StreamId id, bool isSound) {
  Stream &stream = *streams.at(id);
  if (stream.sequence)
    isSound ? blocks.removeSequence(*stream.sequence) : blocks.discardSequence(*stream.sequence);
  leave(stream);
  streams.erase(id);
}

void Scheduler::append(StreamId id, int32_t token) {
  Stream &stream = *streams.at(id);
  uint32_t before = length(stream);
  stream.tokens.push_back(token);
  stream.expected -= stream.expected > 0;
  waitingTokens += stream.isRunning ? 0 : length(stream) - before;
}

void Scheduler::expect(StreamId id) {
  Stream &stream = *streams.at(id);
  ++stream.expected;
  waitingTokens += !stream.isRunning;
}

void Scheduler::confirm(const StepPart &part) {
  const std::unique_ptr<Stream> *stream = streams.find(part.stream);
  // A stream that has ended or was preempted since has other pages, or none.
  if (!stream || (*stream)->preemptions != part.preemptions)
    return;
  std::span<const int32_t> tokens = (*stream)->tokens;
  blocks.confirm(part.sequence, tokens.subspan(part.position, part.tokens.size()));
}

uint32_t Scheduler::computed(const Stream &stream) const {
  return stream.sequence ? blocks.length(*stream.sequence) : 0;
}

bool Scheduler::generates(const Stream &stream) const {
  return length(stream) > stream.promptTokens && missing(stream) == 1;
}

/// Another stream of the group that has a sequence. Of several the one that has computed most.
Scheduler::Stream *Scheduler::groupMember(const Stream &of) const {
  Stream *best = nullptr;
  for (Stream *each : running)
    if (each != &of && each->group == of.group && each->sequence && (!best || computed(*each) > computed(*best)))
      best = each;
  return best;
}

/// Gives a running stream its sequence, with what others have of its tokens. False: another stream computes the prompt
/// for it.
bool Scheduler::begin(Stream &stream) {
  // The logits behind the prompt's last token are wanted, so this token is computed again.
  uint32_t shared = stream.promptTokens - 1;
  Stream *member = stream.computesAll ? nullptr : groupMember(stream);
  bool hasPrompt = member && member->sequence && blocks.knownLength(*member->sequence) >= shared;
  // It waits for no stream that may itself have to wait for it.
  if (member && !hasPrompt && ByRank()(member, &stream))
    return false;
  bool mayAdopt = !stream.computesAll && !stream.isPrivate;
  // There is a row: no more streams run than there are.
  uint32_t found = mayAdopt ? blocks.findPrefix(stream.tokens, stream.salt) : 0;
  if (hasPrompt && shared > found) {
    stream.sequence = blocks.fork(*member->sequence);
    blocks.truncate(*stream.sequence, shared);
  } else {
    stream.sequence = blocks.addSequence(stream.salt, stream.isPrivate);
    if (mayAdopt) {
      (void)blocks.adoptPrefix(*stream.sequence, stream.tokens);
      if (options.restore)
        options.restore(*stream.sequence, stream.tokens);
    }
  }
  if (!std::exchange(stream.hasBegun, true))
    stream.cached = computed(stream);
  return true;
}

/// Most tokens of the next step.
uint32_t Scheduler::budgetOfStep() {
  uint64_t generating = 0, backlog = waitingTokens;
  for (const Stream *stream : running)
    (generates(*stream) ? generating : backlog) += missing(*stream);
  isLate = backlog > (isLate ? kInTimeSteps : kLateSteps) * options.promptTokens;
  if (generating == 0)
    return options.stepTokens;
  uint64_t all = generating + std::max<uint64_t>(options.promptTokens, generating);
  return isLate ? options.mixedTokens : uint32_t(std::min<uint64_t>(options.mixedTokens, all));
}

StepPlan Scheduler::next() {
  ++steps;
  StepPlan plan;
  // Preemption changes the list.
  order = running;
  for (Stream *stream : order)
    if (!stream->sequence)
      (void)begin(*stream);
  uint32_t budget = budgetOfStep();
  auto mayGive = [](const Stream *stream) { return stream->isRunning && stream->sequence; };
  plan.parts.reserve(order.size());
  prompts.clear();
  for (Stream *stream : order) {
    if (mayGive(stream) && missing(*stream) > 1)
      prompts.push_back(stream);
    else if (mayGive(stream))
      give(*stream, budget, plan);
  }
  for (Stream *stream : prompts) {
    admit(stream, budget, plan);
    if (mayGive(stream))
      give(*stream, budget, plan);
  }
  admit(nullptr, budget, plan);
  longer.clear();
  std::erase_if(plan.parts, [&](const StepPart &part) {
    bool isLonger = part.tokens.size() > 1;
    if (isLonger)
      longer.push_back(part);
    return isLonger;
  });
  plan.singles = plan.parts.size();
  plan.parts.insert(plan.parts.end(), longer.begin(), longer.end());
  return plan;
}

/// Puts the stream's next tokens into the plan, as many as are left of the budget.
void Scheduler::give(Stream &stream, uint32_t budget, StepPlan &plan) {
  uint32_t position = computed(stream), count = std::min(missing(stream), budget - std::min(budget, plan.tokens));
  // Tokens that are known and one that is not never come in one part.
  if (position < stream.tokens.size())
    count = std::min(count, uint32_t(stream.tokens.size()) - position);
  if (count == 0)
    return;
  BlockManager::Growth growth = {*stream.sequence, count};
  while (std::optional<BlockManager::Shortage> shortage = blocks.reserve({&growth, 1})) {
    Stream *victim = lastToGiveWay(stream);
    if (!victim) {
      bool isAlone = std::ranges::none_of(running, [&](Stream *each) { return each != &stream && each->sequence; });
      if (isAlone)
        plan.stuck.push_back({stream.id, *shortage});
      return;
    }
    preempt(*victim, plan);
  }
  static constexpr int32_t kChosen[] = {kChosenToken};
  std::span<const int32_t> tokens = kChosen;
  if (position < stream.tokens.size())
    tokens = std::span(stream.tokens).subspan(position, count);
  plan.tokens += count;
  plan.parts.push_back(
      {stream.id, *stream.sequence, position, tokens, position + count == length(stream), stream.preemptions});
}

/// Of the streams that have pages and go behind `to`, the last one.
Scheduler::Stream *Scheduler::lastToGiveWay(const Stream &to) const {
  for (auto it = running.rbegin(); it != running.rend() && ByRank()(&to, *it); ++it)
    if ((*it)->sequence)
      return *it;
  return nullptr;
}

void Scheduler::preempt(Stream &stream, StepPlan &plan) {
  auto given = std::ranges::find(plan.parts, stream.id, &StepPart::stream);
  if (given != plan.parts.end()) {
    plan.tokens -= uint32_t(given->tokens.size());
    plan.parts.erase(given);
  }
  if (stream.sequence)
    blocks.removeSequence(*stream.sequence);
  stream.sequence.reset();
  ++stream.preemptions;
  ++preemptions;
  leave(stream);
  startWaiting(stream);
}

/// Pages that a stream still needs for the tokens that it has, and for the next one.
uint64_t Scheduler::pagesToCome(const Stream &stream) const {
  uint64_t all = blocks.pagesFor(length(stream) + 1);
  if (stream.sequence)
    return all - std::min<uint64_t>(all, blocks.numPages(*stream.sequence));
  // The whole pages of the prompt will be another's.
  if (!stream.computesAll && groupMember(stream))
    return all - (stream.promptTokens - 1) / blocks.pageTokens();
  if (stream.computesAll || stream.isPrivate)
    return all;
  // Pages that are kept are available now, and will not be when the stream has them.
  uint64_t kept = 0;
  return all - blocks.findPrefix(stream.tokens, stream.salt, &kept) / blocks.pageTokens() + kept;
}

/// Makes a place for a waiting stream, if need be at the cost of those behind it. False, with nothing changed: there is
/// none.
bool Scheduler::makePlace(const Stream &stream, StepPlan &plan) {
  uint64_t needed = pagesToCome(stream);
  auto hasPlace = [&] {
    if (running.size() >= options.maxRunning)
      return false;
    uint64_t promised = needed;
    for (Stream *each : running)
      promised += pagesToCome(*each);
    return running.empty() || promised <= blocks.availablePages();
  };
  if (hasPlace())
    return true;
  // The usual case of a full house needs no sums.
  if (running.size() >= options.maxRunning && ByRank()(*running.rbegin(), &stream))
    return false;
  // What those in front of it have and will need stays theirs.
  uint64_t ahead = 0, numAhead = 0;
  for (Stream *each : running) {
    if (!ByRank()(each, &stream))
      break;
    ahead += pagesToCome(*each) + (each->sequence ? blocks.numPages(*each->sequence) : 0);
    ++numAhead;
  }
  BlockCounts counts = blocks.counts();
  if (numAhead >= options.maxRunning || (numAhead > 0 && ahead + needed + counts.pinned > counts.pages))
    return false;
  while (!hasPlace() && running.size() > numAhead)
    preempt(**running.rbegin(), plan);
  return hasPlace();
}

/// Admits waiting streams. `before`: only those that go before this one.
void Scheduler::admit(const Stream *before, uint32_t budget, StepPlan &plan) {
  while (!waiting.empty() && plan.tokens < budget) {
    Stream &stream = **waiting.begin();
    if ((before && !ByRank()(&stream, before)) || !makePlace(stream, plan))
      return;
    startRunning(stream);
    if (begin(stream))
      give(stream, budget, plan);
  }
}

std::vector<Scheduler::View> Scheduler::views() const {
  std::vector<View> views;
  auto add = [&](const Stream *each) {
    views.push_back({each->id, each->isRunning, each->promptTokens, uint32_t(each->tokens.size()), computed(*each),
                     each->preemptions, each->priority, each->rank});
  };
  std::ranges::for_each(running, add);
  std::ranges::for_each(waiting, add);
  return views;
}

} // namespace quipu
