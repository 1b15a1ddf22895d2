//===- Metrics.cpp - Numbers for Prometheus ------------------------------------------------===//

#include "tools/quipu/serve/Metrics.h"

#include <algorithm>
#include <sstream>

namespace quipu::serve {

void TokenHistogram::add(uint64_t tokens) {
  auto bucket = std::ranges::lower_bound(kBounds, tokens) - kBounds.begin();
  ++counts[size_t(bucket)];
  ++total;
  sum += tokens;
}

void RequestMetrics::requestEnded(const RequestUsage &usage, uint64_t longest) {
  std::lock_guard lock(mutex);
  current.promptTokens.add(usage.promptTokens);
  current.newTokens.add(usage.newTokens);
  current.longestSamples.add(longest);
  if (usage.newTokens == 0)
    return;
  current.prefillTimes.add(usage.firstTokenSeconds - usage.queueSeconds);
  current.decodeTimes.add(usage.totalSeconds - usage.firstTokenSeconds);
  current.inferenceTimes.add(usage.totalSeconds - usage.queueSeconds);
}

void RequestMetrics::answered(int status, bool isCut) {
  std::lock_guard lock(mutex);
  ++current.answers[status];
  current.cutAnswers += isCut;
}

RequestMetrics::Values RequestMetrics::values() const {
  std::lock_guard lock(mutex);
  return current;
}

namespace {

/// A label's value, with the escapes of the format.
std::string escaped(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (c == '\\' || c == '"')
      result += '\\';
    result += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return result;
}

class Writer {
public:
  explicit Writer(const std::string &model) : label("model_name=\"" + escaped(model) + "\"") {}

  void begin(const std::string &name, const char *type, const char *help) {
    stream << "# HELP " << name << ' ' << help << "\n# TYPE " << name << ' ' << type << '\n';
  }
  void sample(const std::string &name, double value, const std::string &labels = "") {
    stream << name << '{' << label << (labels.empty() ? "" : ",") << labels << "} " << number(value) << '\n';
  }
  void gauge(const std::string &name, const char *help, double value) {
    begin(name, "gauge", help);
    sample(name, value);
  }
  void counter(const std::string &name, const char *help, double value) {
    begin(name, "counter", help);
    sample(name, value);
  }
  template <typename Histogram>
  void histogram(const std::string &name, const char *help, const Histogram &values, double sum) {
    begin(name, "histogram", help);
    uint64_t below = 0;
    for (size_t i = 0; i < values.counts.size(); ++i) {
      below += values.counts[i];
      std::string bound = i < values.kBounds.size() ? number(double(values.kBounds[i])) : "+Inf";
      sample(name + "_bucket", double(below), "le=\"" + bound + "\"");
    }
    sample(name + "_sum", sum);
    sample(name + "_count", double(values.total));
  }
  void times(const std::string &name, const char *help, const TimeHistogram &values) {
    histogram(name, help, values, values.sumSeconds);
  }

  std::string text() const { return stream.str(); }

private:
  /// Whole numbers without an exponent, up to 2^53.
  static std::string number(double value) {
    std::ostringstream text;
    text.precision(17);
    if (value == double(int64_t(value)))
      text << int64_t(value);
    else {
      text.precision(9);
      text << value;
    }
    return text.str();
  }

