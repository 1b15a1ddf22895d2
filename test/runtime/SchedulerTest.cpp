//===- SchedulerTest.cpp: decisions for hundreds of streams, without a model --------------===//

#include "runtime/engine/Scheduler.h"
#include "runtime/core/StepRows.h"
#include "test/runtime/ToyPages.h"
#include "test/runtime/ToyPlan.h"

#include <map>
#include <optional>
#include <random>
#include <set>

using namespace quipu;
using namespace quipu::test;

namespace {

/// A scheduler, the pages that it gives out, and in place of a model a function from all tokens to the next one.
class Simulation {
public:
  struct Spec {
    std::vector<int32_t> prompt;
    uint32_t newTokens = 1;
    int32_t priority = 0;
    uint64_t salt = 0;
    uint64_t group = 0;
    bool isPrivate = false;
    bool computesAll = false;
  };

  Simulation(const BlockManagerOptions &pages, const SchedulerOptions &options)
      : pages(pages), options(options), scheduler(this->pages.manager, options) {}

  static BlockManagerOptions cache(uint64_t pages, uint32_t rows) {
    BlockManagerOptions options = ToyPages::small(pages, rows);
    options.maxPages = 64;
    return options;
  }

  StreamId add(const Spec &spec) {
    StreamId id = ++lastId;
    specs[id] = spec;
    StreamStart start;
    start.id = id;
    start.group = spec.group ? spec.group : 1000000 + id;
    start.prompt = spec.prompt;
    start.priority = spec.priority;
    start.salt = spec.salt;
    start.isPrivate = spec.isPrivate;
    start.computesAll = spec.computesAll;
    scheduler.add(start);
    arrivals[id] = steps;
    return id;
  }
  StreamId add(uint32_t promptTokens, uint32_t newTokens, int32_t priority = 0) {
    Spec spec;
    for (uint32_t i = 0; i < promptTokens; ++i)
      spec.prompt.push_back(int32_t(1000 * (lastId + 1) + i));
    spec.newTokens = newTokens;
    spec.priority = priority;
    return add(spec);
  }

  void cancel(StreamId id) {
    scheduler.remove(id);
    specs.erase(id);
  }

  static int32_t tokenAfter(std::span<const int32_t> tokens, uint64_t salt) {
    return int32_t(ToyPages::valueAt(tokens, salt, tokens.size() - 1) % 50);
  }

  /// What the stream would say alone.
  static std::vector<int32_t> alone(const Spec &spec, uint64_t) {
    std::vector<int32_t> tokens = spec.prompt;
    for (uint32_t i = 0; i < spec.newTokens; ++i)
      tokens.push_back(tokenAfter(tokens, spec.salt));
    return tokens;
  }

  /// Runs a step; false: there was nothing to do.
  bool step() {
    ++steps;
    std::map<StreamId, uint32_t> preemptionsBefore;
    for (const Scheduler::View &view : scheduler.views())
      preemptionsBefore[view.id] = view.preemptions;
    plan = scheduler.next();
    checkPlan();
    pagesLeft = pages.manager.availablePages();
    preempted.clear();
    for (const Scheduler::View &view : scheduler.views())
      if (view.preemptions > preemptionsBefore[view.id])
        preempted.push_back(view.id);
    pages.copyPages();
    for (const StepPart &part : plan.parts) {
      const Spec &spec = specs.at(part.stream);
      std::vector<int32_t> tokens = scheduler.tokensOf(part.stream);
      tokens.resize(part.position + part.tokens.size());
      pages.write(part.sequence, tokens, spec.salt, part.tokens.size());
    }
    // A device writes before it reads: all rows of a step first.
    for (const StepPart &part : plan.parts)
      pages.manager.advance(part.sequence, part.tokens);
    for (const StepPart &part : plan.parts) {
      const Spec spec = specs.at(part.stream);
      std::vector<int32_t> tokens = scheduler.tokensOf(part.stream);
      EXPECT_EQ(part.isLast, part.position + part.tokens.size() == tokens.size());
      pages.expectHolds(part.sequence, std::span(tokens).first(part.position + part.tokens.size()), spec.salt);
      if (!part.isLast)
        continue;
      int32_t next = tokenAfter(tokens, spec.salt);
      tokens.push_back(next);
      if (tokens.size() == spec.prompt.size() + 1)
        firstTokens[part.stream] = steps;
      if (tokens.size() < spec.prompt.size() + spec.newTokens) {
        scheduler.append(part.stream, next);
        continue;
      }
      EXPECT_EQ(tokens, alone(spec, part.stream)) << "stream " << part.stream;
      ends[part.stream] = steps;
      scheduler.remove(part.stream);
    }
    for (const StepPlan::Stuck &stuck : plan.stuck) {
      failures.push_back(stuck.stream);
      scheduler.remove(stuck.stream);
    }
    pages.manager.checkAccounts();
    return !plan.parts.empty() || !plan.stuck.empty();
  }

