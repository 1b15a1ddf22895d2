//===- Data.cpp - quipu score --data -------------------------------------------------------===//

#include "runtime/chat/ChooseFormat.h"
#include "runtime/score/DataFile.h"
#include "runtime/score/Samples.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/score/MaskText.h"
#include "tools/quipu/score/ResultFile.h"
#include "tools/quipu/score/ScoreCommand.h"

#include <algorithm>

namespace quipu::tool {

std::optional<int32_t> ScoreCommand::endToken(const PlanFile &file, const Tokenizer &tokenizer) const {
  if (end == "off")
    return std::nullopt;
  if (std::optional<int32_t> id = tokenizer.eos())
    return id;
  const auto *ids = file.plan().config()->eos_token_ids();
  if (!ids || ids->size() == 0)
    fail(file.path(),
         ": neither its tokenizer nor its config has an end-of-text token to score behind a response; give "
         "--eos off");
  return ids->Get(0);
}

static LengthLimit lengthLimit(const PlanFile &file, const std::optional<uint64_t> &pack, bool skip) {
  uint64_t most = file.plan().kv_cache()->max_seq();
  std::string advice = "shorten it, or give --skip-long, which leaves such samples out and counts them";
  if (pack && *pack < most)
    return {*pack, concat("--pack ", *pack, " takes no longer sample; give a greater number, ", advice), skip};
  return {most, concat(file.path(), " was compiled for sequences of at most ", most, " tokens (--max-seq); ", advice),
          skip};
}

static std::vector<size_t> textLengths(const std::vector<Sample> &samples) {
  std::vector<size_t> lengths;
  for (const Sample &sample : samples)
    for (const ScoredText &text : sample.texts)
      lengths.push_back(text.ids.size());
  return lengths;
}

static DataFacts factsOf(const SampleSet &set) {
  DataFacts facts = {.samples = set.samples.size(), .skipped = set.skipped};
  for (const Sample &sample : set.samples) {
    facts.scoredTokens += sample.mainText().scoredCount();
    for (const ScoredText &text : sample.texts)
      facts.tokens += text.ids.size();
  }
  return facts;
}

template <typename Content> static bool hasLine(std::span<const DataLine> lines) {
  return std::ranges::any_of(lines, [](const DataLine &line) { return std::holds_alternative<Content>(line.content); });
}

void ScoreCommand::checkLines(std::span<const DataLine> lines, const std::string &name) const {
  bool pairs = hasLine<Pair>(lines), conversations = hasLine<Conversation>(lines), questions = hasLine<Question>(lines);
  struct {
    const char *option;
    bool isGiven, isUsed;
    const char *lines;
  } const options[] = {
      {"--chat-template", !chatTemplate.empty(), conversations, "conversations"},
      {"--mask-prompt off", maskPrompt != "on", pairs || conversations, "pairs and conversations"},
      {"--eos off", end != "on", pairs, "pairs"},
      {"--join apart", join != "whole", pairs || questions, "pairs and questions"},
      {"--parse-special", parseSpecial, pairs || questions, "pairs and questions"},
  };
  for (const auto &each : options)
    if (each.isGiven && !each.isUsed)
      throw UsageError(
          concat(each.option, " goes with ", each.lines, ", and no line of ", name, " is one; leave it out"));
}

/// The packs of all samples. Says so if the plan's number of sequences makes them emptier than they could be.
static std::vector<TextGroup> packsOf(const PlanFile &file, const std::vector<size_t> &lengths, uint64_t capacity) {
  size_t sequences = file.plan().kv_cache()->max_batch();
  std::vector<TextGroup> packs = packTexts(lengths, capacity, sequences);
  std::vector<TextGroup> free = packTexts(lengths, capacity, SIZE_MAX);
  if (free.size() < packs.size()) {
    size_t most = std::ranges::max_element(free, {}, &TextGroup::size)->size();
    printNote(concat(file.path(), " takes at most ", sequences, " sequences at once, so there are ", packs.size(),
                     " packs instead of ", free.size(), "; compile it with --max-batch ", most, " for those"));
  }
  return packs;
}

namespace {
/// Takes the results of samples as they come, and puts them where they were asked for.
class ResultWriter {
public:
  ResultWriter(const SampleSet &set, const DataFacts &facts, ResultFile *file, bool linesToOutput)
      : set(set), facts(facts), file(file), linesToOutput(linesToOutput) {}

