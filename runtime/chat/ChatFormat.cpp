//===- ChatFormat.cpp - How a model reads conversations ----------------------------------===//

#include "runtime/chat/ChatFormat.h"
#include "runtime/chat/BuiltInTemplates.h"
#include "runtime/chat/FormatRule.h"
#include "runtime/support/Error.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <mutex>

namespace quipu {

static constexpr std::string_view kLlamaTwo = "llama2";

static TokenTexts tokenTextsOf(const Tokenizer *tokenizer) {
  auto textOf = [&](std::optional<int32_t> id) { return id ? std::optional(tokenizer->piece(*id)) : std::nullopt; };
  return tokenizer ? TokenTexts{textOf(tokenizer->bos()), textOf(tokenizer->eos())} : TokenTexts();
}

static std::string nameOf(const ChatTemplate &source) {
  std::string origin = source.origin.empty() ? "chat template" : source.origin;
  return source.name == "default" || source.name.empty() ? origin : concat(origin, " '", source.name, "'");
}

/// Text behind the answer of a conversation that ends with it. Empty where the template refuses the conversation, or
/// does too much.
static std::string tailOf(const FormatRule &rule) {
  const ChatMessage probe[] = {{"user", "Question"}, {"assistant", "Answer"}};
  std::string tail;
  try {
    for (const MarkedText &text : rule.render(probe, /*addGenerationPrompt=*/false))
      for (const MarkedText::Run &run : text.runs())
        if (run.marks & kFromMessage)
          tail.clear();
        else
          tail += text.bytes().substr(run.begin, run.end - run.begin);
  } catch (const Error &) {
    return "";
  }
  return tail;
}

struct ChatFormat::TurnEnd {
  /// What tokens are spelled like.
  std::vector<std::string> spellings;
  std::once_flag isLearned;
  std::string text;

  void learn(const FormatRule &rule) {
    std::string tail = tailOf(rule);
    size_t first = std::string::npos;
    for (const std::string &spelling : spellings) {
      size_t found = tail.find(spelling);
      bool isBlank = spelling.find_first_not_of(" \t\r\n") == std::string::npos;
      bool isBetter = found < first || (found == first && spelling.size() > text.size());
      if (found != std::string::npos && !isBlank && isBetter) {
        first = found;
        text = spelling;
      }
    }
  }
};

const std::string &ChatFormat::endOfTurn() const {
  std::call_once(turnEnd->isLearned, [&] { turnEnd->learn(*rule); });
  return turnEnd->text;
}

ChatFormat::ChatFormat(const ChatTemplate &source, const Tokenizer *tokenizer)
    : ChatFormat(makeJinjaRule(source, nameOf(source), tokenTextsOf(tokenizer)), nameOf(source), tokenizer) {}

ChatFormat::ChatFormat(std::shared_ptr<const FormatRule> rule, std::string name, const Tokenizer *tokenizer)
    : rule(std::move(rule)), ownName(std::move(name)), turnEnd(std::make_shared<TurnEnd>()) {
  if (tokenizer)
    for (const Tokenizer::SpelledToken &token : tokenizer->spelledTokens())
      turnEnd->spellings.push_back(token.text);
}

std::optional<ChatFormat> ChatFormat::builtIn(std::string_view name, const Tokenizer *tokenizer) {
  std::string shown = concat("built-in template '", name, "'");
  if (name == kLlamaTwo)
    return ChatFormat(makeLlamaTwoRule(shown, tokenTextsOf(tokenizer)), shown, tokenizer);
  for (const BuiltInTemplate &known : builtInTemplates())
    if (name == known.name)
      return ChatFormat(makeJinjaRule({known.name, known.text, ""}, shown, tokenTextsOf(tokenizer)), shown, tokenizer);
  return std::nullopt;
}

std::vector<std::string> ChatFormat::builtInNames() {
  std::vector<std::string> names = {std::string(kLlamaTwo)};
  for (const BuiltInTemplate &known : builtInTemplates())
    names.emplace_back(known.name);
  std::ranges::sort(names);
  return names;
}

/// Answers are what the template says that it is, or else the content of assistants' messages with the end of the turn
/// that follows each.
static void markAnswers(MarkedText &text, const std::string &turnEnd) {
  std::vector<MarkedText::Run> runs = text.runs();
  if (std::ranges::any_of(runs, [](const MarkedText::Run &run) { return run.marks & kGenerated; }) || turnEnd.empty())
    return;
  for (size_t i = 1; i < runs.size(); ++i) {
    if (runs[i].marks || !(runs[i - 1].marks & kAnswer))
      continue;
    size_t found = std::string_view(text.bytes()).substr(0, runs[i].end).find(turnEnd, runs[i].begin);
    if (found != std::string::npos)
      text.mark(runs[i].begin, found + turnEnd.size(), kAnswer);
  }
}

static void appendPieces(const MarkedText &text, std::vector<ChatPiece> &pieces) {
  std::vector<MarkedText::Run> runs = text.runs();
  TextMarks answer = std::ranges::any_of(runs, [](const MarkedText::Run &run) { return run.marks & kGenerated; })
                         ? kGenerated
                         : kAnswer;
  bool isFirst = true;
  for (const MarkedText::Run &run : runs) {
    ChatPiece piece{text.bytes().substr(run.begin, run.end - run.begin), (run.marks & kFromMessage) != 0,
                    (run.marks & answer) != 0, isFirst};
    bool continues =
        !isFirst && pieces.back().fromMessage == piece.fromMessage && pieces.back().isAnswer == piece.isAnswer;
    if (continues)
      pieces.back().text += piece.text;
    else
      pieces.push_back(std::move(piece));
    isFirst = false;
  }
}

std::vector<ChatPiece> ChatFormat::render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const {
  if (messages.empty())
    fail(ownName, ": a conversation needs a message");
  std::vector<ChatPiece> pieces;
  for (MarkedText &text : rule->render(messages, addGenerationPrompt)) {
    markAnswers(text, endOfTurn());
    appendPieces(text, pieces);
  }
  return pieces;
}

} // namespace quipu
