//===- Transcript.h - Conversations in files ---------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_TRANSCRIPT_H
#define QUIPU_TOOLS_QUIPU_CHAT_TRANSCRIPT_H

#include "runtime/chat/Conversation.h"

#include <string>
#include <vector>

namespace quipu::tool {

/// Writes {"messages": [...]}. Throws Error; then an older file is as it was.
void saveTranscript(const std::string &path, const std::vector<ChatMessage> &messages);

/// The messages of a file that saveTranscript() wrote, or of a list of them. Throws Error.
std::vector<ChatMessage> loadTranscript(const std::string &path);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_TRANSCRIPT_H
