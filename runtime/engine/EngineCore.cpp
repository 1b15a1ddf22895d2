//===- EngineCore.cpp - The engine's work, step by step ----------------------------------===//

#include "runtime/engine/EngineCore.h"
#include "runtime/core/Device.h"
#include "runtime/core/Logits.h"
#include "runtime/support/Error.h"

#include <algorithm>

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
  owners[sample.stream] = {&request, sample.index};
}

void EngineCore::accept(std::unique_ptr<ActiveRequest> arrival) {
  auto lock = lockAlive();
  ActiveRequest &request = *arrival;
  request.maxNewTokens = bounds().newTokens(request.request);
  request.usage.promptTokens = request.request.prompt.size();
  for (uint32_t i = 0; i < request.request.samples; ++i) {
    request.samples.emplace_back().index = i;
    request.samples.back().chooser =
        std::make_unique<SampleChooser>(request.request.sampling, request.request.prompt, i);
  }
  request.needsHost = std::ranges::any_of(request.samples,
                                          [&](const ActiveSample &sample) {
                                            const TokenSampling *rule = deviceRule(request, sample);
                                            return !rule || rule->rule.window != 0;
                                          }) ||
                      request.request.echo;
  numNeedingHost += request.needsHost;
  ++totals.requests;
  totals.promptTokens += request.request.prompt.size();
  for (ActiveSample &sample : request.samples)
    if (sample.index == 0 || !request.waitsForPrompt())
      queue(request, sample);
  active.emplace(request.id, std::move(arrival));
  numActive = active.size();
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
  for (const auto &each : active)
    if (each.second->request.deadline && *each.second->request.deadline <= now)
      endAll(*each.second, FinishReason::Deadline);
  settle();
  return !finished.empty();
}

void EngineCore::end(ActiveRequest &request, ActiveSample &sample, FinishReason reason, int32_t stopToken,
                     const std::string &message) {
  if (sample.hasEnded)
    return;
  sample.hasEnded = true;
  ++request.numEnded;
  ++totals.ends[size_t(reason)];
  if (sample.isQueued)
    endedStreams.push_back({sample.stream, reason != FinishReason::Error});
  request.sink->onSampleEnd({sample.index, reason, sample.newTokens, stopToken, message});
}

/// Takes what has ended out of the scheduler. If a step runs, it goes on with the pages of streams that are gone:
/// others get these pages in steps behind it.
void EngineCore::settle() {
  for (const auto &[stream, isSound] : std::exchange(endedStreams, {})) {
    Owner owner = owners.at(stream);
    owner.request->usage.preemptions += scheduler.preemptionsOf(stream);
    scheduler.remove(stream, isSound);
    owners.erase(stream);
  }
  EngineClock::time_point now = EngineClock::now();
  for (auto it = active.begin(); it != active.end();) {
    ActiveRequest &request = *it->second;
    for (ActiveSample &sample : request.samples)
      if (!sample.hasEnded && !sample.isQueued && !request.waitsForPrompt())
        queue(request, sample);
    if (request.numEnded < request.samples.size()) {
      ++it;
      continue;
    }
    request.usage.totalSeconds = secondsBetween(request.submitted, now);
    totals.requestTimes.add(request.usage.totalSeconds);
    numNeedingHost -= request.needsHost;
    finished.push_back(std::move(it->second));
    it = active.erase(it);
  }
  numActive = active.size();
}

