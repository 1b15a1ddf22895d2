//===- EngineSteps.cpp - The host's work for a step of the engine ------------------------===//
//
// engine-steps PLAN STREAMS [STEPS]: lets an engine run so many streams at once for so many steps (1,000 if it is not
// given), or as many as the plan has positions for, and prints the seconds of the host for a step with all of them.
// Loaded with the driver of IdleCudaDriver.cpp it measures nothing but the host.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/core/Model.h"
#include "runtime/engine/Engine.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>

using namespace quipu;

namespace {

constexpr uint32_t kPromptTokens = 16;

/// Keeps tokens, as a server does before another thread makes text of them.
class Queue : public RequestSink {
public:
  bool onToken(uint32_t, const ScoredToken &token) override {
    std::lock_guard<std::mutex> lock(mutex);
    tokens.push_back(token.token);
    return true;
  }
  void onSampleEnd(const SampleEnd &) override {}
  void onEnd(const RequestUsage &) override {
    std::lock_guard<std::mutex> lock(mutex);
    hasEnded = true;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return hasEnded; });
  }

private:
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int32_t> tokens;
  bool hasEnded = false;
};

double processSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

/// Runs requests of `tokens` new tokens to their end. Token ids of prompts are below `vocab`.
void runAll(Engine &engine, uint32_t vocab, uint32_t streams, uint32_t tokens, uint32_t seed) {
  std::vector<std::shared_ptr<Queue>> queues;
  for (uint32_t i = 0; i < streams; ++i) {
    Request request;
    for (uint32_t j = 0; j < kPromptTokens; ++j)
      request.prompt.push_back(int32_t((seed + i * kPromptTokens + j) % vocab));
    request.maxTokens = tokens;
    request.ignoreEos = true;
    request.sampling.base.temperature = 0;
    queues.push_back(std::make_shared<Queue>());
    engine.submit(std::move(request), queues.back());
  }
  for (const std::shared_ptr<Queue> &queue : queues)
    queue->wait();
}

} // namespace

int main(int argc, char **argv) {
  uint32_t streams = argc > 2 ? uint32_t(strtoul(argv[2], nullptr, 10)) : 0,
           steps = argc > 3 ? uint32_t(strtoul(argv[3], nullptr, 10)) : 1000;
  if (streams == 0 || steps == 0) {
    fprintf(stderr, "usage: engine-steps PLAN STREAMS [STEPS]; both are at least 1\n");
    return 2;
  }
  try {
    ModelOptions options;
    options.weights = WeightSource::random(1);
    options.cacheTokens = uint64_t(streams) * 2048;
    EngineOptions engineOptions;
    engineOptions.keepPrefixes = true;
    std::shared_ptr<const Model> model = Model::load(argv[1], options);
    uint32_t vocab = model->vocabSize(), room = model->maxSequenceLength() - kPromptTokens;
    Engine engine(model, engineOptions);
    runAll(engine, vocab, streams, std::min(64u, room), 1);
    EngineStatus before = engine.status();
    double begin = processSeconds();
    runAll(engine, vocab, streams, std::min(steps, room), 7777);
    double seconds = processSeconds() - begin;
    EngineStatus after = engine.status();
    double ran = double(after.steps - before.steps);
    printf("%u streams, %.0f steps: %.1f us of the processor for a step; %.1f us that the host worked, by the engine\n",
           streams, ran, 1e6 * seconds / ran, 1e6 * (after.hostTimes.sumSeconds - before.hostTimes.sumSeconds) / ran);
  } catch (const Error &error) {
    fprintf(stderr, "engine-steps: %s\n", error.what());
    return 1;
  }
}