  /// A result that the file has already.
  void addFound(const SampleResult &result) {
    totals.add(set.samples[results.size()], result);
    results.push_back(result);
  }

  void add(const SampleResult &result) {
    const Sample &sample = set.samples[results.size()];
    addFound(result);
    if (file || linesToOutput)
      write(sampleJson(sample, result, facts));
  }

  void finish(bool isInFile, bool asJson) {
    nlohmann::ordered_json total = totalJson(totals, facts);
    if (file && !isInFile)
      file->append(total);
    out().write(asJson ? jsonText(total, -1) + "\n" : resultTable(set.samples, results, totals, facts));
    out().flush();
  }

private:
  void write(const nlohmann::ordered_json &line) {
    if (file)
      return file->append(line);
    out().write(jsonText(line, -1) + "\n");
    out().flush();
  }

  const SampleSet &set;
  const DataFacts &facts;
  /// Null: there is none.
  ResultFile *file;
  bool linesToOutput;
  std::vector<SampleResult> results;
  Totals totals;
};
} // namespace

int ScoreCommand::scoreData() {
  bool asJson = json || output == "-";
  ModelOptions options = model.options();
  std::string name = dataPath == "-" ? "standard input" : dataPath;
  std::vector<DataLine> lines = readDataLines(readText(dataPath, kMostBytes, "divide it into several files"), name);
  checkLines(lines, name);
  plan.noteInputs();
  std::unique_ptr<Tokenizer> tokenizer;
  std::shared_ptr<const PlanFile> opened = openPlan(tokenizer);
  // Only conversations need a template, and only pairs an end.
  std::optional<ChatFormat> format;
  if (hasLine<Conversation>(lines))
    format = chooseFormat(chatTemplatesOf(opened->plan()), chatTemplate, tokenizer.get(), opened->path());
  if (format && format->endOfTurn().empty())
    printNote(concat(format->name(), ": no token of the tokenizer ends an answer in it, so ends are not scored"));
  TextEncoder encoder(*tokenizer, {.join = join == "whole" ? JoinTexts::Whole : JoinTexts::Apart,
                                   .special = special(),
                                   .maskPrompt = maskPrompt == "on",
                                   .end = hasLine<Pair>(lines) ? endToken(*opened, *tokenizer) : std::nullopt,
                                   .format = format});
  SampleSet set = makeSamples(lines, name, encoder, lengthLimit(*opened, pack, skipLong));
  // A wrong mask does not show in the numbers.
  for (const ScoredText &text : verbose ? set.samples[0].texts : std::vector<ScoredText>())
    printNote(concat(lineName(name, set.samples[0].line), ": ", maskText(*tokenizer, text)));
  DataFacts facts = factsOf(set);
  std::vector<size_t> lengths = textLengths(set.samples);
  std::vector<TextGroup> groups;
  if (pack) {
    checkBatch(*opened);
    std::vector<TextGroup> packs = packsOf(*opened, lengths, *pack);
    facts.packs = packs.size();
    facts.packTokens = *pack;
    groups = joinPacks(packs, batch.value_or(1), opened->plan().kv_cache()->max_batch());
  } else {
    groups = groupsOf(*opened, lengths);
  }
  std::unique_ptr<ResultFile> file;
  if (!output.empty() && output != "-")
    file = std::make_unique<ResultFile>(output,
                                        resultHeader(set.samples, opened->payloadHash(),
                                                     model.weights.empty() ? "files" : model.weights, pack.value_or(0),
                                                     batch.value_or(0)),
                                        set.samples, resume);
  ResultWriter writer(set, facts, file.get(), asJson);
  size_t found = file ? file->found().size() : 0;
  for (size_t i = 0; i < found; ++i)
    writer.addFound(file->found()[i]);
  if (found > 0)
    printNote(concat(output, ": has the results of ", found, " of ", facts.samples, " samples"));
  if (found < facts.samples)
    runGroups(opened, options, set.samples, groups, found, chunk,
              [&](size_t sample, const SampleScore &score) { writer.add(resultOf(set.samples[sample], score)); });
  writer.finish(file && file->isFinished(), asJson);
  return 0;
}

} // namespace quipu::tool
