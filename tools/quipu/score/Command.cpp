//===- Command.cpp - quipu score: how likely texts are -------------------------------------===//

#include "tools/quipu/Command.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/score/ScoreCommand.h"

namespace quipu::tool {

void ScoreCommand::check() const {
  if (dataPath.empty() == textPath.empty())
    throw UsageError("give one of --data FILE.jsonl (pairs, conversations, questions) and --text FILE (perplexity)");
  if (dataPath.empty()) {
    const std::pair<const char *, bool> ofData[] = {{"--pack", pack.has_value()},
                                                    {"--output", !output.empty()},
                                                    {"--resume", resume},
                                                    {"--skip-long", skipLong},
                                                    {"--mask-prompt", maskPrompt != "on"},
                                                    {"--eos", end != "on"},
                                                    {"--chat-template", !chatTemplate.empty()},
                                                    {"--join", join != "whole"}};
    for (const auto &[name, isGiven] : ofData)
      if (isGiven)
        throw UsageError(concat(name, " goes with --data, not with --text"));
  } else if (stride) {
    throw UsageError("--stride goes with --text, not with --data");
  }
  if (resume && (output.empty() || output == "-"))
    throw UsageError("--resume needs the file with the results so far: --output FILE");
}

std::shared_ptr<const PlanFile> ScoreCommand::openPlan(std::unique_ptr<Tokenizer> &tokenizer) const {
  std::shared_ptr<const PlanFile> file = plan.open(verbose, model.device, model.verify);
  tokenizer =
      tokenizerFile.empty() ? Tokenizer::fromPlan(file->plan(), file->path()) : loadTokenizerFile(tokenizerFile, *file);
  if (!tokenizer)
    fail(file->path(), ": carries no tokenizer, so texts cannot be read; give --tokenizer FILE");
  return file;
}

int ScoreCommand::run() {
  check();
  return dataPath.empty() ? scoreText() : scoreData();
}

static void addDataOptions(CLI::App &command, ScoreCommand &state) {
  const char *group = "With --data";
  command
      .add_option("-o,--output", state.output, "Write the results here, each as soon as it is known; - is as --json")
      ->type_name("FILE")
      ->group(group);
  command.add_flag("--resume", state.resume, "Go on with the file of --output behind the samples that it has")
      ->group(group);
  addNumber(command, "--pack", state.pack, "Run samples in packs of at most N tokens; no sample sees another", 2)
      ->group(group);
  command
      .add_flag("--skip-long", state.skipLong,
                "Leave out samples that are too long, and count them (default: an error)")
      ->group(group);
  auto isSwitch = CLI::IsMember({"on", "off"});
  command.add_option("--mask-prompt", state.maskPrompt, "off: the tokens of prompts are scored too")
      ->check(isSwitch)
      ->capture_default_str()
      ->group(group);
  command.add_option("--eos", state.end, "off: no end-of-text token behind a response")
      ->check(isSwitch)
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--chat-template", state.chatTemplate,
                  "One of the model's templates or of Quipu's by its name, or a file with one (default: the model's)")
      ->type_name("NAME|FILE")
      ->group(group);
  command
      .add_option("--join", state.join,
                  "whole: prompt and response are tokenised as one text. apart: each by itself, as some trainers do")
      ->check(CLI::IsMember({"whole", "apart"}))
      ->capture_default_str()
      ->group(group);
}

void addScore(CLI::App &program, Action &action) {
  auto state = std::make_shared<ScoreCommand>();
  CLI::App *command = program.add_subcommand("score", "How likely a model finds texts: loss, perplexity, choices");
  command->footer("Example:\n  quipu score story.qplan --data pairs.jsonl --pack 2048\n"
                  "  quipu score story.qplan --text held-out.txt --stride 256");
  state->plan.addOptions(*command);
  command
      ->add_option(
          "--data", state->dataPath,
          R"(JSON lines: {"prompt", "response"}, {"messages"} or {"context", "choices", "answer"}; - is standard input)")
      ->type_name("FILE");
  command->add_option("--text", state->textPath, "Perplexity of a text, in windows; - is standard input")
      ->type_name("FILE");
  addNumber(*command, "--stride", state->stride,
            "With --text: tokens from one window to the next (default: those of a window, so that none overlap)", 1);
  addNumber(*command, "--batch,-b", state->batch,
            "Samples, packs or windows in a step (default: as many as a launch of the plan has rows for)", 1);
  addNumber(*command, "--chunk", state->chunk, "Tokens at once (default: as many as the plan takes)", 1);
  command->add_flag("--parse-special", state->parseSpecial, kParseSpecialHelp);
  command->add_option("--tokenizer", state->tokenizerFile, kTokenizerHelp)->type_name("FILE");
  command->add_flag("--json", state->json, "One object for each sample, and the total; of --text the total alone");
  command->add_flag(
      "-v,--verbose", state->verbose,
      "Say what is compiled, and show the first sample's tokens with those that are scored, on standard error");
  addDataOptions(*command, *state);
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
