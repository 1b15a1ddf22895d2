//===- EngineSteps.cpp - The host's work for a step of the engine ------------------------===//
//
// engine-steps PLAN STREAMS [LOAD [STEPS]]: lets an engine run so many streams at once for so many steps (1,000 if it
// is not given), or as many as the plan has positions for, and prints the seconds of the host for a step with all of
// them. Loaded with the driver of IdleCudaDriver.cpp it measures nothing but the host. LOAD:
//   plain      greedy streams (if it is not given)
//   penalties  with presence, frequency and repeat penalty
//   logprobs   greedy, with five log-probabilities for each token
//   prompts    greedy streams of 64 tokens behind prompts of 384, a new one for each that ends
//
//===----------------------------------------------------------------------------------===//

#include "runtime/core/Model.h"
#include "runtime/engine/Engine.h"
#include "tools/quipu/serve/SinkQueue.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iterator>
#include <mutex>
#include <string_view>

using namespace quipu;

namespace {

/// What the streams of a load ask for.
struct Load {
  const char *name;
  uint32_t promptTokens = 16;
  /// Of a stream. 0: as many as there are steps.
  uint32_t newTokens = 0;
  void (*ask)(Request &request) = [](Request &) {};
};

constexpr Load kLoads[] = {
    {"plain"},
    {.name = "penalties",
     .ask =
         [](Request &request) {
           request.sampling.presencePenalty = request.sampling.frequencyPenalty = 0.5f;
           request.sampling.base.repeatPenalty = 1.1f;
         }},
    {.name = "logprobs",
     .ask =
         [](Request &request) {
           request.logProbs = true;
           request.topLogProbs = 5;
         }},
    {.name = "prompts", .promptTokens = 384, .newTokens = 64},
};

/// Stands for the thread of a server that makes text of tokens: here it makes none.
class ServerThread {
public:
  void post(std::function<void()> work) {
    std::lock_guard<std::mutex> lock(mutex);
    posted.push_back(std::move(work));
    changed.notify_one();
  }
  /// Does what is posted until all is done.
  void runUntil(const std::function<bool()> &isDone) {
    while (!isDone()) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return !posted.empty(); });
      std::vector<std::function<void()>> taken = std::exchange(posted, {});
      lock.unlock();
      for (const std::function<void()> &work : taken)
        work();
    }
  }

private:
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::function<void()>> posted;
};

class Answer : public RequestSink {
public:
  explicit Answer(std::function<void()> whenEnded) : whenEnded(std::move(whenEnded)) {}

  bool onToken(uint32_t, const ScoredToken &) override { return true; }
  void onSampleEnd(const SampleEnd &) override {}
  void onEnd(const RequestUsage &) override { whenEnded(); }

private:
  std::function<void()> whenEnded;
};

double processSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

/// Runs so many streams for about `steps` steps. Token ids of prompts are below `vocab`, and differ by `seed`.
void runAll(Engine &engine, ServerThread &server, serve::SinkQueue &sinks, const Load &load, uint32_t vocab,
            uint32_t streams, uint32_t steps, uint32_t seed) {
  uint32_t tokens = load.newTokens ? load.newTokens : steps;
  uint32_t sent = 0, ended = 0, all = streams * std::max(steps / tokens, 1u);
  std::function<void()> submit = [&] {
    Request request;
    // No prompt begins as another one does.
    for (uint32_t j = 0; j < load.promptTokens; ++j)
      request.prompt.push_back(int32_t((seed + sent * 31 + j * 17) % vocab));
    ++sent;
    request.maxTokens = tokens;
    request.ignoreEos = true;
    request.sampling.base.temperature = 0;
    load.ask(request);
    auto whenEnded = [&] {
      ++ended;
      if (sent < all)
        submit();
    };
    engine.submit(std::move(request), sinks.defer(std::make_shared<Answer>(whenEnded)));
  };
  for (uint32_t i = 0; i < streams; ++i)
    submit();
  server.runUntil([&] { return ended == all; });
}

} // namespace

int main(int argc, char **argv) {
  uint32_t streams = argc > 2 ? uint32_t(strtoul(argv[2], nullptr, 10)) : 0,
           steps = argc > 4 ? uint32_t(strtoul(argv[4], nullptr, 10)) : 1000;
  const Load *load = std::ranges::find_if(
      kLoads, [&](const Load &each) { return std::string_view(each.name) == (argc > 3 ? argv[3] : "plain"); });
  if (streams == 0 || steps == 0 || load == std::end(kLoads)) {
    fprintf(stderr, "usage: engine-steps PLAN STREAMS [LOAD [STEPS]]; STREAMS and STEPS are at least 1, LOAD is plain, "
                    "penalties, logprobs or prompts\n");
    return 2;
  }
  try {
    ModelOptions options;
    options.weights = WeightSource::random(1);
    options.cacheTokens = uint64_t(streams) * 2048;
    EngineOptions engineOptions;
    engineOptions.keepPrefixes = true;
    ServerThread server;
    serve::SinkQueue sinks([&](std::function<void()> work) { server.post(std::move(work)); });
    engineOptions.afterEvents = [&] { sinks.flush(); };
    std::shared_ptr<const Model> model = Model::load(argv[1], options);
    uint32_t vocab = model->vocabSize(), room = model->maxSequenceLength() - load->promptTokens;
    Engine engine(model, engineOptions);
    runAll(engine, server, sinks, *load, vocab, streams, std::min(64u, room), 1);
    EngineStatus before = engine.status();
    double begin = processSeconds();
    runAll(engine, server, sinks, *load, vocab, streams, load->newTokens ? steps : std::min(steps, room), 7777);
    double seconds = processSeconds() - begin;
    EngineStatus after = engine.status();
    double ran = double(after.steps - before.steps);
    auto micros = [&](TimeHistogram EngineStatus::*times) {
      return 1e6 * ((after.*times).sumSeconds - (before.*times).sumSeconds) / ran;
    };
    printf(
        "%s, %u streams, %.0f steps: %.1f us of the processor for a step; %.1f us that the host worked, by the engine, "
        "%.1f of them to enqueue\n",
        load->name, streams, ran, 1e6 * seconds / ran, micros(&EngineStatus::hostTimes),
        micros(&EngineStatus::enqueueTimes));
  } catch (const Error &error) {
    fprintf(stderr, "engine-steps: %s\n", error.what());
    return 1;
  }
}
