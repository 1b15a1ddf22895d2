//===- JsonMode.h - Conversations that a program holds ----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_JSONMODE_H
#define QUIPU_TOOLS_QUIPU_CHAT_JSONMODE_H

#include "tools/quipu/chat/Chat.h"

namespace quipu::tool {

struct JsonModeOptions {
  /// Oldest turns are dropped where the context is full.
  bool dropOldest = false;
  /// Answers have the ids of prompt and answer too.
  bool printTokens = false;
  bool verbose = false;
};

/// Answers each line of standard input with one line on standard output: a JSON object with the answer, or with
/// "error". Returns the exit status: 1 if there was an error.
int runJsonMode(Chat &chat, const JsonModeOptions &options);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_JSONMODE_H