  void runAll(uint64_t most = 100000) {
    for (uint64_t i = 0; i < most && !scheduler.isEmpty(); ++i)
      ASSERT_TRUE(step()) << "nothing goes on, and not all have ended";
    ASSERT_TRUE(scheduler.isEmpty());
  }

  void checkPlan() {
    size_t tokens = 0;
    std::set<StreamId> seen;
    for (size_t i = 0; i < plan.parts.size(); ++i) {
      const StepPart &part = plan.parts[i];
      tokens += part.tokens.size();
      EXPECT_TRUE(seen.insert(part.stream).second);
      EXPECT_EQ(part.tokens.size() == 1, i < plan.singles);
      EXPECT_EQ(part.position, pages.manager.length(part.sequence));
      EXPECT_GE(part.tokens.size(), 1u);
    }
    EXPECT_LE(tokens, std::max(options.stepTokens, options.mixedTokens));
    EXPECT_LE(scheduler.numRunning(), options.maxRunning);
  }

  bool has(StreamId id) const {
    return std::ranges::any_of(plan.parts, [&](const StepPart &part) { return part.stream == id; });
  }

  ToyPages pages;
  SchedulerOptions options;
  Scheduler scheduler;
  StepPlan plan;
  std::map<StreamId, Spec> specs;
  std::map<StreamId, uint64_t> arrivals, firstTokens, ends;
  std::vector<StreamId> failures, preempted;
  StreamId lastId = 0;
  uint64_t steps = 0, pagesLeft = 0;
};

SchedulerOptions of(uint32_t running, uint32_t stepTokens, uint32_t mixedTokens = 0) {
  return {running, stepTokens, mixedTokens ? mixedTokens : stepTokens};
}

} // namespace

// Test: a long prompt is computed in parts; streams that generate get their token in every step meanwhile.
TEST(Scheduler, LongPromptsStallNobody) {
  Simulation run(Simulation::cache(200, 4), of(4, 40, 16));
  StreamId a = run.add(3, 40), b = run.add(5, 40);
  run.step();
  EXPECT_EQ(run.plan.parts.size(), 2u);
  StreamId prompt = run.add(100, 2);
  for (int i = 0; i < 7; ++i) {
    run.step();
    EXPECT_TRUE(run.has(a) && run.has(b) && run.has(prompt));
    EXPECT_EQ(run.plan.parts.back().tokens.size(), 14u);
    EXPECT_EQ(run.plan.singles, 2u);
  }
  run.step();
  EXPECT_EQ(run.plan.parts.back().tokens.size(), 2u);
  EXPECT_TRUE(run.plan.parts.back().isLast);
  run.runAll();
  // Where nobody generates, a step has more tokens.
  run.add(100, 1);
  run.step();
  EXPECT_EQ(run.plan.parts.front().tokens.size(), 40u);
  run.runAll();
}

// Test: streams join in the order in which they came, one behind the other, as places come free; each begins in the
// step in which it is admitted.
TEST(Scheduler, FirstComeFirstServed) {
  Simulation run(Simulation::cache(200, 2), of(2, 20));
  std::vector<StreamId> ids;
  for (int i = 0; i < 6; ++i)
    ids.push_back(run.add(4, 3));
  run.step();
  EXPECT_EQ(run.scheduler.numRunning(), 2u);
  EXPECT_EQ(run.scheduler.numWaiting(), 4u);
  run.runAll();
  for (size_t i = 1; i < ids.size(); ++i)
    EXPECT_LE(run.ends[ids[i - 1]], run.ends[ids[i]]);
  // 3 steps each, two at a time, and no step in between.
  EXPECT_EQ(run.steps, 9u);
}

