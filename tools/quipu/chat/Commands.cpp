//===- Commands.cpp - What begins with a slash -------------------------------------------===//

#include "tools/quipu/chat/Commands.h"
#include "runtime/support/Error.h"
#include "tools/common/Suggestion.h"
#include "tools/quipu/chat/Repl.h"
#include "tools/quipu/chat/Report.h"
#include "tools/quipu/chat/Transcript.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace quipu::tool {

namespace {
struct Command {
  const char *name;
  /// What follows the name, as the help shows it; empty: nothing may follow.
  const char *argument;
  const char *help;
  void (*run)(Repl &repl, const std::string &argument);
  /// Another name, which the help does not show.
  const char *alias = "";
};
} // namespace

static std::span<const Command> commands();

static void help(Repl &repl, const std::string &) {
  std::string text;
  for (const Command &command : commands()) {
    std::string usage = concat("  /", command.name, *command.argument ? " " : "", command.argument);
    usage.resize(std::max<size_t>(usage.size(), 18), ' ');
    text += usage + command.help + "\n";
  }
  repl.note(text +
            "A line that ends with \\ goes on in the next one. \"\"\" begins and ends a message of several lines.\n"
            "// at the beginning of a message stands for /. Ctrl-C stops an answer, Ctrl-D leaves.");
}

static void system(Repl &repl, const std::string &argument) {
  if (argument.empty()) {
    std::string text = repl.chat.system();
    repl.note(text.empty() ? "there is no system message" : "system message: " + text);
    return;
  }
  bool isNone = argument == "\"\"";
  repl.chat.setSystem(isNone ? "" : argument);
  repl.note(isNone ? "the system message is gone" : "the system message is set");
}

static void reset(Repl &repl, const std::string &) {
  repl.chat.reset();
  repl.note("a new conversation begins");
}

static void undo(Repl &repl, const std::string &) {
  if (!repl.chat.undo())
    fail("/undo: there is no turn to take back");
  repl.note(concat("the last turn is taken back; ", countText(repl.chat.turns(), "turn"), " left"));
}

static void retry(Repl &repl, const std::string &) {
  Messages before = repl.chat.messages();
  if (!repl.chat.forgetAnswer())
    fail("/retry: there is no message to answer");
  repl.answer(before);
}

static void save(Repl &repl, const std::string &argument) {
  if (argument.empty())
    fail("/save: expected the name of a file: /save talk.json");
  saveTranscript(argument, repl.chat.messages());
  repl.note(concat("saved ", countText(repl.chat.turns(), "turn"), ": ", argument));
}

static void load(Repl &repl, const std::string &argument) {
  if (argument.empty())
    fail("/load: expected the name of a file that /save wrote: /load talk.json");
  repl.chat.setMessages(loadTranscript(argument));
  repl.note(concat("loaded ", countText(repl.chat.turns(), "turn"), ": ", argument));
}

static void tokens(Repl &repl, const std::string &argument) {
  if (!argument.empty() && argument != "ids")
    fail("/tokens: expected nothing or ids, found ", argument);
  repl.note(contextText(repl.chat));
  if (!argument.empty() && !repl.chat.messages().empty())
    repl.note(promptText(repl.chat.render(), repl.chat.promptIds()));
}

static void stats(Repl &repl, const std::string &) {
  if (!repl.lastAnswer)
    fail("/stats: there is no answer yet");
  repl.note(statisticsText(repl.chat, *repl.lastAnswer));
}

static void bye(Repl &repl, const std::string &) { repl.isOver = true; }

static std::span<const Command> commands() {
  static constexpr Command kCommands[] = {
      {"help", "", "List the commands", help, "?"},
      {"system", "[TEXT]", "Set the system message (\"\": none), or show it", system},
      {"reset", "", "Begin anew, with the same system message", reset},
      {"undo", "", "Take back the last turn", undo},
      {"retry", "", "Answer the last message again", retry},
      {"save", "FILE", "Write the conversation as JSON", save},
      {"load", "FILE", "Go on with a conversation that was saved", load},
      {"tokens", "[ids]", "Say how much of the context is used; what the model reads, with its ids", tokens},
      {"stats", "", "Say how fast the last answer was, and how much was reused", stats},
      {"bye", "", "Leave", bye, "exit"}};
  return kCommands;
}

std::vector<std::string> commandNames() {
  std::vector<std::string> names;
  for (const Command &command : commands())
    names.push_back(std::string("/") + command.name);
  return names;
}

void runCommand(Repl &repl, const std::string &line) {
  constexpr const char *kBlanks = " \t\n";
  std::string name = line.substr(0, line.find_first_of(kBlanks)), argument = line.substr(name.size());
  argument.erase(0, std::min(argument.find_first_not_of(kBlanks), argument.size()));
  argument.erase(argument.find_last_not_of(kBlanks) + 1);
  for (const Command &command : commands()) {
    if (name != command.name && (name != command.alias || name.empty()))
      continue;
    if (!*command.argument && !argument.empty())
      fail("/", command.name, " takes nothing, and ", argument, " follows");
    command.run(repl, argument);
    return;
  }
  std::string meant = didYouMean("/" + name, commandNames());
  fail("/", name, ": there is no such command", meant.empty() ? "; /help lists them" : meant,
       " (a message that begins with / is typed with //)");
}

} // namespace quipu::tool
