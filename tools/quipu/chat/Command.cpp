//===- Command.cpp - quipu chat: a conversation with a model -----------------------------===//

#include "tools/quipu/Command.h"
#include "runtime/chat/ChooseFormat.h"
#include "runtime/core/Session.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/SamplingFlags.h"
#include "tools/quipu/chat/Chat.h"
#include "tools/quipu/chat/Commands.h"
#include "tools/quipu/chat/HistoryFile.h"
#include "tools/quipu/chat/JsonMode.h"
#include "tools/quipu/chat/LineInput.h"
#include "tools/quipu/chat/Render.h"
#include "tools/quipu/chat/Repl.h"

#include <memory>
#include <utility>

namespace quipu::tool {

namespace {
struct ChatCommand {
  PlanSource plan;
  ModelFlags model;
  SamplingFlags sampling;
  std::string system, format, tokenizerFile, renderFile;
  bool json = false, printTokens = false, dropOldest = false, noHistory = false, verbose = false;

  int run();
  /// Throws UsageError for options that would change nothing.
  void check() const;
  std::unique_ptr<Tokenizer> loadTokenizer(const PlanFile &file) const;
  int talk(Chat &chat, const std::string &formatName) const;
};
} // namespace

std::unique_ptr<Tokenizer> ChatCommand::loadTokenizer(const PlanFile &file) const {
  std::unique_ptr<Tokenizer> tokenizer =
      tokenizerFile.empty() ? Tokenizer::fromPlan(file.plan(), file.path()) : loadTokenizerFile(tokenizerFile, file);
  if (!tokenizer)
    fail(file.path(), ": carries no tokenizer, and a conversation is text; give --tokenizer FILE");
  return tokenizer;
}

/// Reads from a person, or from a file or pipe.
int ChatCommand::talk(Chat &chat, const std::string &formatName) const {
  if (!canEdit()) {
    std::unique_ptr<LineInput> input = plainInput();
    return Repl(chat, *input, dropOldest, verbose).run();
  }
  std::unique_ptr<LineInput> input = editedInput(noHistory ? "" : defaultHistoryPath(), commandNames());
  Repl repl(chat, *input, dropOldest, verbose);
  repl.note(concat(plan.path(), ", ", formatName, ", ", chat.capacity(),
                   " tokens of context; /help lists commands, "
                   "Ctrl-D leaves"));
  return repl.run();
}

void ChatCommand::check() const {
  if (renderFile.empty()) {
    if (printTokens && !json)
      throw UsageError("--print-tokens goes with --json or --render; in a chat /tokens ids and --verbose show ids");
    return;
  }
  if (!system.empty())
    throw UsageError("--system goes with a chat, not with --render; give the file a message of the role system");
  const std::pair<const char *, bool> ofChats[] = {
      {"--json", json}, {"--drop-oldest", dropOldest}, {"--no-history", noHistory}};
  for (const auto &[name, isGiven] : ofChats)
    if (isGiven)
      throw UsageError(concat(name, " goes with a chat, not with --render, which runs nothing"));
}

int ChatCommand::run() {
  check();
  if (!renderFile.empty())
    return renderConversation(plan, {renderFile, format, tokenizerFile, printTokens});
  ModelOptions options = model.options();
  GenerateOptions generate = sampling.options();
  std::shared_ptr<const PlanFile> file = plan.open(verbose, model.device, model.verify);
  std::unique_ptr<Tokenizer> tokenizer = loadTokenizer(*file);
  ChatFormat chosen = chooseFormat(chatTemplatesOf(file->plan()), format, tokenizer.get(), file->path());
  // There is one sequence.
  options.cacheTokens = file->plan().kv_cache()->max_seq();
  Session session(Model::load(file, options), SessionOptions{.keepPrefixes = true});
  Chat chat(session, *tokenizer, chosen, generate);
  chat.setSystem(system);
  if (json)
    return runJsonMode(chat, {dropOldest, printTokens, verbose});
  return talk(chat, chosen.name());
}

void addChat(CLI::App &program, Action &action) {
  auto state = std::make_shared<ChatCommand>();
  CLI::App *command = program.add_subcommand("chat", "Talk with a model");
  command->footer(
      "Example:\n  quipu chat smollm2.qplan --system \"Answer in one sentence.\"\n\n"
      "In a chat /help lists the commands. Lines that were typed are kept in $XDG_STATE_HOME/quipu/chat_history.\n\n"
      "With --json a line of input is {\"role\": \"user\", \"content\": TEXT}, which goes on, or {\"messages\": "
      "[...]}, which\n"
      "begins anew. Each gets one line: {\"role\": \"assistant\", \"content\", \"tokens\", \"prompt_tokens\",\n"
      "\"reused_tokens\", \"finish_reason\": \"stop\" or \"length\"}. A line that cannot be answered changes nothing "
      "and\n"
      "gets {\"error\": {\"line\", \"message\"}}; the next lines are answered, and the exit status is 1.");
  state->plan.addOptions(*command);
  command->add_option("--system", state->system, "The system message")->type_name("TEXT");
  command
      ->add_option("--chat-template", state->format,
                   "One of the model's templates or of Quipu's by its name, or a file with one (default: the model's)")
      ->type_name("NAME|FILE");
  command->add_option("--tokenizer", state->tokenizerFile, kTokenizerHelp)->type_name("FILE");
  state->sampling.addOptions(*command, "Most new tokens of an answer; -1: until its end or the end of the context");
  command->add_flag("--drop-oldest", state->dropOldest,
                    "Drop the oldest turns, and say so, where the context is full (default: ask, or an error)");
  command->add_flag("--json", state->json, "Read and write a JSON object in each line");
  command->add_flag("--print-tokens", state->printTokens,
                    "With --json: the ids of prompt and answer too; with --render: ids in place of the text");
  command
      ->add_option("--render", state->renderFile,
                   "Print the text that the template makes of a JSON file with messages, and run nothing")
      ->type_name("FILE");
  command->add_flag("--no-history", state->noHistory, "Do not read and keep lines that were typed");
  command->add_flag("-v,--verbose", state->verbose,
                    "Show what the model reads, its ids, and statistics, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