// Test: a greater priority goes first, also into places that are taken; the one that loses its place ends as if nothing
// had happened.
TEST(Scheduler, Priorities) {
  Simulation run(Simulation::cache(200, 2), of(2, 20));
  StreamId low = run.add(4, 20, -1), middle = run.add(4, 20, 0);
  run.step();
  run.step();
  StreamId waits = run.add(4, 10, -1), high = run.add(4, 5, 1);
  run.step();
  EXPECT_EQ(run.preempted, std::vector<StreamId>{low});
  EXPECT_TRUE(run.has(high) && run.has(middle));
  run.runAll();
  EXPECT_LT(run.ends[high], run.ends[middle]);
  EXPECT_LT(run.ends[low], run.ends[waits]);
  EXPECT_EQ(run.scheduler.numPreemptions(), 1u);
}

// Test: a waiting prompt of greater priority is computed before running prompts behind it.
TEST(Scheduler, PromptsByRank) {
  Simulation run(Simulation::cache(400, 3), of(3, 10));
  StreamId first = run.add(100, 1);
  run.step();
  StreamId second = run.add(30, 1, 1);
  for (int i = 0; i < 3; ++i) {
    run.step();
    EXPECT_TRUE(run.has(second));
    EXPECT_FALSE(run.has(first));
  }
  run.runAll();
  EXPECT_EQ(run.scheduler.numPreemptions(), 0u);
}

// Test: when pages run out, the lowest priority loses its pages, among equals the one that came last.
TEST(Scheduler, PreemptsTheLast) {
  Simulation run(Simulation::cache(9, 3), of(3, 40));
  // 3 pages each for 12 tokens, then each wants a fourth.
  StreamId a = run.add(11, 10), b = run.add(11, 10), c = run.add(11, 10);
  std::vector<StreamId> preempted;
  while (!run.scheduler.isEmpty()) {
    ASSERT_TRUE(run.step());
    preempted.insert(preempted.end(), run.preempted.begin(), run.preempted.end());
  }
  ASSERT_FALSE(preempted.empty());
  EXPECT_EQ(preempted.front(), c);
  EXPECT_EQ(std::ranges::count(preempted, a), 0);
  EXPECT_LT(run.ends[a], run.ends[c]);
  EXPECT_LE(run.ends[b], run.ends[c]);

  Simulation other(Simulation::cache(9, 3), of(3, 40));
  a = other.add(11, 10, 0), b = other.add(11, 10, -1), c = other.add(11, 10, 1);
  preempted.clear();
  while (!other.scheduler.isEmpty()) {
    ASSERT_TRUE(other.step());
    preempted.insert(preempted.end(), other.preempted.begin(), other.preempted.end());
  }
  ASSERT_FALSE(preempted.empty());
  EXPECT_EQ(preempted.front(), b);
  EXPECT_EQ(std::ranges::count(preempted, c), 0);
}

// Test: prompts for which there are too few pages wait, instead of taking turns with those that run.
TEST(Scheduler, PromptsThatDoNotFitWait) {
  Simulation run(Simulation::cache(10, 4), of(4, 100));
  StreamId a = run.add(24, 3);
  StreamId b = run.add(24, 3);
  run.step();
  EXPECT_TRUE(run.has(a));
  EXPECT_FALSE(run.has(b));
  EXPECT_EQ(run.scheduler.numWaiting(), 1u);
  // A short one that came later does not overtake.
  StreamId c = run.add(2, 1);
  run.runAll();
  EXPECT_EQ(run.scheduler.numPreemptions(), 0u);
  EXPECT_LE(run.ends[a], run.firstTokens[b]);
  EXPECT_GE(run.ends[c], run.firstTokens[b]);
}

