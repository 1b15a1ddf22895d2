//===- ScoreCommand.h - What quipu score was asked for ------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SCORE_SCORECOMMAND_H
#define QUIPU_TOOLS_QUIPU_SCORE_SCORECOMMAND_H

#include "runtime/core/Session.h"
#include "runtime/score/DataFile.h"
#include "runtime/score/Packing.h"
#include "runtime/score/Sample.h"
#include "runtime/text/Tokenizer.h"
#include "tools/quipu/PlanSource.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu::tool {

struct ScoreCommand {
  PlanSource plan;
  ModelFlags model;
  std::string dataPath, textPath, tokenizerFile, chatTemplate;
  /// Of --data.
  std::string output, maskPrompt = "on", end = "on", join = "whole";
  std::optional<uint64_t> pack;
  bool resume = false, skipLong = false;
  /// Of --text.
  std::optional<uint64_t> stride;
  std::optional<uint64_t> batch;
  uint32_t chunk = 0;
  bool parseSpecial = false, json = false, verbose = false;

  int run();

private:
  /// Throws UsageError for options that do not go together.
  void check() const;
  /// The same for options that concern no line of the data. `name`: the file in messages.
  void checkLines(std::span<const DataLine> lines, const std::string &name) const;
  /// Throws Error if the plan has not enough sequences for --batch.
  void checkBatch(const PlanFile &file) const;
  int scoreData();
  int scoreText();

  /// Opens the plan, and the tokenizer of --tokenizer or else of the plan.
  std::shared_ptr<const PlanFile> openPlan(std::unique_ptr<Tokenizer> &tokenizer) const;
  SpecialTokens special() const { return parseSpecial ? SpecialTokens::asTokens : SpecialTokens::asText; }
  /// The token behind a response. Nothing with --eos off. Throws Error if there is no such token.
  std::optional<int32_t> endToken(const PlanFile &file, const Tokenizer &tokenizer) const;
  /// The texts that run together, without --pack.
  std::vector<TextGroup> groupsOf(const PlanFile &file, std::span<const size_t> lengths) const;
};

/// The greatest size of a text or of a data file, in bytes.
inline constexpr size_t kMostBytes = size_t(4) << 30;

/// Loads the model with as much cache as the largest group needs, and scores the samples from number `begin` on.
/// `done`: as of scoreSamples(). Says on standard error how long it took.
void runGroups(const std::shared_ptr<const PlanFile> &file, const ModelOptions &options,
               std::span<const Sample> samples, std::span<const TextGroup> groups, size_t begin, uint32_t chunk,
               const std::function<void(size_t sample, const SampleScore &score)> &done);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_SCORE_SCORECOMMAND_H
