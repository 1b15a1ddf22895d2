//===- Chat.cpp - A conversation with a model --------------------------------------------===//

#include "tools/quipu/chat/Chat.h"
#include "runtime/chat/ConversationIds.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu::tool {

static bool isUser(const ChatMessage &message) { return message.role == "user"; }
static bool isSystem(const ChatMessage &message) { return message.role == "system"; }

Messages withoutOldest(const Messages &messages, size_t turns) {
  if (turns == 0)
    return messages;
  // System messages at the front stay. What else comes before the first turn goes with it.
  auto first = std::ranges::find_if_not(messages, isSystem);
  auto kept = std::find_if(first, messages.end(), isUser);
  for (; turns > 0 && kept != messages.end(); --turns)
    kept = std::find_if(kept + 1, messages.end(), isUser);
  Messages result(messages.begin(), first);
  result.insert(result.end(), kept, messages.end());
  return result;
}

bool isCut(const ChatAnswer &answer) {
  return answer.summary.reason == StopReason::ContextFull || answer.summary.reason == StopReason::MaxTokens;
}

Chat::Chat(Session &session, const Tokenizer &tokenizer, const ChatFormat &format, const GenerateOptions &options)
    : tokenizer(tokenizer), format(format), options(options), session(session, tokenizer) {
  this->options.beginsText = true;
  this->options.ends = endOfTurnIds(tokenizer, format, session.model().config());
}

void Chat::setMessages(Messages messages) {
  conversation = std::move(messages);
  attempts = 0;
}

std::string Chat::system() const {
  return !conversation.empty() && isSystem(conversation.front()) ? conversation.front().content : "";
}

void Chat::setSystem(const std::string &text) {
  if (!conversation.empty() && isSystem(conversation.front()))
    conversation.erase(conversation.begin());
  if (!text.empty())
    conversation.insert(conversation.begin(), {"system", text});
}

void Chat::addUser(const std::string &text) {
  conversation.push_back({"user", text});
  attempts = 0;
}

size_t Chat::turns() const { return size_t(std::ranges::count_if(conversation, isUser)); }

bool Chat::undo() {
  auto last = std::find_if(conversation.rbegin(), conversation.rend(), isUser);
  if (last == conversation.rend())
    return false;
  conversation.erase(last.base() - 1, conversation.end());
  attempts = 0;
  return true;
}

bool Chat::forgetAnswer() {
  auto last = std::find_if(conversation.rbegin(), conversation.rend(), isUser);
  if (last == conversation.rend())
    return false;
  conversation.erase(last.base(), conversation.end());
  ++attempts;
  return true;
}

void Chat::reset() { setMessages({conversation.begin(), std::ranges::find_if_not(conversation, isSystem)}); }

std::vector<ChatPiece> Chat::render() const { return format.render(conversation, /*addGenerationPrompt=*/true); }

std::vector<int32_t> Chat::idsOf(const Messages &messages) const {
  std::vector<ChatPiece> pieces = format.render(messages, /*addGenerationPrompt=*/true);
  // The model would answer nothing at all, as if it were asked.
  if (pieces.empty())
    fail(format.name(), ": makes no text of this conversation, so the model would read nothing; use another template");
  return chatIds(tokenizer, pieces);
}

std::vector<int32_t> Chat::promptIds() const { return idsOf(conversation); }

uint32_t Chat::wantedRoom() const {
  uint32_t most = std::max(capacity() / 4, 1u);
  return options.maxTokens ? std::min(options.maxTokens, most) : most;
}

std::optional<size_t> Chat::turnsToDrop(uint32_t room) const {
  std::optional<size_t> fitting;
  for (size_t count = 0; count < std::max<size_t>(turns(), 1); ++count) {
    uint64_t size = idsOf(withoutOldest(conversation, count)).size();
    if (size <= capacity())
      fitting = count;
    if (size + room <= capacity())
      break;
  }
  return fitting;
}

void Chat::dropOldest(size_t turns) { conversation = withoutOldest(conversation, turns); }

ChatAnswer Chat::answer(const ChatSink &sink) {
  GenerateOptions turn = options;
  // Each answer has random numbers of its own. They depend on the conversation alone, so that a conversation that is
  // given as a whole gets the same answer.
  constexpr uint64_t kAttempt = 1000003;
  turn.sampling.seed += (turns() - 1) + attempts * kAttempt;
  ChatAnswer answer = session.answer(promptIds(), turn, sink);
  conversation.push_back({"assistant", answer.text});
  return answer;
}

} // namespace quipu::tool
