//===- ConversationIds.h - The tokens of a conversation ---------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_CONVERSATIONIDS_H
#define QUIPU_RUNTIME_CHAT_CONVERSATIONIDS_H

#include "runtime/chat/ChatFormat.h"
#include "runtime/text/Tokenizer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace quipu {

/// The ids of a rendered conversation. They are those of the whole text, except that the text of messages never spells
/// a special token, nor an added token that the template itself writes. BOS is put before them if the tokenizer puts it
/// before prompts and the template did not write it.
std::vector<int32_t> chatIds(const Tokenizer &tokenizer, std::span<const ChatPiece> pieces);

/// Ids, and for each whether it is part of an answer. An id counts if one byte of its text does.
struct ScoredChat {
  std::vector<int32_t> ids;
  std::vector<bool> isAnswer;
};
ScoredChat scoredChatIds(const Tokenizer &tokenizer, std::span<const ChatPiece> pieces);

/// The ids that end an answer: EOS of the plan's config, EOS of the tokenizer, and the format's end of turn. In order,
/// each once.
std::vector<int32_t> endOfTurnIds(const Tokenizer &tokenizer, const ChatFormat &format,
                                  const plan::ModelConfig &config);

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_CONVERSATIONIDS_H
