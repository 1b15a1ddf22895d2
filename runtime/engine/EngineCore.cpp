//===- EngineCore.cpp - The engine's work, step by step ----------------------------------===//

#include "runtime/engine/EngineCore.h"
#include "runtime/core/Device.h"
#include "runtime/core/Logits.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <functional>

namespace quipu {

static double secondsBetween(EngineClock::time_point from, EngineClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

static SchedulerOptions limitsOf(const Model &model, const EngineOptions &options) {
  SchedulerOptions limits;
  limits.maxRunning = model.maxSequences();
  if (options.maxRunning)
    limits.maxRunning = std::min(limits.maxRunning, options.maxRunning);
  uint32_t step = options.stepTokens ? options.stepTokens : model.maxChunkRows();
  uint32_t mixed =
      options.mixedTokens ? options.mixedTokens : std::min(step, std::max(step / 2, 2 * limits.maxRunning));
  limits.stepTokens = std::max(step, limits.maxRunning + 1);
  limits.mixedTokens = std::max(mixed, limits.maxRunning + 1);
  // Of 192 rows the products of a GPU take about as long as reading the weights does.
  limits.promptTokens = model.device().sharesHostMemory() ? 96 : 192;
  return limits;
}

EngineCore::EngineCore(std::shared_ptr<const Model> model, const EngineOptions &options)
    : options(options),
      runner(std::move(model), {options.cacheTokens, options.keepPrefixes, options.mayTouch, options.store}),
      limits(limitsOf(*runner.model, options)), scheduler(runner.cache.blocks(), withStore(limits)) {
  for (const plan::Program *program : runner.model->programs())
    separatesPrompts |= program->row_align() > 1;
  canRunAhead = runner.model->device().choosesTokens() && !separatesPrompts &&
                runner.takesInOneLaunch(std::max(limits.stepTokens, limits.mixedTokens));
}

SchedulerOptions EngineCore::withStore(SchedulerOptions given) {
  if (options.store)
    given.restore = [this](int32_t sequence, std::span<const int32_t> tokens) {
      // It reads files, and waits for the device.
      endEvents();
      runner.cache.restore(sequence, tokens);
    };
  return given;
}

RequestBounds EngineCore::bounds() const {
  return {*runner.model, runner.cache.blocks().pageTokens(), runner.cache.numBlocks()};
}

std::unique_lock<std::mutex> EngineCore::lockAlive() {
  std::unique_lock<std::mutex> lock(mutex);
  if (isAbandoned)
    fail("the engine has ended");
  return lock;
}

//===--- Requests that come and go -------------------------------------------------------===//

void EngineCore::queue(ActiveRequest &request, ActiveSample &sample) {
  StreamStart start;
  start.id = sample.stream = ++lastStream;
  start.group = request.id;
  start.prompt = request.request.prompt;
  start.priority = request.request.priority;
  start.salt = request.request.cacheSalt;
  start.isPrivate = !request.request.reusePrefix;
  start.computesAll = request.waitsForPrompt() && sample.index == 0;
  scheduler.add(std::move(start));
  sample.isQueued = true;
  owners.insert(sample.stream, {&request, sample.index});
}

void EngineCore::accept(std::unique_ptr<ActiveRequest> arrival) {
  auto lock = lockAlive();
  ActiveRequest &request = *arrival;
  request.maxNewTokens = bounds().newTokens(request.request);
  request.usage.promptTokens = request.request.prompt.size();
  for (uint32_t i = 0; i < request.request.samples; ++i) {
    request.samples.emplace_back().index = i;
    request.samples.back().chooser = std::make_unique<SampleChooser>(
        request.request.sampling, request.request.prompt, i, request.maxNewTokens,
        request.request.logProbs ? std::optional(request.request.topLogProbs) : std::nullopt);
    request.samples.back().deviceRule = deviceRule(request, request.samples.back());
    request.samples.back().awaitsEcho = request.request.echo && i == 0;
  }
  noteNeeds(request);
  numSamples += request.samples.size();
  numWatched += request.isWatched();
  numHoldingBack += request.holdsBack();
  if (request.request.deadline && (!nextDeadline || *request.request.deadline < *nextDeadline))
    nextDeadline = request.request.deadline;
  ++totals.requests;
  totals.promptTokens += request.request.prompt.size();
  for (ActiveSample &sample : request.samples)
    if (sample.index == 0 || !request.waitsForPrompt())
      queue(request, sample);
  active.emplace(request.id, std::move(arrival));
  numActive = active.size();
}

/// Notes whether the request keeps steps from running ahead.
void EngineCore::noteNeeds(ActiveRequest &request) {
  bool needsHost = std::ranges::any_of(request.samples, [](const ActiveSample &each) {
    return !each.hasEnded && (!each.deviceRule || each.awaitsEcho);
  });
  numNeedingHost += needsHost;
  numNeedingHost -= std::exchange(request.needsHost, needsHost);
}

void EngineCore::endAll(ActiveRequest &request, FinishReason reason) {
  for (ActiveSample &sample : request.samples)
    end(request, sample, reason);
}

void EngineCore::cancel(RequestId id, std::optional<uint32_t> number) {
  auto lock = lockAlive();
  auto found = active.find(id);
  if (found == active.end())
    return;
  ActiveRequest &request = *found->second;
  if (!number)
    endAll(request, FinishReason::Cancelled);
  else if (*number < request.samples.size())
    end(request, request.samples[*number], FinishReason::Cancelled);
  settle();
}

void EngineCore::cancelAll() {
  auto lock = lockAlive();
  for (const auto &each : active)
    endAll(*each.second, FinishReason::Cancelled);
  settle();
}

bool EngineCore::expire(EngineClock::time_point now) {
  auto lock = lockAlive();
  if (nextDeadline && *nextDeadline <= now) {
    nextDeadline.reset();
    for (const auto &each : active) {
      const auto &deadline = each.second->request.deadline;
      if (deadline && *deadline <= now)
        endAll(*each.second, FinishReason::Deadline);
      else if (deadline && (!nextDeadline || *deadline < *nextDeadline))
        nextDeadline = deadline;
    }
    settle();
  }
  return !finished.empty();
}

void EngineCore::end(ActiveRequest &request, ActiveSample &sample, FinishReason reason, int32_t stopToken,
                     const std::string &message) {
  if (sample.hasEnded)
    return;
  sample.hasEnded = true;
  --numSamples;
  if (++request.numEnded == request.samples.size())
    endedRequests.push_back(request.id);
  ++totals.ends[size_t(reason)];
  if (sample.isQueued)
    endedStreams.push_back({sample.stream, reason != FinishReason::Error});
  request.sink->onSampleEnd({sample.index, reason, sample.newTokens, stopToken, message});
}

/// Takes what has ended out of the scheduler. If a step runs, it goes on with the pages of streams that are gone:
/// others get these pages in steps behind it.
void EngineCore::settle() {
  for (const auto &[stream, isSound] : endedStreams) {
    Owner owner = owners.at(stream);
    owner.request->usage.preemptions += scheduler.preemptionsOf(stream);
    scheduler.remove(stream, isSound);
    owners.erase(stream);
  }
  endedStreams.clear();
  if (numHoldingBack > 0)
    for (const auto &each : active)
      for (ActiveSample &sample : each.second->samples)
        if (!sample.hasEnded && !sample.isQueued && !each.second->waitsForPrompt())
          queue(*each.second, sample);
  if (endedRequests.empty())
    return;
  EngineClock::time_point now = EngineClock::now();
  for (RequestId id : endedRequests)
    finish(id, now);
  endedRequests.clear();
  numActive = active.size();
}

void EngineCore::finish(RequestId id, EngineClock::time_point now) {
  auto found = active.find(id);
  ActiveRequest &request = *found->second;
  request.usage.totalSeconds = secondsBetween(request.submitted, now);
  totals.requestTimes.add(request.usage.totalSeconds);
  numNeedingHost -= request.needsHost;
  numWatched -= request.isWatched();
  numHoldingBack -= request.holdsBack();
  finished.push_back(std::move(found->second));
  active.erase(found);
}

void EngineCore::sayGoodbye() {
  auto lock = lockAlive();
  for (const auto &each : std::exchange(finished, {}))
    each->sink->onEnd(each->usage);
  // Behind a step that runs there is time for it, when the next one has been enqueued.
  if (!flight)
    endEvents();
}

void EngineCore::endEvents() const {
  if (options.afterEvents)
    options.afterEvents();
}

void EngineCore::abandon(const std::string &message) {
  std::lock_guard<std::mutex> lock(mutex);
  isAbandoned = true;
  for (const auto &each : std::exchange(finished, {}))
    each->sink->onEnd(each->usage);
  for (const auto &each : active) {
    ActiveRequest &request = *each.second;
    for (ActiveSample &sample : request.samples)
      end(request, sample, FinishReason::Error, -1, message);
    request.usage.totalSeconds = secondsBetween(request.submitted, EngineClock::now());
    request.sink->onEnd(request.usage);
  }
  active.clear();
  numActive = 0;
  owners.clear();
}

//===--- A step --------------------------------------------------------------------------===//

namespace {

/// Adds the time until its end to a number of seconds.
class AddsTime {
public:
  explicit AddsTime(double &seconds) : seconds(seconds) {}
  ~AddsTime() { seconds += secondsBetween(begin, EngineClock::now()); }
  AddsTime(const AddsTime &) = delete;
  AddsTime &operator=(const AddsTime &) = delete;

private:
  double &seconds;
  EngineClock::time_point begin = EngineClock::now();
};

} // namespace

void EngineCore::step() {
  waited = enqueued = 0;
  // What the engine does between two steps is a part of the second one.
  EngineClock::time_point begin = lastEnd ? *lastEnd : EngineClock::now();
  if (flight && !mayRunAhead())
    land();
  else if (StepPlan plan = planStep(); mayRunAhead())
    startStep(std::move(plan));
  else
    runStep(plan);
  auto lock = lockAlive();
  EngineClock::time_point end = EngineClock::now();
  double seconds = secondsBetween(begin, end);
  totals.stepTimes.add(seconds);
  totals.hostTimes.add(seconds - waited);
  totals.enqueueTimes.add(enqueued);
  lastEnd = isIdle() ? std::nullopt : std::optional(end);
}

StepPlan EngineCore::planStep() {
  auto lock = lockAlive();
  StepPlan plan = scheduler.next();
  for (const StepPlan::Stuck &stuck : plan.stuck) {
    Owner owner = owners.at(stuck.stream);
    end(*owner.request, owner.request->samples[owner.sample], FinishReason::Error, -1,
        runner.cache.describe(stuck.shortage));
  }
  if (!plan.stuck.empty())
    settle();
  return plan;
}

/// Starts the step, and ends the one before while it runs.
void EngineCore::startStep(StepPlan plan) {
  auto lock = lockAlive();
  std::vector<Batch> batches = batchesOf(plan);
  lock.unlock();
  std::optional<Flight> next;
  if (!batches.empty()) {
    if (options.beforeStep)
      options.beforeStep(totals.steps + (flight ? 1 : 0));
    // Steps with prompts have no graph, and hundreds of launches.
    if (plan.singles < plan.parts.size())
      endEvents();
    std::optional<StepRunner::Started> started;
    {
      AddsTime whileEnqueuing(enqueued);
      started = runner.start(batches.front().parts, batches.front().samplings);
    }
    if (!started)
      fail("a step of ", plan.tokens, " tokens does not fit into one launch of ", model().planName());
    next = Flight{std::move(plan), std::move(batches.front()), std::move(*started)};
    lock = lockAlive();
    for (const WantedRow &wanted : next->started.wanted) {
      Owner owner = next->batch.owners[wanted.part];
      ActiveSample &sample = owner.get();
      if (sample.newTokens + ++sample.pending < owner.request->maxNewTokens)
        scheduler.expect(sample.stream);
    }
    lock.unlock();
    endEvents();
    AddsTime whileWaiting(waited);
    runner.await();
  }
  if (flight)
    land();
  flight = std::move(next);
}

/// Takes the tokens of the step that was started.
void EngineCore::land() {
  std::span<const int32_t> chosen;
  endEvents();
  {
    AddsTime whileWaiting(waited);
    chosen = runner.finish(flight->started);
  }
  auto lock = lockAlive();
  Flight landed = std::move(*std::exchange(flight, std::nullopt));
  for (const StepPart &part : landed.plan.parts)
    scheduler.confirm(part);
  take(landed.batch, landed.started.wanted, chosen, runner.scoresOf(landed.started), nullptr);
  finishStep(landed.plan);
}

/// Runs the step to its end.
void EngineCore::runStep(const StepPlan &plan) {
  auto lock = lockAlive();
  std::vector<Batch> batches = batchesOf(plan);
  lock.unlock();
  if (options.beforeStep)
    options.beforeStep(totals.steps);
  for (const Batch &batch : batches) {
    EngineClock::time_point launched = EngineClock::now();
    auto deliver = [&](std::span<const int32_t> chosen, const TokenScores *scores, const float *logits) {
      waited += secondsBetween(launched, EngineClock::now());
      auto whileTaking = lockAlive();
      take(batch, runner.part.wanted, chosen, scores, logits);
      // The other batches take their time.
      endEvents();
      launched = EngineClock::now();
    };
    runner.runChoosing(batch.parts, batch.samplings, {}, deliver);
  }
  lock = lockAlive();
  finishStep(plan);
}

/// Notes when the first of the request's streams goes to the device.
void EngineCore::noteStart(ActiveRequest &request, StreamId stream) {
  request.hasStarted = true;
  request.usage.queueSeconds = secondsBetween(request.submitted, EngineClock::now());
  request.usage.cachedTokens = scheduler.cachedOf(stream);
  totals.queueTimes.add(request.usage.queueSeconds);
  totals.cachedTokens += request.usage.cachedTokens;
}

/// By what the device chooses the sample's tokens. Null: the host chooses. Which of the two does so follows from the
/// request alone, so that no other request changes the answer.
const TokenSampling *EngineCore::deviceRule(const ActiveRequest &request, const ActiveSample &sample) const {
  if (!model().device().choosesTokens())
    return nullptr;
  const TokenSampling &rule = sample.chooser->rule();
  const TokenSampling *const pointer = &rule;
  std::span<const TokenSampling *const> rules(&pointer, rule.isPlainGreedy() ? 0 : 1);
  return runner.executor.deviceChooses(rules) ? &rule : nullptr;
}

void EngineCore::Batch::reserve(size_t count) {
  parts.reserve(count);
  samplings.reserve(count);
  planned.reserve(count);
  owners.reserve(count);
}

void EngineCore::addTo(Batch &batch, const StepPart &part, Owner owner, LogitsMode logits) {
  const ActiveSample &sample = owner.get();
  const TokenSampling *rule = logits == LogitsMode::Last && !sample.awaitsEcho ? sample.deviceRule : nullptr;
  batch.parts.push_back({part.sequence, part.tokens, logits});
  batch.samplings.push_back(rule);
  batch.planned.push_back(&part);
  batch.owners.push_back(owner);
}

std::vector<EngineCore::Batch> EngineCore::batchesOf(const StepPlan &plan) {
  Batch singles, prompts, echoes;
  singles.reserve(plan.parts.size());
  for (size_t i = 0; i < plan.parts.size(); ++i) {
    const StepPart &part = plan.parts[i];
    Owner owner = owners.at(part.stream);
    ActiveRequest &request = *owner.request;
    if (!request.hasStarted)
      noteStart(request, part.stream);
    if (owner.sample == 0 && request.request.echo && request.scores.wants(part.position)) {
      addTo(echoes, part, owner, LogitsMode::All);
      continue;
    }
    bool isWanted = part.isLast && request.maxNewTokens > 0;
    addTo(separatesPrompts && i >= plan.singles ? prompts : singles, part, owner,
          isWanted ? LogitsMode::Last : LogitsMode::None);
  }
  std::vector<Batch> batches;
  for (Batch *batch : {&singles, &prompts, &echoes})
    if (!batch->parts.empty())
      batches.push_back(std::move(*batch));
  return batches;
}

/// Takes the results of a launch.
void EngineCore::take(const Batch &batch, std::span<const WantedRow> wanted, std::span<const int32_t> chosen,
                      const TokenScores *scores, const float *logits) {
  size_t vocab = model().vocabSize();
  EngineClock::time_point now = EngineClock::now();
  for (size_t i = 0; i < wanted.size(); ++i) {
    RowResult row;
    // The sampling itself may be gone by now, with its request.
    row.isChosen = !chosen.empty() && batch.samplings[wanted[i].part];
    if (row.isChosen) {
      row.token = chosen[i];
      row.scores = scores ? scores + i : nullptr;
    }
    if (logits)
      row.logits = {logits + i * vocab, vocab};
    takeRow(*batch.planned[wanted[i].part], wanted[i].token, row, now);
  }
}

void EngineCore::takeRow(const StepPart &part, size_t token, const RowResult &row, EngineClock::time_point now) {
  // It may have ended since the step began.
  const Owner *owner = owners.find(part.stream);
  if (!owner)
    return;
  ActiveRequest &request = *owner->request;
  ActiveSample &sample = owner->get();
  sample.pending -= sample.pending > 0;
  if (sample.hasEnded)
    return;
  uint32_t position = part.position + uint32_t(token);
  try {
    if (row.isChosen && row.token == kNothingLeft)
      failForChoice();
    if (row.isChosen && row.token < 0 && row.logits.empty())
      failForLogits(position, model().plan());
    if (!row.isChosen || row.token < 0) {
      FiniteCheck check;
      check.look(row.logits, position);
      check.require(model().plan());
      if (row.isChosen)
        fail("the device has chosen no token, and the logits are numbers: its memory or code does not work right");
    }
    if (sample.awaitsEcho) {
      request.scores.take(position, row.logits);
      givePrompt(request);
    }
    if (!part.isLast || token + 1 < part.tokens.size() || request.maxNewTokens == 0)
      return;
    giveToken(request, sample, row.isChosen ? row.token : sample.chooser->choose(row.logits), row, now);
  } catch (const Error &error) {
    end(request, sample, FinishReason::Error, -1, error.what());
  }
}

void EngineCore::givePrompt(ActiveRequest &request) {
  if (!request.request.echo || !request.scores.isComplete() || std::exchange(request.isPromptGiven, true))
    return;
  request.sink->onPrompt(request.scores.tokens());
}

bool EngineCore::isEnd(const ActiveRequest &request, int32_t token) const {
  const std::vector<int32_t> &stops = request.request.stopTokens;
  return (model().isEos(token) && !request.request.ignoreEos) || std::ranges::find(stops, token) != stops.end();
}

void EngineCore::giveToken(ActiveRequest &request, ActiveSample &sample, int32_t token, const RowResult &row,
                           EngineClock::time_point now) {
  if (std::exchange(sample.awaitsEcho, false))
    noteNeeds(request);
  if (request.usage.newTokens++ == 0) {
    request.usage.firstTokenSeconds = secondsBetween(request.submitted, now);
    totals.firstTokenTimes.add(request.usage.firstTokenSeconds);
  }
  if (sample.newTokens++ > 0)
    totals.tokenTimes.add(secondsBetween(sample.lastToken, now));
  sample.lastToken = now;
  ++totals.newTokens;
  sample.chooser->accept(token);
  if (isEnd(request, token))
    return end(request, sample, FinishReason::Stop, token);
  ScoredToken scored = {token, 0, {}};
  tops.clear();
  if (request.request.logProbs)
    scored.logProb = row.isChosen ? scoreToken(*row.scores, request.request.topLogProbs, tops)
                                  : scoreToken(row.logits, token, request.request.topLogProbs, tops);
  scored.top = tops;
  if (!request.sink->onToken(sample.index, scored))
    return end(request, sample, FinishReason::Stop);
  if (sample.newTokens >= request.maxNewTokens)
    return end(request, sample, FinishReason::Length);
  newTokens.push_back({sample.stream, token});
}

/// Does what is due at the ends of prompts.
void EngineCore::watchPrompts(const StepPlan &plan) {
  BlockManager &blocks = runner.cache.blocks();
  for (const StepPart &part : plan.parts) {
    const Owner *owner = owners.find(part.stream);
    if (!owner || !part.isLast)
      continue;
    ActiveRequest &request = *owner->request;
    if (request.request.pinPrompt && !std::exchange(request.isPinned, true) &&
        blocks.pin(part.sequence, uint32_t(request.request.prompt.size()), bounds().pagesToLeave()))
      request.usage.pinnedTokens = request.request.prompt.size() / blocks.pageTokens() * blocks.pageTokens();
    if (request.maxNewTokens == 0) {
      givePrompt(request);
      end(request, owner->get(), FinishReason::Length);
    }
  }
}

void EngineCore::finishStep(const StepPlan &plan) {
  totals.computedTokens += plan.tokens;
  if (numWatched > 0)
    watchPrompts(plan);
  for (const auto &[stream, token] : newTokens)
    scheduler.append(stream, token);
  newTokens.clear();
  settle();
  ++totals.steps;
}

//===--- Status --------------------------------------------------------------------------===//

EngineStatus EngineCore::describe(bool withSlots) {
  auto lock = lockAlive();
  EngineStatus status = totals;
  EngineClock::time_point now = EngineClock::now();
  for (const Scheduler::View &view : withSlots ? scheduler.views() : std::vector<Scheduler::View>()) {
    Owner owner = owners.at(view.id);
    const ActiveRequest &request = *owner.request;
    status.slots.push_back({.request = request.id,
                            .sample = owner.sample,
                            .isRunning = view.isRunning,
                            .priority = view.priority,
                            .promptTokens = view.promptTokens,
                            .computedTokens = view.computed,
                            .newTokens = request.samples[owner.sample].newTokens,
                            .maxTokens = request.maxNewTokens,
                            .preemptions = view.preemptions,
                            .seconds = secondsBetween(request.submitted, now)});
  }
  status.running = uint32_t(scheduler.numRunning());
  status.waiting = uint32_t(numSamples) - status.running;
  status.maxRunning = limits.maxRunning;
  status.maxWaiting = options.maxWaiting;
  status.cache = runner.cache.blocks().counts();
  if (options.store)
    status.store = options.store->counts();
  status.pageTokens = runner.cache.blocks().pageTokens();
  status.preemptions = scheduler.numPreemptions();
  return status;
}

} // namespace quipu
