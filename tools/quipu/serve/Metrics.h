//===- Metrics.h - Numbers for Prometheus -------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_METRICS_H
#define QUIPU_TOOLS_QUIPU_SERVE_METRICS_H

#include "runtime/engine/EngineStatus.h"
#include "runtime/engine/Request.h"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace quipu::serve {

/// Numbers of tokens in buckets.
struct TokenHistogram {
  static constexpr std::array<uint32_t, 17> kBounds = {1,    2,    5,    10,    20,    50,    100,    200,   500,
                                                       1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000};
  std::array<uint64_t, kBounds.size() + 1> counts = {};
  uint64_t total = 0, sum = 0;

  void add(uint64_t tokens);
};

/// What the server counts beside the engine. Any thread may call it.
class RequestMetrics {
public:
  /// `longest`: new tokens of its longest sample.
  void requestEnded(const RequestUsage &usage, uint64_t longest);
  /// An answer of HTTP.
  void answered(int status, bool isCut);

  struct Values {
    TokenHistogram promptTokens, newTokens, longestSamples;
    /// Of requests with a token: from their first step to it, from there to the end, and both.
    TimeHistogram prefillTimes, decodeTimes, inferenceTimes;
    std::map<int, uint64_t> answers;
    uint64_t cutAnswers = 0;
  };
  Values values() const;

private:
  mutable std::mutex mutex;
  Values current;
};

/// The text that Prometheus reads (version 0.0.4). No library writes it: Debian's prometheus-cpp has shared objects
/// alone, with which neither `quipu` nor its copies (--emit executable) would run where only a C library is. Names that
/// begin with "vllm:" are those of vLLM, which dashboards know, where they mean the same here. `connections`: open now.
std::string metricsText(const EngineStatus &engine, const RequestMetrics::Values &requests, size_t connections,
                        const std::string &model);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_METRICS_H
