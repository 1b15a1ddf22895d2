//===- Report.h - What is said about a conversation and its answers ---------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_REPORT_H
#define QUIPU_TOOLS_QUIPU_CHAT_REPORT_H

#include "tools/quipu/chat/Chat.h"

#include <string>
#include <vector>

namespace quipu::tool {

/// "45 prompt tokens: 33 reused, 12 computed at 99.0 tok/s; …".
std::string statisticsText(const Chat &chat, const ChatAnswer &answer);

/// Tokens of the conversation, and what is left of the context.
std::string contextText(const Chat &chat);

/// What does not fit: "the conversation has 70 tokens, and …".
std::string overfullText(const Chat &chat);

/// The text that the model reads, piece by piece, with what comes from messages marked, and its ids.
std::string promptText(const std::vector<ChatPiece> &pieces, const std::vector<int32_t> &ids);

/// "1 turn", "2 turns".
std::string countText(size_t count, const std::string &noun);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_REPORT_H
