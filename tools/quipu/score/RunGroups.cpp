//===- RunGroups.cpp - Which texts run together, and running them --------------------------===//

#include "runtime/core/Device.h"
#include "runtime/score/Scorer.h"
#include "runtime/support/Error.h"
#include "runtime/support/Progress.h"
#include "runtime/support/RoundUp.h"
#include "tools/common/Console.h"
#include "tools/quipu/Memory.h"
#include "tools/quipu/score/ScoreCommand.h"

#include <algorithm>
#include <chrono>

namespace quipu::tool {

/// Rows of the largest launch of the plan.
static size_t launchRows(const plan::Plan &plan) {
  uint32_t most = 1;
  for (const plan::Program *program : *plan.programs())
    most = std::max(most, program->max_rows());
  return most;
}

void ScoreCommand::checkBatch(const PlanFile &file) const {
  size_t sequences = file.plan().kv_cache()->max_batch();
  if (batch && *batch > sequences)
    fail("--batch ", *batch, ": ", file.path(), " was compiled for at most ", sequences,
         " sequences at once; compile it "
         "with --max-batch ",
         *batch, ", or take a smaller batch");
}

std::vector<TextGroup> ScoreCommand::groupsOf(const PlanFile &file, std::span<const size_t> lengths) const {
  checkBatch(file);
  size_t sequences = file.plan().kv_cache()->max_batch();
  return groupTexts(lengths, batch.value_or(sequences), batch ? SIZE_MAX : launchRows(file.plan()));
}

/// Slots of the cache that a group fills.
static uint64_t cacheTokens(const TextGroup &group, std::span<const size_t> lengths, uint64_t page) {
  uint64_t tokens = 0;
  for (size_t text : group)
    tokens += roundUp(lengths[text], page);
  return tokens;
}

void runGroups(const std::shared_ptr<const PlanFile> &file, const ModelOptions &options,
               std::span<const Sample> samples, std::span<const TextGroup> groups, size_t begin, uint32_t chunk,
               const std::function<void(size_t sample, const SampleScore &score)> &done) {
  std::vector<size_t> lengths;
  for (const Sample &sample : samples)
    for (const ScoredText &text : sample.texts)
      lengths.push_back(text.ids.size());
  ModelOptions loading = options;
  for (const TextGroup &group : groups)
    loading.cacheTokens = std::max(loading.cacheTokens, cacheTokens(group, lengths, file->plan().kv_cache()->page()));
  std::shared_ptr<const Model> model = Model::load(file, loading);
  Session session(model);
  size_t total = 0, computed = 0;
  for (size_t length : lengths)
    total += length;
  auto start = std::chrono::steady_clock::now();
  Progress progress("score", total, Progress::Unit::Items, "token");
  scoreSamples(
      session, samples, groups, begin, done,
      [&](size_t tokens, bool wereComputed) {
        computed += wereComputed ? tokens : 0;
        progress.add(tokens);
      },
      StepOptions{chunk});
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::string line = concat(computed, " tokens in ", fixed(seconds, 2), " s, ", fixed(double(computed) / seconds, 1),
                            " tok/s, peak memory ", fixed(double(processMemory().peak) / 1048576, 0), " MiB");
  if (std::optional<MemoryInfo> memory = model->device().memoryInfo())
    line += concat(", GPU memory ", fixed(double(memory->total - memory->free) / 1048576, 0), " of ",
                   fixed(double(memory->total) / 1048576, 0), " MiB in use");
  printNote(line);
}

} // namespace quipu::tool
