//===- EngineStatus.cpp - What an engine is doing ----------------------------------------===//

#include "runtime/engine/EngineStatus.h"

#include <algorithm>

namespace quipu {

RequestSink::~RequestSink() = default;
void RequestSink::onPrompt(std::span<const ScoredToken>) {}

void TimeHistogram::add(double seconds) {
  ++counts[size_t(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin())];
  ++total;
  sumSeconds += seconds;
}

std::string_view finishReasonName(FinishReason reason) {
  switch (reason) {
  case FinishReason::Stop:
    return "stop";
  case FinishReason::Length:
    return "length";
  case FinishReason::Cancelled:
    return "cancelled";
  case FinishReason::Deadline:
    return "deadline";
  case FinishReason::Error:
    return "error";
  }
  return "";
}

std::string_view engineStateName(EngineState state) {
  switch (state) {
  case EngineState::Running:
    return "running";
  case EngineState::Draining:
    return "draining";
  case EngineState::Stopped:
    return "stopped";
  case EngineState::Dead:
    return "dead";
  }
  return "";
}

} // namespace quipu
