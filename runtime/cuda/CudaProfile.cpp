//===- CudaProfile.cpp - How long each launch takes on a GPU -----------------------------===//
//
// Events in the stream, or in the graph, say when the GPU comes to them. A kernel that may begin before the one in
// front has ended (programmatic dependent launch) cannot have an event in front of it. So a step is measured in three
// ways:
//
//   whole     as it always runs: launches may overlap
//   apart     without dependent launch, and without events inside
//   observed  without dependent launch, with an event before and after each launch
//
// What whole is less than apart is time in which kernels overlap. Events take time too, and more of it inside of a
// graph: a kernel begins later behind an event than behind another kernel. What all launches together take longer
// observed than apart is taken off each of them, in equal shares.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/cuda/CudaDevice.h"
#include "runtime/cuda/CudaProgram.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

namespace quipu {

using namespace cuda;

namespace {

/// A recorded list that is destroyed with the object.
class OwnGraph {
public:
  explicit OwnGraph(GraphExec graph) : graph(graph) {}
  ~OwnGraph() { (void)Driver::get().graphExecDestroy.tryCall(graph); }
  OwnGraph(const OwnGraph &) = delete;
  OwnGraph &operator=(const OwnGraph &) = delete;

  void launch(Stream stream) const { Driver::get().graphLaunch(graph, stream); }

private:
  GraphExec graph;
};

/// Events that are destroyed with the object.
class Events {
public:
  explicit Events(size_t count) : events(count) {
    for (Event &event : events)
      Driver::get().eventCreate(&event, kEventDefault);
  }
  ~Events() {
    for (Event event : events)
      (void)Driver::get().eventDestroy.tryCall(event);
  }
  Events(const Events &) = delete;
  Events &operator=(const Events &) = delete;

  /// Enqueues the event. `isRecording`: into a graph that `stream` records.
  void record(size_t index, Stream stream, bool isRecording = false) const {
    if (isRecording)
      Driver::get().eventRecordWithFlags(events[index], stream, kEventRecordExternal);
    else
      Driver::get().eventRecord(events[index], stream);
  }
  double seconds(size_t from, size_t to) const {
    float milliseconds = 0;
    Driver::get().eventElapsed(&milliseconds, events[from], events[to]);
    return double(milliseconds) / 1e3;
  }

private:
  std::vector<Event> events;
};

/// Seconds of each of some runs, which follow each other at once, so that the GPU does not wait for the host.
std::vector<double> timeRuns(Stream stream, unsigned repeats, const std::function<void()> &enqueue) {
  Events events(repeats + 1);
  enqueue();
  for (unsigned run = 0; run <= repeats; ++run) {
    events.record(run, stream);
    if (run < repeats)
      enqueue();
  }
  Driver::get().streamSynchronize(stream);
  std::vector<double> seconds;
  for (unsigned run = 0; run < repeats; ++run)
    seconds.push_back(events.seconds(run, run + 1));
  return seconds;
}

/// Enqueues the launches one after the other. mark(i, isEnd) is called before and after each that has blocks.
void launchApart(
    CudaProgram &program, Stream stream, const std::vector<bool> &hasBlocks,
    const std::function<void(size_t, bool)> &mark = [](size_t, bool) {}) {
  for (size_t i = 0; i < program.size(); ++i) {
    if (!hasBlocks[i])
      continue;
    mark(i, false);
    (void)program.launch(i, stream, /*dependent=*/false);
    mark(i, true);
  }
}

double median(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds.empty() ? 0 : seconds[seconds.size() / 2];
}

/// When each launch began and ended in the last observed run, from events 2 * i and 2 * i + 1 of launch i. `apart`:
/// seconds of the same launches without events.
void appendSpans(const Events &events, const std::vector<bool> &hasBlocks, double apart, ListTimes &times) {
  std::vector<size_t> numbers;
  double sum = 0;
  for (size_t i = 0; i < hasBlocks.size(); ++i)
    if (hasBlocks[i]) {
      numbers.push_back(i);
      sum += events.seconds(2 * i, 2 * i + 1);
    }
  double eventSeconds = std::max(0.0, (sum - apart) / double(std::max<size_t>(numbers.size(), 1)));
  for (size_t i : numbers) {
    double begin = events.seconds(2 * numbers.front(), 2 * i);
    times.launches[i].push_back({begin, begin + std::max(0.0, events.seconds(2 * i, 2 * i + 1) - eventSeconds)});
  }
  times.observed.push_back(numbers.empty() ? 0 : events.seconds(2 * numbers.front(), 2 * numbers.back() + 1));
}

} // namespace

ListTimes CudaDevice::profile(LaunchList &list, const int64_t *dims, const ProfileSetting &setting) {
  use();
  ListTimes times;
  if (setting.counters)
    times.countersProblem = "a GPU's counters need NVIDIA's profilers (ncu)";
  // A list that repeats is recorded when it runs for the second time.
  enqueue(list, dims, nullptr);
  enqueue(list, dims, nullptr);
  times.whole = timeRuns(stream, setting.repeats, [&] { enqueue(list, dims, nullptr); });

  std::lock_guard<std::mutex> lock(mutex);
  auto &program = static_cast<CudaProgram &>(*list.prepared);
  program.setDims(dims);
  times.launches.resize(program.size());
  std::vector<bool> hasBlocks;
  for (const Launch &launch : list.launches)
    hasBlocks.push_back(gridBlocks(launch, dims) > 0);
  Events events(2 * program.size());
  auto apart = [&](Stream target) { launchApart(program, target, hasBlocks); };
  auto observed = [&](Stream target, bool isRecording) {
    launchApart(program, target, hasBlocks,
                [&](size_t i, bool isEnd) { events.record(2 * i + isEnd, target, isRecording); });
  };
  std::function<void()> runApart = [&] { apart(stream); }, runObserved = [&] { observed(stream, false); };
  std::unique_ptr<OwnGraph> apartGraph, observedGraph;
  if (list.repeats) {
    apartGraph = std::make_unique<OwnGraph>(graphs->record(stream, apart));
    observedGraph = std::make_unique<OwnGraph>(graphs->record(stream, [&](Stream target) { observed(target, true); }));
    runApart = [&] { apartGraph->launch(stream); };
    runObserved = [&] { observedGraph->launch(stream); };
  }
  if (dependentLaunch)
    times.apart = timeRuns(stream, setting.repeats, runApart);
  double seconds = median(dependentLaunch ? times.apart : times.whole);
  runObserved();
  for (unsigned run = 0; run < setting.repeats; ++run) {
    // Events are used again in the next run.
    driver.streamSynchronize(stream);
    runObserved();
    driver.streamSynchronize(stream);
    appendSpans(events, hasBlocks, seconds, times);
  }
  return times;
}

} // namespace quipu
