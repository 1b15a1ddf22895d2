//===- ChatSession.cpp - Answers that reuse the cache of earlier ones --------------------===//

#include "runtime/chat/ChatSession.h"

#include <algorithm>
#include <chrono>

namespace quipu {

size_t reusableIds(std::span<const int32_t> held, std::span<const int32_t> prompt) {
  size_t same = size_t(std::ranges::mismatch(held, prompt).in1 - held.begin());
  return prompt.empty() ? 0 : std::min(same, prompt.size() - 1);
}

ChatSession::ChatSession(Session &session, const Tokenizer &tokenizer)
    : session(session), tokenizer(tokenizer), sequence(session.addSequence()) {}

ChatSession::~ChatSession() { session.removeSequence(sequence); }

/// Reads the prompt up to its last launch, which gives logits. Returns false if the sink stopped it.
bool ChatSession::readAhead(std::span<const int32_t> prompt, const GenerateOptions &options, ChatAnswer &answer,
                            const ChatSink &sink) {
  using Clock = std::chrono::steady_clock;
  uint32_t launch = session.model().maxChunkRows();
  if (options.chunkRows)
    launch = std::min(launch, options.chunkRows);
  Clock::time_point begin = Clock::now();
  while (prompt.size() - session.length(sequence) > launch) {
    SequenceTokens part = {sequence, prompt.subspan(session.length(sequence), launch), LogitsMode::None};
    session.step({&part, 1}, StepOptions{launch});
    answer.summary.promptTokens += launch;
    answer.summary.promptSeconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (!sink(""))
      return false;
  }
  return true;
}

ChatAnswer ChatSession::answer(std::span<const int32_t> prompt, const GenerateOptions &options, const ChatSink &sink) {
  ChatAnswer answer;
  answer.promptTokens = prompt.size();
  answer.reusedTokens = reusableIds(ids, prompt);
  session.truncate(sequence, uint32_t(answer.reusedTokens));
  // Another conversation was here before, or this one in an earlier form.
  if (session.findPrefix(prompt) > answer.reusedTokens) {
    session.truncate(sequence, 0);
    answer.reusedTokens = session.adoptPrefix(sequence, prompt);
  }
  ids.assign(prompt.begin(), prompt.end());
  // The sequence never has all of these, whether it ends well or not: the last token was only chosen.
  struct Cut {
    ~Cut() { chat.ids.resize(std::min<size_t>(chat.ids.size(), chat.session.length(chat.sequence))); }
    ChatSession &chat;
  } cut{*this};
  answer.summary.reason = StopReason::Callback;
  if (prompt.size() <= capacity() && !readAhead(prompt, options, answer, sink))
    return answer;
  GenerateSummary ahead = answer.summary;
  answer.summary = Generator(session, &tokenizer)
                       .continueSequence(sequence, prompt, options, [&](int32_t token, std::string_view text) {
                         if (token >= 0) {
                           answer.tokens.push_back(token);
                           ids.push_back(token);
                         }
                         answer.text += text;
                         return sink(text);
                       });
  answer.summary.promptTokens += ahead.promptTokens;
  answer.summary.promptSeconds += ahead.promptSeconds;
  return answer;
}

} // namespace quipu
