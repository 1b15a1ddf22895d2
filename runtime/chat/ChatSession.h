//===- ChatSession.h - Answers that reuse the cache of earlier ones ---------*- C++ -*-===//
//
// A conversation grows at its end, so the keys and values of what was said before stay right. What may be reused is
// decided by ids alone: a template may write earlier messages in another way, and the text of an answer may have other
// ids than those that the model chose. A session that keeps prefixes (SessionOptions) also finds earlier conversations.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CHAT_CHATSESSION_H
#define QUIPU_RUNTIME_CHAT_CHATSESSION_H

#include "runtime/text/Generate.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Number of ids at the front of `prompt` that a sequence with the ids `held` has already. At least one id of the
/// prompt is left, because its logits are wanted.
size_t reusableIds(std::span<const int32_t> held, std::span<const int32_t> prompt);

struct ChatAnswer {
  std::string text;
  /// Without the id that ended it.
  std::vector<int32_t> tokens;
  /// Ids of the whole conversation before the answer, and how many of them were not computed again.
  size_t promptTokens = 0;
  size_t reusedTokens = 0;
  GenerateSummary summary;
};

/// Called with the text of an answer as it comes, and with an empty text between two launches of the prompt. Returning
/// false stops.
using ChatSink = std::function<bool(std::string_view text)>;

/// A sequence of a session, and the ids that it holds.
class ChatSession {
public:
  /// Adds a sequence to the session. Session and tokenizer must outlive this.
  ChatSession(Session &session, const Tokenizer &tokenizer);
  ~ChatSession();
  ChatSession(const ChatSession &) = delete;
  ChatSession &operator=(const ChatSession &) = delete;

  /// Answers the conversation whose ids are `prompt`. The answer is the one that an empty sequence would give, except
  /// for rounding. Throws Error as Session::step; what the sequence holds is known afterwards too.
  ChatAnswer answer(std::span<const int32_t> prompt, const GenerateOptions &options, const ChatSink &sink);

  /// The ids whose keys and values the sequence has.
  std::span<const int32_t> held() const { return ids; }
  /// The greatest number of ids of a conversation with its answers.
  uint32_t capacity() const { return session.model().maxSequenceLength(); }

private:
  bool readAhead(std::span<const int32_t> prompt, const GenerateOptions &options, ChatAnswer &answer,
                 const ChatSink &sink);

  Session &session;
  const Tokenizer &tokenizer;
  SequenceId sequence;
  std::vector<int32_t> ids;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_CHATSESSION_H
