//===- Text.cpp - quipu score --text -------------------------------------------------------===//

#include "runtime/score/Averages.h"
#include "runtime/score/Windows.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/score/Results.h"
#include "tools/quipu/score/ScoreCommand.h"

#include <cmath>

namespace quipu::tool {

/// What is said of a text for people.
static std::string textReport(size_t tokens, size_t windows, size_t length, size_t stride, const LossAverages &averages,
                              double loss) {
  std::string text = concat(tokens, " tokens in ", windows, windows == 1 ? " window" : " windows", " of at most ",
                            length, ", ", stride, " tokens apart; ", averages.tokens(), " scored\n\n",
                            "| mean | loss (nats a token) | perplexity |\n| --- | ---: | ---: |\n");
  auto row = [&](const char *name, double value) {
    text += concat("| ", name, " | ", fixed(value, 6), " | ", fixed(std::exp(value), 4), " |\n");
  };
  row("over windows, by their tokens (transformers' guide)", loss);
  row("over tokens", averages.tokenMean());
  row("over windows", averages.sampleMean());
  return text;
}

int ScoreCommand::scoreText() {
  ModelOptions options = model.options();
  std::string name = textPath == "-" ? "standard input" : textPath;
  std::string text = readText(textPath, kMostBytes, "divide it into several files");
  std::unique_ptr<Tokenizer> tokenizer;
  std::shared_ptr<const PlanFile> opened = openPlan(tokenizer);
  std::vector<int32_t> ids;
  try {
    ids = tokenizer->encode(text, special());
  } catch (const Error &error) {
    fail(name, ": ", error.what());
  }
  if (ids.size() < 2)
    fail(name, ": has ", ids.size(), ids.size() == 1 ? " token" : " tokens",
         ", and the first token of a text has nothing in front of it; give a longer text");
  uint64_t length = opened->plan().kv_cache()->max_seq(), step = stride.value_or(length);
  if (step > length)
    fail("--stride ", step, ": windows have ", length, " tokens (", opened->path(),
         ", --max-seq), so tokens between them would be left out; take at most ", length);
  std::vector<Window> windows = slidingWindows(ids.size(), length, step);
  std::vector<Sample> samples;
  std::vector<size_t> lengths;
  for (const Window &window : windows) {
    samples.push_back({.index = samples.size(), .texts = {textOf(window, ids)}});
    lengths.push_back(window.end - window.begin);
  }
  std::vector<LogProbabilities> scores;
  LossAverages averages;
  runGroups(opened, options, samples, groupsOf(*opened, lengths), 0, chunk, [&](size_t, const SampleScore &score) {
    scores.push_back(score.texts[0]);
    if (!scores.back().empty())
      averages.add(scores.back().size(), sumOf(scores.back()));
  });
  double loss = guideLoss(windows, scores);
  if (json)
    out().write(jsonText({{"total", meansJson(averages, std::exp(loss))}}, -1) + "\n");
  else
    out().write(textReport(ids.size(), windows.size(), length, step, averages, loss));
  out().flush();
  return 0;
}

} // namespace quipu::tool
