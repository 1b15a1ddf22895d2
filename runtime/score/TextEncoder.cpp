//===- TextEncoder.cpp - From texts to ids and masks ---------------------------------------===//

#include "runtime/score/TextEncoder.h"

#include "runtime/chat/ConversationIds.h"

#include <algorithm>

namespace quipu {

/// Number of ids at the front of both.
static size_t commonIds(const std::vector<int32_t> &a, const std::vector<int32_t> &b) {
  return size_t(std::ranges::mismatch(a, b).in1 - a.begin());
}

/// Scores all ids from `first` on, without the first of the text.
static ScoredText scoreFrom(std::vector<int32_t> ids, size_t first) {
  ScoredText text;
  text.ids = std::move(ids);
  text.scored.resize(text.ids.size());
  for (size_t i = std::max<size_t>(first, 1); i < text.ids.size(); ++i)
    text.scored[i] = true;
  return text;
}

std::vector<int32_t> TextEncoder::idsAtBegin(std::string_view text) const {
  std::vector<int32_t> ids = tokenizer.encodePlain(text, rules.special);
  if (tokenizer.addsBos() && (ids.empty() || ids.front() != *tokenizer.bos()))
    ids.insert(ids.begin(), *tokenizer.bos());
  return ids;
}

TextEncoder::Joined TextEncoder::join(const std::vector<int32_t> &promptIds, const std::string &prompt,
                                      const std::string &response) const {
  if (rules.join == JoinTexts::Whole) {
    std::vector<int32_t> ids = idsAtBegin(prompt + response);
    size_t common = commonIds(promptIds, ids);
    return {std::move(ids), common};
  }
  std::vector<int32_t> ids = promptIds, rest = tokenizer.encodePlain(response, rules.special);
  ids.insert(ids.end(), rest.begin(), rest.end());
  return {std::move(ids), promptIds.size()};
}

ScoredText TextEncoder::pair(const std::string &prompt, const std::string &response) const {
  Joined joined = join(idsAtBegin(prompt), prompt, response);
  // A text that was made by a template may spell its end.
  if (rules.end && (joined.ids.empty() || joined.ids.back() != *rules.end))
    joined.ids.push_back(*rules.end);
  return scoreFrom(std::move(joined.ids), rules.maskPrompt ? joined.promptIds : 0);
}

ScoredText TextEncoder::conversation(std::span<const ChatMessage> messages) const {
  ScoredChat chat = scoredChatIds(tokenizer, rules.format->render(messages, /*addGenerationPrompt=*/false));
  if (!rules.maskPrompt)
    return scoreFrom(std::move(chat.ids), 0);
  if (!chat.isAnswer.empty())
    chat.isAnswer[0] = false;
  return {std::move(chat.ids), std::move(chat.isAnswer)};
}

std::vector<ScoredText> TextEncoder::choices(const std::string &context,
                                             const std::vector<std::string> &choices) const {
  std::vector<int32_t> contextIds = idsAtBegin(context);
  std::vector<Joined> joined;
  size_t first = contextIds.size();
  for (const std::string &choice : choices) {
    joined.push_back(join(contextIds, context, choice));
    first = std::min(first, joined.back().promptIds);
  }
  std::vector<ScoredText> texts;
  for (Joined &each : joined)
    texts.push_back(scoreFrom(std::move(each.ids), first));
  return texts;
}

} // namespace quipu