void EngineCore::sayGoodbye() {
  auto lock = lockAlive();
  for (const auto &each : std::exchange(finished, {}))
    each->sink->onEnd(each->usage);
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

void EngineCore::step() {
  EngineClock::time_point begin = EngineClock::now();
  // While the host waits for the device.
  double deviceSeconds = 0;
  if (flight && !mayRunAhead())
    deviceSeconds = land();
  else if (StepPlan plan = planStep(); mayRunAhead())
    deviceSeconds = startStep(std::move(plan));
  else
    deviceSeconds = runStep(plan);
  auto lock = lockAlive();
  double seconds = secondsBetween(begin, EngineClock::now());
  totals.stepTimes.add(seconds);
  totals.hostTimes.add(seconds - deviceSeconds);
}

StepPlan EngineCore::planStep() {
  auto lock = lockAlive();
  StepPlan plan = scheduler.next();
  noteStart(plan);
  for (const StepPlan::Stuck &stuck : plan.stuck) {
    Owner owner = owners.at(stuck.stream);
    end(*owner.request, owner.request->samples[owner.sample], FinishReason::Error, -1,
        runner.cache.describe(stuck.shortage));
  }
  if (!plan.stuck.empty())
    settle();
  return plan;
}

/// Starts the step, and ends the one before while it runs. Returns the seconds that the host has waited.
double EngineCore::startStep(StepPlan plan) {
  auto lock = lockAlive();
  std::vector<Batch> batches = batchesOf(plan);
  lock.unlock();
  EngineClock::time_point launched = EngineClock::now();
  std::optional<Flight> next;
  if (!batches.empty()) {
    if (options.beforeStep)
      options.beforeStep(totals.steps + (flight ? 1 : 0));
    std::optional<StepRunner::Started> started = runner.start(batches.front().parts, batches.front().samplings);
    if (!started)
      fail("a step of ", plan.tokens(), " tokens does not fit into one launch of ", model().planName());
    next = Flight{std::move(plan), std::move(batches.front()), std::move(*started)};
    lock = lockAlive();
    for (const WantedRow &wanted : next->started.wanted) {
      const StepPart &part = *next->batch.owners[wanted.part];
      Owner owner = owners.at(part.stream);
      ActiveSample &sample = owner.request->samples[owner.sample];
      if (sample.newTokens + ++sample.pending < owner.request->maxNewTokens)
        scheduler.expect(part.stream);
    }
    lock.unlock();
  }
  double waited = secondsBetween(launched, EngineClock::now());
  if (flight)
    waited += land();
  flight = std::move(next);
  return waited;
}

/// Takes the tokens of the step that was started. Returns the seconds that the host has waited.
double EngineCore::land() {
  EngineClock::time_point begin = EngineClock::now();
  std::span<const int32_t> chosen = runner.finish(flight->started);
  double waited = secondsBetween(begin, EngineClock::now());
  auto lock = lockAlive();
  Flight landed = std::move(*std::exchange(flight, std::nullopt));
  for (const StepPart &part : landed.plan.parts)
    scheduler.confirm(part);
  take(landed.batch, landed.started.wanted, chosen, nullptr);
  finishStep(landed.plan);
  return waited;
}

/// Runs the step to its end. Returns the seconds that the host has waited.
double EngineCore::runStep(const StepPlan &plan) {
  auto lock = lockAlive();
  double deviceSeconds = 0;
  std::vector<Batch> batches = batchesOf(plan);
  lock.unlock();
  if (options.beforeStep)
    options.beforeStep(totals.steps);
  for (const Batch &batch : batches) {
    EngineClock::time_point launched = EngineClock::now();
    runner.runChoosing(batch.parts, batch.samplings, {}, [&](std::span<const int32_t> chosen, const float *logits) {
      deviceSeconds += secondsBetween(launched, EngineClock::now());
      auto whileTaking = lockAlive();
      take(batch, runner.part.wanted, chosen, logits);
      launched = EngineClock::now();
    });
  }
  lock = lockAlive();
  finishStep(plan);
  return deviceSeconds;
}

void EngineCore::noteStart(const StepPlan &plan) {
  EngineClock::time_point now = EngineClock::now();
  for (const StepPart &part : plan.parts) {
    ActiveRequest &request = *owners.at(part.stream).request;
    if (std::exchange(request.hasStarted, true))
      continue;
    request.usage.queueSeconds = secondsBetween(request.submitted, now);
    request.usage.cachedTokens = scheduler.cachedOf(part.stream);
    totals.queueTimes.add(request.usage.queueSeconds);
    totals.cachedTokens += request.usage.cachedTokens;
  }
}

/// The rule by which the device chooses the sample's next token. Null: the host chooses. Which of the two does so
/// follows from the request alone, so that no other request changes the answer.
const TokenSampling *EngineCore::deviceRule(const ActiveRequest &request, const ActiveSample &sample) {
  if (!model().device().choosesTokens() || request.request.logProbs || !sample.chooser->isPlain())
    return nullptr;
  const TokenSampling &rule = sample.chooser->rule();
  bool isPlainGreedy = rule.rule.scale == 0 && rule.rule.window == 0;
  const TokenSampling *const pointer = &rule;
  std::span<const TokenSampling *const> rules(&pointer, isPlainGreedy ? 0 : 1);
  return runner.executor.deviceChooses(rules) ? &rule : nullptr;
}

void EngineCore::addTo(Batch &batch, const StepPart &part, LogitsMode logits) {
  Owner owner = owners.at(part.stream);
  const ActiveSample &sample = owner.request->samples[owner.sample];
  batch.parts.push_back({part.sequence, part.tokens, logits});
  batch.samplings.push_back(logits == LogitsMode::Last ? deviceRule(*owner.request, sample) : nullptr);
  batch.owners.push_back(&part);
}

std::vector<EngineCore::Batch> EngineCore::batchesOf(const StepPlan &plan) {
  Batch singles, prompts, echoes;
  for (size_t i = 0; i < plan.parts.size(); ++i) {
    const StepPart &part = plan.parts[i];
    Owner owner = owners.at(part.stream);
    ActiveRequest &request = *owner.request;
    if (owner.sample == 0 && request.request.echo && request.scores.wants(part.position)) {
      addTo(echoes, part, LogitsMode::All);
      continue;
    }
    bool isWanted = part.isLast && request.maxNewTokens > 0;
    addTo(separatesPrompts && i >= plan.singles ? prompts : singles, part,
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
                      const float *logits) {
  size_t vocab = model().vocabSize();
  for (size_t i = 0; i < wanted.size(); ++i) {
    bool isChosen = !chosen.empty() && batch.samplings[wanted[i].part];
    std::span<const float> row = logits ? std::span(logits + i * vocab, vocab) : std::span<const float>();
    takeRow(*batch.owners[wanted[i].part], wanted[i].token, isChosen, isChosen ? chosen[i] : -1, row);
  }
}

void EngineCore::takeRow(const StepPart &part, size_t token, bool isChosen, int32_t chosen,
                         std::span<const float> logits) {
  // It may have ended since the step began.
  auto found = owners.find(part.stream);
  if (found == owners.end())
    return;
  Owner owner = found->second;
  ActiveRequest &request = *owner.request;
  ActiveSample &sample = request.samples[owner.sample];
  sample.pending -= sample.pending > 0;
  if (sample.hasEnded)
    return;
  uint32_t position = part.position + uint32_t(token);
  try {
    if (isChosen && chosen < 0 && logits.empty())
      failForLogits(position, model().plan());
    if (!isChosen || chosen < 0) {
      FiniteCheck check;
      check.look(logits, position);
      check.require(model().plan());
      if (isChosen)
        fail("the device has chosen no token, and the logits are numbers: its memory or code does not work right");
    }
    if (request.request.echo && owner.sample == 0) {
      request.scores.take(position, logits);
      givePrompt(request);
    }
    if (!part.isLast || token + 1 < part.tokens.size() || request.maxNewTokens == 0)
      return;
    giveToken(request, sample, isChosen ? chosen : sample.chooser->choose(logits), logits);
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

void EngineCore::giveToken(ActiveRequest &request, ActiveSample &sample, int32_t token, std::span<const float> logits) {
  EngineClock::time_point now = EngineClock::now();
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
    scored.logProb = scoreToken(logits, token, request.request.topLogProbs, tops);
  scored.top = tops;
  if (!request.sink->onToken(sample.index, scored))
    return end(request, sample, FinishReason::Stop);
  if (sample.newTokens >= request.maxNewTokens)
    return end(request, sample, FinishReason::Length);
  newTokens.push_back({sample.stream, token});
}

void EngineCore::finishStep(const StepPlan &plan) {
  BlockManager &blocks = runner.cache.blocks();
  for (const StepPart &part : plan.parts) {
    totals.computedTokens += part.tokens.size();
    auto found = owners.find(part.stream);
    if (found == owners.end() || !part.isLast)
      continue;
    Owner owner = found->second;
    ActiveRequest &request = *owner.request;
    if (request.request.pinPrompt && !std::exchange(request.isPinned, true) &&
        blocks.pin(part.sequence, uint32_t(request.request.prompt.size()), bounds().pagesToLeave()))
      request.usage.pinnedTokens = request.request.prompt.size() / blocks.pageTokens() * blocks.pageTokens();
    if (request.maxNewTokens == 0) {
      givePrompt(request);
      end(request, request.samples[owner.sample], FinishReason::Length);
    }
  }
  for (const auto &[stream, token] : std::exchange(newTokens, {}))
    scheduler.append(stream, token);
  settle();
  ++totals.steps;
}

//===--- Status --------------------------------------------------------------------------===//

EngineStatus EngineCore::describe() {
  auto lock = lockAlive();
  EngineStatus status = totals;
  EngineClock::time_point now = EngineClock::now();
  for (const Scheduler::View &view : scheduler.views()) {
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
  status.waiting = 0;
  for (const auto &each : active)
    status.waiting += uint32_t(each.second->samples.size()) - each.second->numEnded;
  status.waiting -= status.running;
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
