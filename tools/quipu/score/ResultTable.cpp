//===- ResultTable.cpp - What score says of samples, for people ----------------------------===//

#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/score/Results.h"

#include <bit>
#include <cmath>
#include <map>

namespace quipu::tool {

/// With more samples than this the table has a row for all of about one length.
static constexpr size_t kMostRows = 20;

static std::string percent(double part) { return fixed(100 * part, 2) + " %"; }

static std::string counted(size_t count, const char *what) { return concat(count, " ", what, count == 1 ? "" : "s"); }

static std::string factLines(const std::vector<Sample> &samples, const DataFacts &facts) {
  std::string text = counted(facts.samples, "sample");
  if (facts.skipped > 0)
    text += concat("; ", facts.skipped, " more ", facts.skipped == 1 ? "was" : "were", " too long and skipped");
  text += concat("\n", facts.scoredTokens, " scored tokens of ", facts.tokens, "\n");
  if (facts.packs == 0)
    return text;
  size_t texts = 0;
  for (const Sample &sample : samples)
    texts += sample.texts.size();
  return text + concat(counted(facts.packs, "pack"), " of ", facts.packTokens,
                       " tokens, by first fit decreasing: ", percent(facts.filling()), " of the slots are filled (",
                       percent(facts.fillingAlone(texts)), " if each text had a pack for itself)\n");
}

static std::string meansTable(const LossAverages &averages) {
  std::string text = "\n| mean | loss (nats a token) | perplexity | weight of a sample |\n"
                     "| --- | ---: | ---: | --- |\n";
  auto row = [&](const char *name, double loss, const std::string &weight) {
    text += concat("| over ", name, " | ", fixed(loss, 6), " | ", fixed(std::exp(loss), 4), " | ", weight, " |\n");
  };
  row("tokens", averages.tokenMean(), concat("its scored tokens / ", averages.tokens()));
  row("samples", averages.sampleMean(), concat("1 / ", averages.samples()));
  return text;
}

static std::string accuracyTable(const Accuracies &accuracies) {
  return concat("\n| choice with the greatest | accuracy |\n| --- | ---: |\n| log-probability | ",
                percent(accuracies.whole()), " |\n| log-probability / bytes | ", percent(accuracies.byBytes()),
                " |\n| log-probability / tokens | ", percent(accuracies.byTokens()), " |\n");
}

static constexpr const char *kWeightColumns = " loss | weight in the mean over tokens | over samples |\n";

static std::string weightCells(const LossAverages &all, const LossAverages &part) {
  return concat(" | ", fixed(part.tokenMean(), 4), " | ", percent(all.tokenWeight(part.tokens())), " | ",
                percent(all.sampleWeight() * double(part.samples())), " |\n");
}

/// A row for each sample.
static std::string sampleTable(const std::vector<Sample> &samples, const std::vector<SampleResult> &results,
                               const LossAverages &all) {
  std::string text = concat("\n| line | scored tokens |", kWeightColumns, "| ---: | ---: | ---: | ---: | ---: |\n");
  for (size_t i = 0; i < samples.size(); ++i) {
    LossAverages own;
    own.add(results[i].logProbabilities.size(), sumOf(results[i].logProbabilities));
    text += concat("| ", samples[i].line, " | ", own.tokens(), weightCells(all, own));
  }
  return text;
}

/// A row for all samples of 1 token, of 2 to 3, of 4 to 7, and so on.
static std::string lengthTable(const std::vector<SampleResult> &results, const LossAverages &all) {
  std::map<int, LossAverages> ranges;
  for (const SampleResult &result : results)
    ranges[std::bit_width(result.logProbabilities.size())].add(result.logProbabilities.size(),
                                                               sumOf(result.logProbabilities));
  std::string text = concat("\n| scored tokens | samples |", kWeightColumns, "| ---: | ---: | ---: | ---: | ---: |\n");
  for (const auto &[width, range] : ranges) {
    size_t least = size_t(1) << (width - 1);
    text += concat("| ", least, least == 1 ? "" : concat(" to ", 2 * least - 1), " | ", range.samples(),
                   weightCells(all, range));
  }
  return text;
}

std::string resultTable(const std::vector<Sample> &samples, const std::vector<SampleResult> &results,
                        const Totals &totals, const DataFacts &facts) {
  std::string text = factLines(samples, facts) + meansTable(totals.averages);
  if (totals.accuracies.questions() > 0)
    text += accuracyTable(totals.accuracies);
  return text + (samples.size() <= kMostRows ? sampleTable(samples, results, totals.averages)
                                             : lengthTable(results, totals.averages));
}

} // namespace quipu::tool
