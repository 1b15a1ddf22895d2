//===- ConversationFile.cpp - Messages in a JSON file ----------------------------------------===//

#include "tools/quipu/chat/ConversationFile.h"
#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

using nlohmann::json;

namespace quipu::tool {

using frontend::shown;

ChatMessage messageOf(const json &value, const std::string &where) {
  constexpr const char *kForm = R"(; a message is {"role": a text, "content": a text})";
  if (!value.is_object())
    fail(where, ": ", shown(value), kForm);
  for (const char *field : {"role", "content"})
    if (!value.contains(field) || !value[field].is_string())
      fail(where, ": ", field, " is ", value.contains(field) ? shown(value[field]) : "missing", kForm);
  for (const auto &[field, content] : value.items())
    if (field != "role" && field != "content" && !content.is_null())
      fail(where, ": the field ", frontend::shownText(field), " is not supported", kForm);
  return {value["role"], value["content"]};
}

std::vector<ChatMessage> messagesOf(const json &value, const std::string &where) {
  if (!value.is_array() || value.empty())
    fail(where, ": ", shown(value), " is no list of messages; give at least one message");
  std::vector<ChatMessage> messages;
  for (const json &message : value)
    messages.push_back(messageOf(message, concat(where, ": message ", messages.size() + 1)));
  return messages;
}

ConversationFile conversationOf(std::string_view text, const std::string &name) {
  json value = frontend::parseJson(text, name);
  ConversationFile result;
  if (!value.is_object()) {
    result.messages = messagesOf(value, name);
    return result;
  }
  for (const auto &[field, content] : value.items()) {
    if (field == "messages")
      result.messages = messagesOf(content, name + ": messages");
    else if (field == "add_generation_prompt" && content.is_boolean())
      result.addGenerationPrompt = content;
    else if (field == "template" && content.is_string())
      result.chatTemplate = content;
    else
      fail(name, ": ", frontend::shownText(field), " is ", shown(content),
           R"(; supported are "messages" (a list), "add_generation_prompt" (true or false) and "template" (a text))");
  }
  if (result.messages.empty())
    fail(name, R"(: "messages" is missing; give a list of messages)");
  return result;
}

} // namespace quipu::tool
