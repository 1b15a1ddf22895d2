//===- MetricsTest.cpp -------------------------------------------------------------------===//

#include "tools/quipu/serve/Metrics.h"

#include <gtest/gtest.h>

using namespace quipu;
using namespace quipu::serve;

// Test: buckets count what is not more than their bound, each with those below it, and names are written once.
TEST(MetricsTest, Text) {
  RequestMetrics metrics;
  RequestUsage usage;
  usage.promptTokens = 7;
  usage.newTokens = 100;
  usage.queueSeconds = 0.25;
  usage.firstTokenSeconds = 0.375;
  usage.totalSeconds = 2.375;
  metrics.requestEnded(usage, 60);
  usage.promptTokens = 1000000;
  metrics.requestEnded(usage, 60);
  // Without a token there is no time to it.
  usage.newTokens = 0;
  usage.firstTokenSeconds = 0;
  metrics.requestEnded(usage, 0);
  metrics.answered(200, false);
  metrics.answered(429, false);
  metrics.answered(200, true);
  EngineStatus status;
  status.running = 3;
  status.newTokens = 1234567890123;
  status.cache.pages = 8;
  status.cache.used = 2;
  status.tokenTimes.counts[2] = 5;
  status.tokenTimes.total = 5;
  status.tokenTimes.sumSeconds = 0.0078125;
  std::string text = metricsText(status, metrics.values(), 4, "a \"b\"\\\n");
  std::string label = "model_name=\"a \\\"b\\\"\\\\\\n\"";
  for (const std::string &line : {
           "vllm:num_requests_running{" + label + "} 3\n",
           "vllm:kv_cache_usage_perc{" + label + "} 0.25\n",
           "vllm:generation_tokens_total{" + label + "} 1234567890123\n",
           "vllm:request_prompt_tokens_bucket{" + label + ",le=\"5\"} 0\n",
           "vllm:request_prompt_tokens_bucket{" + label + ",le=\"10\"} 1\n",
           "vllm:request_prompt_tokens_bucket{" + label + ",le=\"+Inf\"} 3\n",
           "vllm:request_generation_tokens_bucket{" + label + ",le=\"100\"} 3\n",
           "vllm:request_max_num_generation_tokens_sum{" + label + "} 120\n",
           "vllm:request_prefill_time_seconds_sum{" + label + "} 0.25\n",
           "vllm:request_decode_time_seconds_sum{" + label + "} 4\n",
           "vllm:request_inference_time_seconds_sum{" + label + "} 4.25\n",
           "vllm:request_inference_time_seconds_count{" + label + "} 2\n",
           "vllm:time_per_output_token_seconds_bucket{" + label + ",le=\"0.001\"} 0\n",
           "vllm:time_per_output_token_seconds_bucket{" + label + ",le=\"0.0025\"} 5\n",
           "vllm:time_per_output_token_seconds_sum{" + label + "} 0.0078125\n",
           "quipu:http_answers_total{" + label + ",status=\"200\"} 2\n",
           "quipu:http_answers_cut_total{" + label + "} 1\n",
           "quipu:engine_state{" + label + ",state=\"running\"} 1\n",
       })
    EXPECT_NE(text.find("\n" + line), std::string::npos) << line << text;
  std::set<std::string> types;
  for (size_t at = 0; (at = text.find("# TYPE ", at)) != std::string::npos; at += 7)
    EXPECT_TRUE(types.insert(text.substr(at, text.find(' ', at + 7) - at)).second);
}
