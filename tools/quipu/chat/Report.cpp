//===- Report.cpp - What is said about a conversation and its answers --------------------===//

#include "tools/quipu/chat/Report.h"
#include "runtime/support/Error.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"

namespace quipu::tool {

std::string countText(size_t count, const std::string &noun) { return concat(count, " ", noun, count == 1 ? "" : "s"); }

std::string statisticsText(const Chat &chat, const ChatAnswer &answer) {
  const GenerateSummary &summary = answer.summary;
  return concat(countText(answer.promptTokens, "prompt token"), ": ", answer.reusedTokens, " reused, ",
                summary.promptTokens, " computed at ", fixed(summary.promptTokensPerSecond(), 1), " tok/s; ",
                countText(answer.tokens.size(), "new token"), " at ", fixed(summary.decodeTokensPerSecond(), 1),
                " tok/s; ", chat.cache().held().size(), " of ", chat.capacity(), " tokens of the context in use; seed ",
                chat.seed());
}

std::string contextText(const Chat &chat) {
  size_t size = chat.messages().empty() ? 0 : chat.promptIds().size();
  uint32_t capacity = chat.capacity();
  return concat(countText(chat.turns(), "turn"), ": ", size, " of ", capacity, " tokens, ",
                capacity > size ? capacity - size : 0, " left; ", chat.cache().held().size(), " in the cache");
}

std::string overfullText(const Chat &chat) {
  return concat("the context is full: the conversation has ", chat.promptIds().size(),
                " tokens, and the plan was compiled for ", chat.capacity());
}

std::string promptText(const std::vector<ChatPiece> &pieces, const std::vector<int32_t> &ids) {
  std::string text = "the model reads:\n";
  for (const ChatPiece &piece : pieces)
    text += concat("  ", piece.fromMessage ? "message  " : "template ", jsonText(piece.text, -1), "\n");
  return text + concat("  ", countText(ids.size(), "id"), ": ", joinTokens(ids));
}

} // namespace quipu::tool
