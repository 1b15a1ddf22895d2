//===- Logits.cpp - quipu logits: raw logits for other programs --------------------------===//

#include "runtime/core/Error.h"
#include "runtime/core/Session.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/NpyFile.h"
#include "tools/quipu/PlanSource.h"

#include <memory>

namespace quipu::tool {

namespace {
struct LogitsCommand {
  PlanSource plan;
  ModelFlags model;
  std::vector<std::string> prompts;
  std::string output;
  bool all = false, verbose = false;
  uint32_t chunk = 0;

  int run();
};
} // namespace

int LogitsCommand::run() {
  std::vector<std::vector<int32_t>> ids;
  uint64_t rows = 0;
  for (const std::string &prompt : prompts) {
    ids.push_back(parseTokens("--prompt-tokens", prompt));
    rows += all ? ids.back().size() : 1;
  }
  ModelOptions options = model.options();
  std::shared_ptr<const Model> loaded = Model::load(plan.open(verbose), options);
  Session session(loaded);
  uint64_t vocab = loaded->vocabSize();
  bool oneRow = !all && ids.size() == 1;
  NpyFile file(output, oneRow ? std::vector<uint64_t>{vocab} : std::vector<uint64_t>{rows, vocab});
  std::vector<SequenceTokens> batch;
  for (const std::vector<int32_t> &tokens : ids)
    batch.push_back({session.addSequence(), tokens, all ? LogitsMode::All : LogitsMode::Last});
  StepOptions step;
  step.chunkRows = chunk;
  session.step(batch, [&](size_t, size_t, std::span<const float> row) { file.append(row); }, step);
  file.commit();
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
      ->required()
      ->allow_extra_args(false)
      ->type_name("IDS");
  command->add_flag("--all", state->all,
                    "Of every position, shape (T, V), instead of the last, shape (V,); the rows of a batch follow each "
                    "other");
  command->add_option("-o,--output", state->output, "File to write; - is standard output")->required();
  command->add_option("--chunk", state->chunk, "Tokens at once; 1: token by token (default: as many as the plan takes)")
      ->check(isPositiveCount());
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