// Test: streams of a group compute their prompt once, and share its pages; also when the first one is gone.
TEST(Scheduler, GroupsShareTheirPrompt) {
  Simulation run(Simulation::cache(100, 4), of(4, 10));
  Simulation::Spec spec;
  for (int32_t i = 0; i < 22; ++i)
    spec.prompt.push_back(i);
  spec.newTokens = 6;
  spec.group = 7;
  std::vector<StreamId> ids;
  for (int i = 0; i < 4; ++i)
    ids.push_back(run.add(spec));
  size_t computed = 0;
  while (!run.scheduler.isEmpty()) {
    ASSERT_TRUE(run.step());
    for (const StepPart &part : run.plan.parts)
      computed += part.tokens.size();
    // Five whole pages of the prompt for all.
    if (run.ends.empty())
      EXPECT_LE(run.pages.manager.counts().used, 5u + 4 * 3);
  }
  // Once the prompt, its last token again for the others, and five new tokens each.
  EXPECT_EQ(computed, 22u + 3 + 4 * 5);
  EXPECT_GT(run.pages.manager.counts().copies, 0u);

  // The first one is cancelled while it computes: the second goes on where it was.
  Simulation other(Simulation::cache(100, 4), of(4, 10));
  spec.prompt[0] = 99;
  ids.clear();
  for (int i = 0; i < 3; ++i)
    ids.push_back(other.add(spec));
  other.step();
  other.cancel(ids[0]);
  other.step();
  EXPECT_TRUE(other.has(ids[1]));
  EXPECT_FALSE(other.has(ids[2]));
  EXPECT_EQ(other.plan.parts.front().position, 8u);
  other.runAll();
}

// Test: who must compute everything takes nothing from the cache, and private streams leave nothing there.
TEST(Scheduler, ComputesAll) {
  Simulation run(Simulation::cache(100, 4), of(4, 50));
  Simulation::Spec spec;
  spec.prompt = std::vector<int32_t>(17, 3);
  run.add(spec);
  run.runAll();
  StreamId b = run.add(spec);
  run.step();
  EXPECT_EQ(run.plan.parts.front().position, 16u);
  run.runAll();
  EXPECT_TRUE(run.ends.contains(b));
  spec.computesAll = true;
  run.add(spec);
  run.step();
  EXPECT_EQ(run.plan.parts.front().position, 0u);
  run.runAll();
  Simulation other(Simulation::cache(100, 4), of(4, 50));
  spec.computesAll = false;
  spec.isPrivate = true;
  for (int i = 0; i < 2; ++i) {
    other.add(spec);
    other.step();
    EXPECT_EQ(other.plan.parts.front().position, 0u);
    other.runAll();
  }
  EXPECT_EQ(other.pages.manager.counts().kept, 0u);
}

// Test: a stream of the lowest priority ends although more important ones come in every step, for ever: only those that
// came before or within a bounded time go first.
TEST(Scheduler, NobodyStarves) {
  constexpr int32_t kLow = -3, kHigh = 4;
  Simulation run(Simulation::cache(60, 4), of(4, 24));
  StreamId victim = run.add(30, 20, kLow);
  // Each step brings as much work as a step can do, or more, until those that may go first have come.
  int64_t advantage = (kHigh - kLow) * kStepsPerPriority;
  uint64_t limit = 0;
  std::mt19937 random(1);
  while (!run.ends.contains(victim)) {
    for (int i = 0; i < 2; ++i)
      run.add(8 + random() % 8, 4, kHigh);
    ASSERT_TRUE(run.step());
    ASSERT_LT(++limit, 10000u);
  }
  // It waited, as it should, and no more than what was allowed to overtake it takes: 4 streams of at most 5 steps go on
  // at the same time.
  EXPECT_GT(run.ends[victim], uint64_t(advantage));
  EXPECT_LT(run.ends[victim], uint64_t(advantage) * 2 * 5);
  // All that came with the rank before it have ended, and it was not the last of all.
  EXPECT_FALSE(run.scheduler.isEmpty());
}

// Test: without memory of the system for more pages others give theirs, and the last one that cannot go on fails alone.
TEST(Scheduler, OutOfMemory) {
  uint64_t limit = 6;
  BlockManagerOptions cache = Simulation::cache(50, 4);
  cache.mayTouch = [&](uint64_t first, uint64_t count) { return std::min(count, limit - std::min(limit, first)); };
  Simulation run(cache, of(4, 40));
  StreamId a = run.add(10, 10), b = run.add(10, 10), huge = run.add(20, 20);
  run.runAll();
  EXPECT_TRUE(run.ends.contains(a));
  EXPECT_TRUE(run.ends.contains(b));
  EXPECT_EQ(run.failures, std::vector<StreamId>{huge});
  // Later there is memory again.
  limit = 50;
  StreamId again = run.add(20, 20);
  run.runAll();
  EXPECT_TRUE(run.ends.contains(again));
}

