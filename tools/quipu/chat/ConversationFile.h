//===- ConversationFile.h - Messages in a JSON file -------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_CONVERSATIONFILE_H
#define QUIPU_TOOLS_QUIPU_CHAT_CONVERSATIONFILE_H

#include "runtime/chat/Conversation.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace quipu::tool {

/// A message, or a list of at least one. `where` is their place, for messages. Throws Error.
ChatMessage messageOf(const nlohmann::json &value, const std::string &where);
std::vector<ChatMessage> messagesOf(const nlohmann::json &value, const std::string &where);

/// What `--render` and `/load` read.
struct ConversationFile {
  std::vector<ChatMessage> messages;
  bool addGenerationPrompt = false;
  /// A template, or its name; empty: not given.
  std::string chatTemplate;
};

/// A list of messages, or {"messages", "add_generation_prompt", "template"}. `name` is the file's, for messages. Throws
/// Error.
ConversationFile conversationOf(std::string_view text, const std::string &name);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_CONVERSATIONFILE_H