  std::string label;
  std::ostringstream stream;
};

} // namespace

static void writeState(Writer &writer, const EngineStatus &engine, size_t connections) {
  const BlockCounts &cache = engine.cache;
  double used = cache.pages ? double(cache.used) / double(cache.pages) : 0;
  writer.gauge("vllm:num_requests_running", "Samples that have a sequence.", engine.running);
  writer.gauge("vllm:num_requests_waiting", "Samples that wait for a sequence.", engine.waiting);
  // Its name before vLLM 0.10, and after.
  writer.gauge("vllm:gpu_cache_usage_perc", "Share of the cache's pages that requests hold; 1 is all.", used);
  writer.gauge("vllm:kv_cache_usage_perc", "Share of the cache's pages that requests hold; 1 is all.", used);
  writer.gauge("quipu:running_limit", "Most samples that run at the same time.", engine.maxRunning);
  writer.gauge("quipu:waiting_limit", "Most samples that may wait.", engine.maxWaiting);
  writer.gauge("quipu:cache_pages", "Pages of the cache.", double(cache.pages));
  writer.gauge("quipu:cache_pages_used", "Pages that requests hold.", double(cache.used));
  writer.gauge("quipu:cache_pages_kept", "Pages kept for later requests that begin alike.", double(cache.kept));
  writer.gauge("quipu:stored_pages", "Pages of the cache in files (--kv-cache-dir).", double(engine.store.pages));
  writer.gauge("quipu:stored_bytes", "Bytes of these files.", double(engine.store.bytes));
  writer.gauge("quipu:connections", "Connections that are open.", double(connections));
  writer.begin("quipu:engine_state", "gauge", "1 for the state that the engine is in.");
  for (EngineState state : {EngineState::Running, EngineState::Draining, EngineState::Stopped, EngineState::Dead})
    writer.sample("quipu:engine_state", engine.state == state, "state=\"" + std::string(engineStateName(state)) + "\"");
}

static void writeCounters(Writer &writer, const EngineStatus &engine, const RequestMetrics::Values &requests) {
  writer.counter("vllm:num_preemptions_total", "Samples that gave their pages to others.", double(engine.preemptions));
  writer.counter("vllm:prompt_tokens_total", "Tokens of prompts.", double(engine.promptTokens));
  writer.counter("vllm:generation_tokens_total", "New tokens.", double(engine.newTokens));
  for (const char *name : {"vllm:gpu_prefix_cache", "vllm:prefix_cache"}) {
    writer.counter(std::string(name) + "_queries_total", "Tokens of prompts that were looked for in the cache.",
                   double(engine.promptTokens));
    writer.counter(std::string(name) + "_hits_total", "Tokens of prompts that were found there.",
                   double(engine.cachedTokens));
  }
  writer.begin("vllm:request_success_total", "counter", "Samples that ended, by the reason.");
  for (FinishReason reason : {FinishReason::Stop, FinishReason::Length})
    writer.sample("vllm:request_success_total", double(engine.ends[size_t(reason)]),
                  "finished_reason=\"" + std::string(finishReasonName(reason)) + "\"");
  writer.begin("quipu:samples_ended_total", "counter", "Samples that ended, by the reason.");
  for (FinishReason reason :
       {FinishReason::Stop, FinishReason::Length, FinishReason::Cancelled, FinishReason::Deadline, FinishReason::Error})
    writer.sample("quipu:samples_ended_total", double(engine.ends[size_t(reason)]),
                  "reason=\"" + std::string(finishReasonName(reason)) + "\"");
  writer.counter("quipu:cache_evictions_total", "Kept pages whose room was taken.", double(engine.cache.evictions));
  writer.counter("quipu:stored_pages_written_total", "Pages that were written to files.", double(engine.store.saved));
  writer.counter("quipu:stored_pages_read_total", "Pages that were read from files.", double(engine.store.loaded));
  writer.counter("quipu:stored_pages_dropped_total", "Pages that the disk was too slow for, or refused.",
                 double(engine.store.dropped));
  writer.counter("quipu:stored_pages_damaged_total", "Files that were not what they should be.",
                 double(engine.store.damaged));
  writer.counter("quipu:requests_total", "Prompts that the engine took.", double(engine.requests));
  writer.counter("quipu:refusals_total", "Prompts that the engine refused.", double(engine.refusals));
  writer.counter("quipu:computed_tokens_total", "Tokens that steps computed.", double(engine.computedTokens));
  writer.counter("quipu:steps_total", "Steps of the engine.", double(engine.steps));
  writer.begin("quipu:http_answers_total", "counter", "Answers of HTTP, by their status.");
  for (const auto &[status, count] : requests.answers)
    writer.sample("quipu:http_answers_total", double(count), "status=\"" + std::to_string(status) + "\"");
  writer.counter("quipu:http_answers_cut_total", "Answers that their client did not take to the end.",
                 double(requests.cutAnswers));
}

static void writeTimes(Writer &writer, const EngineStatus &engine, const RequestMetrics::Values &requests) {
  writer.times("vllm:time_to_first_token_seconds", "From a request to its first token.", engine.firstTokenTimes);
  // Its name before vLLM 0.11, and after.
  writer.times("vllm:time_per_output_token_seconds", "Between two tokens of a sample.", engine.tokenTimes);
  writer.times("vllm:inter_token_latency_seconds", "Between two tokens of a sample.", engine.tokenTimes);
  writer.times("vllm:e2e_request_latency_seconds", "From a request to its end.", engine.requestTimes);
  writer.times("vllm:request_queue_time_seconds", "From a request to its first step.", engine.queueTimes);
  writer.times("vllm:request_prefill_time_seconds", "From a request's first step to its first token.",
               requests.prefillTimes);
  writer.times("vllm:request_decode_time_seconds", "From a request's first token to its end.", requests.decodeTimes);
  writer.times("vllm:request_inference_time_seconds", "From a request's first step to its end.",
               requests.inferenceTimes);
  writer.times("quipu:step_seconds", "A step of the engine.", engine.stepTimes);
  writer.times("quipu:step_host_seconds", "Of a step what the engine's thread did but wait for the device.",
               engine.hostTimes);
  writer.times("quipu:step_enqueue_seconds", "Of that the time in which it gave the device a step that runs ahead.",
               engine.enqueueTimes);
  writer.histogram("vllm:request_prompt_tokens", "Tokens of a prompt.", requests.promptTokens,
                   double(requests.promptTokens.sum));
  writer.histogram("vllm:request_generation_tokens", "New tokens of a prompt.", requests.newTokens,
                   double(requests.newTokens.sum));
  writer.histogram("vllm:request_max_num_generation_tokens", "New tokens of a prompt's longest sample.",
                   requests.longestSamples, double(requests.longestSamples.sum));
}

std::string metricsText(const EngineStatus &engine, const RequestMetrics::Values &requests, size_t connections,
                        const std::string &model) {
  Writer writer(model);
  writeState(writer, engine, connections);
  writeCounters(writer, engine, requests);
  writeTimes(writer, engine, requests);
  return writer.text();
}

} // namespace quipu::serve
