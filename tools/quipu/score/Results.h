//===- Results.h - What score says of samples --------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SCORE_RESULTS_H
#define QUIPU_TOOLS_QUIPU_SCORE_RESULTS_H

#include "runtime/score/Averages.h"
#include "runtime/score/Choices.h"
#include "runtime/score/Sample.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// The result of a sample. A result file has all of it, so that a run can go on.
struct SampleResult {
  /// Of the sample's main text.
  LogProbabilities logProbabilities;
  /// Of a question: the sum of each choice, and what is preferred.
  std::vector<double> choices;
  Preferred preferred;
};

SampleResult resultOf(const Sample &sample, const SampleScore &score);

/// What is known of a whole file before anything is computed.
struct DataFacts {
  size_t samples = 0, skipped = 0;
  /// Ids of all texts, and those of them that are scored; of questions those of the right choices.
  size_t tokens = 0, scoredTokens = 0;
  /// With --pack: packs, and tokens that fit into one. 0: without.
  size_t packs = 0, packTokens = 0;

  /// The used part of all slots of the packs.
  double filling() const { return double(tokens) / (double(packs) * double(packTokens)); }
  /// The same if each text had a pack for itself.
  double fillingAlone(size_t texts) const { return double(tokens) / (double(texts) * double(packTokens)); }
};

/// The means of a file.
struct Totals {
  LossAverages averages;
  /// With questions.
  Accuracies accuracies;

  void add(const Sample &sample, const SampleResult &result);
};

/// A line of the results.
nlohmann::ordered_json sampleJson(const Sample &sample, const SampleResult &result, const DataFacts &facts);

/// The result that a line has. Nothing: it is not the line of this sample.
std::optional<SampleResult> resultFromJson(const nlohmann::ordered_json &line, const Sample &sample);

/// The last line: {"total": ...}.
nlohmann::ordered_json totalJson(const Totals &totals, const DataFacts &facts);

/// "loss_token_mean" and so on of a total, and its perplexity.
nlohmann::ordered_json meansJson(const LossAverages &averages, double perplexity);

/// The tables at the end. `results` has an entry for each sample.
std::string resultTable(const std::vector<Sample> &samples, const std::vector<SampleResult> &results,
                        const Totals &totals, const DataFacts &facts);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_SCORE_RESULTS_H
