//===- Render.h - quipu chat --render: what a model reads -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_RENDER_H
#define QUIPU_TOOLS_QUIPU_CHAT_RENDER_H

#include "tools/quipu/PlanSource.h"

#include <string>

namespace quipu::tool {

struct RenderRequest {
  /// JSON with the messages; "-" is standard input.
  std::string file;
  /// Of --chat-template and --tokenizer; empty: not given.
  std::string chatTemplate, tokenizerFile;
  /// Ids in place of the text.
  bool printTokens = false;
};

/// Prints the text, or the ids, that a template makes of the messages. Runs and compiles nothing. Returns the exit
/// status. Throws Error.
int renderConversation(const PlanSource &source, const RenderRequest &request);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_RENDER_H
