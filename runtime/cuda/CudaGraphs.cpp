//===- CudaGraphs.cpp - Steps recorded as graphs -----------------------------------------===//

#include "runtime/cuda/CudaGraphs.h"
#include "runtime/core/ToolRange.h"

#include <algorithm>

namespace quipu {

using namespace cuda;

CudaGraphs::CudaGraphs() { Driver::get().streamCreate(&recorder, kStreamNonBlocking); }

CudaGraphs::~CudaGraphs() {
  while (!steps.empty())
    drop(steps.begin());
  (void)Driver::get().streamDestroy.tryCall(recorder);
}

void CudaGraphs::drop(std::list<Step>::iterator step) {
  if (step->graph)
    (void)Driver::get().graphExecDestroy.tryCall(step->graph);
  steps.erase(step);
}

void CudaGraphs::forget(const CudaProgram *program) {
  for (auto step = steps.begin(); step != steps.end();) {
    auto next = std::next(step);
    if (step->key.program == program)
      drop(step);
    step = next;
  }
}

size_t CudaGraphs::size() const {
  return size_t(std::count_if(steps.begin(), steps.end(), [](const Step &step) { return step.graph; }));
}

GraphExec CudaGraphs::record(Stream stream, const std::function<void(Stream)> &launch) {
  ToolRange range(RangeKind::Step, [] { return "record a graph"; });
  const Driver &driver = Driver::get();
  Graph graph = nullptr;
  driver.streamBeginCapture(recorder, kCaptureRelaxed);
  try {
    launch(recorder);
  } catch (...) {
    // After an error the stream would stay in recording, and be useless.
    if (driver.streamEndCapture.tryCall(recorder, &graph) == kSuccess && graph)
      (void)driver.graphDestroy.tryCall(graph);
    throw;
  }
  driver.streamEndCapture(recorder, &graph);
  GraphExec executable = nullptr;
  Result result = driver.graphInstantiate.tryCall(&executable, graph, 0);
  (void)driver.graphDestroy.tryCall(graph);
  if (result)
    failCall("cuGraphInstantiateWithFlags", result);
  driver.graphUpload(executable, stream);
  return executable;
}

void CudaGraphs::run(const CudaStepKey &key, Stream stream, const std::function<void(Stream)> &launch) {
  auto found = std::find_if(steps.begin(), steps.end(), [&](const Step &step) { return step.key == key; });
  if (found == steps.end()) {
    if (steps.size() == kMost)
      drop(std::prev(steps.end()));
    steps.push_front({key, nullptr});
    return launch(stream);
  }
  steps.splice(steps.begin(), steps, found);
  if (!found->graph)
    found->graph = record(stream, launch);
  Driver::get().graphLaunch(found->graph, stream);
}

} // namespace quipu