// Test: a step may be planned before the token of the step in front is known; a stream that was preempted meanwhile is
// computed again with the token, and not told of its old pages.
TEST(Scheduler, PlansBeforeTokensAreKnown) {
  ToyPages pages(ToyPages::small(16, 2));
  Scheduler scheduler(pages.manager, of(2, 16));
  auto start = [&](StreamId id, std::vector<int32_t> prompt) {
    StreamStart stream;
    stream.id = stream.group = id;
    stream.prompt = std::move(prompt);
    scheduler.add(std::move(stream));
  };
  start(1, {5, 6, 7});
  StepPlan first = scheduler.next();
  ASSERT_EQ(first.parts.size(), 1u);
  EXPECT_TRUE(first.parts[0].isLast);
  pages.manager.extend(first.parts[0].sequence, 3);
  // Without a token to come there is nothing to do.
  EXPECT_TRUE(scheduler.next().parts.empty());
  scheduler.expect(1);
  StepPlan second = scheduler.next();
  ASSERT_EQ(second.parts.size(), 1u);
  EXPECT_EQ(second.parts[0].position, 3u);
  EXPECT_EQ(std::vector<int32_t>(second.parts[0].tokens.begin(), second.parts[0].tokens.end()),
            std::vector<int32_t>{kChosenToken});
  EXPECT_TRUE(second.parts[0].isLast);
  pages.manager.extend(second.parts[0].sequence, 1);
  scheduler.confirm(first.parts[0]);
  scheduler.append(1, 8);
  EXPECT_EQ(pages.manager.knownLength(first.parts[0].sequence), 3u);
  scheduler.confirm(second.parts[0]);
  EXPECT_EQ(pages.manager.knownLength(first.parts[0].sequence), 4u);
  // What has ended is not told.
  scheduler.remove(1);
  scheduler.confirm(second.parts[0]);
  EXPECT_TRUE(scheduler.next().parts.empty());
  pages.manager.checkAccounts();
}

// Test: beside few streams that generate, prompts get a few tokens of a step; beside many they get as many as these.
TEST(Scheduler, PromptsGrowWithThoseWhoGenerate) {
  SchedulerOptions options = of(16, 200, 100);
  options.promptTokens = 5;
  Simulation run(Simulation::cache(400, 16), options);
  run.add(2, 60);
  run.step();
  run.add(25, 4);
  run.step();
  EXPECT_EQ(run.plan.tokens, 1u + 5);
  for (int i = 0; i < 12; ++i)
    run.add(1, 60);
  for (int i = 0; i < 12; ++i)
    run.step();
  ASSERT_EQ(run.plan.singles, 13u);
  run.add(150, 4);
  run.step();
  EXPECT_EQ(run.plan.tokens, 13u + 13);
}

// Test: prompts that would come too late get all that a step may have, until few are left.
TEST(Scheduler, LatePromptsGetMore) {
  SchedulerOptions options = of(4, 40, 30);
  options.promptTokens = 1;
  Simulation run(Simulation::cache(4000, 4), options);
  run.add(1, 100);
  run.step();
  run.add(20, 1);
  run.step();
  EXPECT_EQ(run.plan.tokens, 1u + 1);
  for (int i = 0; i < 15; ++i)
    run.add(20, 1);
  for (uint64_t left = 319; left > kInTimeSteps + 30; left -= 29) {
    run.step();
    EXPECT_EQ(run.plan.tokens, 30u);
  }
  run.runAll();
}

TEST(Scheduler, Refusals) {
  ToyPages pages(ToyPages::small(16, 2));
  EXPECT_NE(errorOf([&] { Scheduler scheduler(pages.manager, of(3, 10)); }).find("rows for 1 to 2"), std::string::npos);
  EXPECT_NE(errorOf([&] { Scheduler scheduler(pages.manager, of(2, 10, 2)); }).find("at least 3"), std::string::npos);
}

namespace {

struct LoadCase {
  const char *name;
  uint32_t seed;
  uint64_t pages;
  uint32_t rows, stepTokens, mixedTokens;
};

class SchedulerLoad : public testing::TestWithParam<LoadCase> {};

} // namespace

INSTANTIATE_TEST_SUITE_P(Cases, SchedulerLoad,
                         testing::Values(LoadCase{"Plenty", 1, 1000, 16, 64, 32}, LoadCase{"Small", 2, 40, 8, 32, 16},
                                         LoadCase{"Tiny", 3, 26, 6, 7, 7}, LoadCase{"OneRow", 4, 30, 1, 16, 16},
                                         LoadCase{"ManyRows", 5, 64, 40, 128, 48}),
                         [](const auto &info) { return std::string(info.param.name); });

