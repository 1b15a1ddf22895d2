//===- Logits.cpp - quipu logits: raw logits for other programs --------------------------===//

#include "runtime/core/Logits.h"
#include "runtime/core/Session.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "runtime/support/Progress.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/NpyFile.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/Prompt.h"

#include <algorithm>
#include <memory>

namespace quipu::tool {

namespace {
struct LogitsCommand {
  PlanSource plan;
  ModelFlags model;
  std::vector<std::string> prompts, promptFiles;
  std::string output;
  bool all = false, lockstep = false, verbose = false;
  uint32_t chunk = 0;

  int run();

private:
  using Prompts = std::vector<std::vector<int32_t>>;
  void runWhole(Session &session, const Prompts &ids, NpyFile &file, FiniteCheck &check) const;
  void runLockstep(Session &session, const Prompts &ids, NpyFile &file, FiniteCheck &check) const;
};
} // namespace

static uint64_t countTokens(const std::vector<std::vector<int32_t>> &prompts) {
  uint64_t count = 0;
  for (const std::vector<int32_t> &tokens : prompts)
    count += tokens.size();
  return count;
}

void LogitsCommand::runWhole(Session &session, const Prompts &ids, NpyFile &file, FiniteCheck &check) const {
  std::vector<SequenceTokens> batch;
  for (const std::vector<int32_t> &tokens : ids)
    batch.push_back({session.addSequence(), tokens, all ? LogitsMode::All : LogitsMode::Last});
  StepOptions step;
  step.chunkRows = chunk;
  // Without --all there is only one row, so no progress is shown.
  Progress progress("compute the logits", all ? countTokens(ids) : 0, Progress::Unit::Items, "row");
  auto take = [&](size_t part, size_t token, std::span<const float> row) {
    file.append(row);
    check.look(row, token, part);
    progress.add(1);
  };
  session.step(batch, take, step);
}

/// A step has one token of every sequence that has more tokens. So rows are computed in another order than they have in
/// the file.
void LogitsCommand::runLockstep(Session &session, const Prompts &ids, NpyFile &file, FiniteCheck &check) const {
  std::vector<SequenceId> sequences;
  size_t longest = 0;
  for (const std::vector<int32_t> &tokens : ids) {
    sequences.push_back(session.addSequence());
    longest = std::max(longest, tokens.size());
  }
  std::vector<std::vector<float>> rows(ids.size());
  Progress progress("compute the logits", longest, Progress::Unit::Items, "step");
  for (size_t i = 0; i < longest; ++i) {
    std::vector<SequenceTokens> batch;
    std::vector<size_t> owners;
    for (size_t j = 0; j < ids.size(); ++j)
      if (i < ids[j].size()) {
        bool wanted = all || i + 1 == ids[j].size();
        batch.push_back({sequences[j], std::span(ids[j]).subspan(i, 1), wanted ? LogitsMode::All : LogitsMode::None});
        owners.push_back(j);
      }
    session.step(batch, [&](size_t part, size_t, std::span<const float> row) {
      rows[owners[part]].insert(rows[owners[part]].end(), row.begin(), row.end());
      check.look(row, i, owners[part]);
    });
    progress.add(1);
  }
  for (const std::vector<float> &values : rows)
    file.append(values);
}

int LogitsCommand::run() {
  if (lockstep && chunk)
    throw UsageError("--lockstep takes one token of each sequence at a time; --chunk does not go with it");
  if (prompts.empty() && promptFiles.empty())
    throw UsageError("--prompt-tokens is required, or --prompt-tokens-file");
  Prompts ids;
  for (const std::string &prompt : prompts)
    ids.push_back(parseTokens("--prompt-tokens", prompt));
  for (const std::string &path : promptFiles)
    ids.push_back(readTokens(path));
  uint64_t rows = all ? countTokens(ids) : ids.size();
  ModelOptions options = model.options();
  // The output is checked before the work, and again when the files of the plan are known.
  plan.noteInputs();
  OutputFile target(output);
  std::shared_ptr<const PlanFile> opened = plan.open(verbose, model.device, model.verify);
  target.checkInputs();
  std::shared_ptr<const Model> loaded = Model::load(opened, options);
  Session session(loaded);
  uint64_t vocab = loaded->vocabSize();
  bool oneRow = !all && ids.size() == 1;
  NpyFile file(target, oneRow ? std::vector<uint64_t>{vocab} : std::vector<uint64_t>{rows, vocab});
  FiniteCheck check;
  if (lockstep)
    runLockstep(session, ids, file, check);
  else
    runWhole(session, ids, file, check);
  file.commit();
  // The file is written first: it shows where the numbers are not finite.
  check.require(loaded->plan());
  return 0;
}

void addLogits(CLI::App &program, Action &action) {
  auto state = std::make_shared<LogitsCommand>();
  CLI::App *command = program.add_subcommand("logits", "Write raw f32 logits as a NumPy file");
  command->footer("Example:\n  quipu logits story.qplan --prompt-tokens 1,403,407 --all -o logits.npy");
  state->plan.addOptions(*command);
  command
      ->add_option("--prompt-tokens", state->prompts,
                   "Token ids, as 1,2,3; given several times: sequences that run as one batch")
      ->allow_extra_args(false)
      ->type_name("IDS");
  command
      ->add_option("--prompt-tokens-file", state->promptFiles,
                   "The same from a file, with commas, blanks or line ends between them; - is standard input")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->add_flag("--all", state->all,
                    "Of every position, shape (T, V), instead of the last, shape (V,); the rows of a batch follow each "
                    "other");
  command->add_option("-o,--output", state->output, "File to write; - is standard output")
      ->required()
      ->type_name("FILE");
  addNumber(*command, "--chunk", state->chunk, "Tokens at once; 1: token by token (default: as many as the plan takes)",
            1);
  command->add_flag("--lockstep", state->lockstep, "One token of each sequence at a time, as when a batch generates");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
