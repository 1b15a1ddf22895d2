//===- Results.cpp - What score says of samples, as JSON -----------------------------------===//

#include "tools/quipu/score/Results.h"

#include <charconv>
#include <cmath>

namespace quipu::tool {

using nlohmann::ordered_json;

static std::vector<size_t> scoredCounts(const Sample &sample) {
  std::vector<size_t> counts;
  for (const ScoredText &text : sample.texts)
    counts.push_back(text.scoredCount());
  return counts;
}

/// Completes a result whose `choices` are known.
static void prefer(const Sample &sample, SampleResult &result) {
  result.preferred = preferredChoices(result.choices, sample.choiceBytes, scoredCounts(sample));
}

SampleResult resultOf(const Sample &sample, const SampleScore &score) {
  SampleResult result;
  result.logProbabilities = score.texts[sample.answer];
  if (!sample.isQuestion())
    return result;
  for (const LogProbabilities &choice : score.texts)
    result.choices.push_back(sumOf(choice));
  prefer(sample, result);
  return result;
}

void Totals::add(const Sample &sample, const SampleResult &result) {
  averages.add(result.logProbabilities.size(), sumOf(result.logProbabilities));
  if (sample.isQuestion())
    accuracies.add(result.preferred, sample.answer);
}

/// The double with the shortest text that gives this float back.
static double shortest(float value) {
  char text[32];
  const char *end = std::to_chars(text, text + sizeof(text), value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

ordered_json sampleJson(const Sample &sample, const SampleResult &result, const DataFacts &facts) {
  double sum = sumOf(result.logProbabilities);
  size_t tokens = result.logProbabilities.size();
  ordered_json line = {{"index", sample.index},
                       {"tokens", tokens},
                       {"logprob", sum},
                       {"loss", -sum / double(tokens)},
                       {"token_logprobs", ordered_json::array()},
                       {"weight_token_mean", double(tokens) / double(facts.scoredTokens)},
                       {"weight_sample_mean", 1 / double(facts.samples)}};
  for (float value : result.logProbabilities)
    line["token_logprobs"].push_back(shortest(value));
  if (!sample.isQuestion())
    return line;
  line["choice"] = result.preferred.whole;
  line["correct"] = result.preferred.whole == sample.answer;
  line["choice_norm"] = result.preferred.byBytes;
  line["choice_tokens"] = result.preferred.byTokens;
  line["choice_logprobs"] = result.choices;
  return line;
}

std::optional<SampleResult> resultFromJson(const ordered_json &line, const Sample &sample) {
  try {
    SampleResult result;
    for (const ordered_json &value : line.at("token_logprobs"))
      result.logProbabilities.push_back(float(value.get<double>()));
    bool isSame = line.at("index").get<size_t>() == sample.index &&
                  result.logProbabilities.size() == sample.mainText().scoredCount();
    if (sample.isQuestion()) {
      result.choices = line.at("choice_logprobs").get<std::vector<double>>();
      isSame = isSame && result.choices.size() == sample.texts.size();
    }
    if (!isSame)
      return std::nullopt;
    if (sample.isQuestion())
      prefer(sample, result);
    return result;
  } catch (const ordered_json::exception &) {
    return std::nullopt;
  }
}

ordered_json meansJson(const LossAverages &averages, double perplexity) {
  return {{"samples", averages.samples()},
          {"tokens", averages.tokens()},
          {"loss_token_mean", averages.tokenMean()},
          {"loss_sample_mean", averages.sampleMean()},
          {"perplexity", perplexity}};
}

ordered_json totalJson(const Totals &totals, const DataFacts &facts) {
  ordered_json total = meansJson(totals.averages, std::exp(totals.averages.tokenMean()));
  if (totals.accuracies.questions() > 0) {
    total["accuracy"] = totals.accuracies.whole();
    total["accuracy_norm"] = totals.accuracies.byBytes();
    total["accuracy_tokens"] = totals.accuracies.byTokens();
  }
  total["skipped"] = facts.skipped;
  if (facts.packs > 0) {
    total["packs"] = facts.packs;
    total["filling"] = facts.filling();
  }
  return {{"total", std::move(total)}};
}

} // namespace quipu::tool