// Test: hundreds of requests of all kinds, which arrive and are cancelled at any step, end with what each says alone;
// none is lost, none waits for ever, and in each step everybody who generates and has pages computes a token.
TEST_P(SchedulerLoad, EverythingEndsAsAlone) {
  const LoadCase &load = GetParam();
  Simulation run(Simulation::cache(load.pages, load.rows), of(load.rows, load.stepTokens, load.mixedTokens));
  std::mt19937 random(load.seed);
  auto below = [&](size_t bound) { return size_t(random() % bound); };
  constexpr int kRequests = 300;
  int sent = 0;
  size_t cancelled = 0, streams = 0;
  uint64_t group = 0;
  std::vector<std::vector<int32_t>> prefixes;
  for (int i = 0; i < 4; ++i)
    prefixes.push_back(std::vector<int32_t>(size_t(8 + 8 * i), i));
  for (int step = 0; sent < kRequests || !run.scheduler.isEmpty(); ++step) {
    ASSERT_LT(step, 60000);
    while (sent < kRequests && below(3) == 0) {
      Simulation::Spec spec;
      if (below(2))
        spec.prompt = prefixes[below(prefixes.size())];
      for (size_t count = 1 + below(40); count > 0; --count)
        spec.prompt.push_back(int32_t(below(3)));
      // Everything fits into 25 pages.
      spec.newTokens = uint32_t(1 + below(100 - spec.prompt.size()));
      spec.priority = int32_t(below(5)) - 2;
      spec.salt = below(2);
      spec.isPrivate = below(10) == 0;
      spec.computesAll = below(10) == 0;
      spec.group = ++group;
      for (size_t samples = below(5) == 0 ? 3 : 1; samples > 0; --samples, ++streams) {
        run.add(spec);
        spec.computesAll = false;
      }
      ++sent;
    }
    std::vector<Scheduler::View> views = run.scheduler.views();
    if (!views.empty() && below(40) == 0) {
      run.cancel(views[below(views.size())].id);
      ++cancelled;
    }
    std::vector<StreamId> generating;
    std::optional<std::pair<int64_t, StreamId>> first;
    for (const Scheduler::View &view : run.scheduler.views()) {
      first = std::min(first.value_or(std::pair(view.rank, view.id)), std::pair(view.rank, view.id));
      if (view.isRunning && view.tokens > view.promptTokens && view.computed + 1 == view.tokens)
        generating.push_back(view.id);
    }
    bool worked = run.step();
    ASSERT_TRUE(worked || run.scheduler.isEmpty());
    // The stream of the lowest rank always goes on.
    if (first)
      EXPECT_TRUE(run.has(first->second));
    // All others generate, unless they lack pages or had to give up theirs.
    bool isShort = run.pagesLeft == 0 || !run.preempted.empty();
    for (StreamId id : generating)
      EXPECT_TRUE(run.has(id) || isShort) << "stream " << id;
    if (HasFailure())
      FAIL() << "step " << step;
  }
  EXPECT_EQ(run.ends.size() + cancelled, streams);
  EXPECT_TRUE(run.failures.empty());
  EXPECT_EQ(run.pages.manager.counts().used, 0u);
  EXPECT_GT(cancelled, 5u);
  EXPECT_GT(run.pages.manager.counts().hits, 100u);
  if (load.pages < 100 && load.rows > 1)
    EXPECT_GT(run.scheduler.numPreemptions(), 20u);
}

// Test: the same calls give the same decisions.
TEST(Scheduler, IsDeterministic) {
  auto trace = [] {
    Simulation run(Simulation::cache(30, 6), of(6, 20));
    std::mt19937 random(9);
    std::vector<std::pair<StreamId, size_t>> parts;
    for (int i = 0; i < 40; ++i)
      run.add(1 + random() % 30, 1 + random() % 20, int32_t(random() % 3));
    while (!run.scheduler.isEmpty() && run.step())
      for (const StepPart &part : run.plan.parts)
        parts.push_back({part.stream, part.sequence});
    return parts;
  };
  EXPECT_EQ(trace(), trace());
}
