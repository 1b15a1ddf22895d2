//===- JsonMode.cpp - Conversations that a program holds ---------------------------------===//

#include "tools/quipu/chat/JsonMode.h"
#include "frontends/common/Json.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/chat/ConversationFile.h"
#include "tools/quipu/chat/InputLines.h"
#include "tools/quipu/chat/Report.h"

#include <nlohmann/json.hpp>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static void writeLine(const Json &value) {
  out().write(jsonText(value, -1) + "\n");
  out().flush();
}

/// Changes the conversation as a line says.
static void takeLine(Chat &chat, const std::string &source, const std::string &line) {
  nlohmann::json value = frontend::parseJson(line, source);
  if (value.is_object() && value.contains("messages")) {
    if (value.size() > 1)
      fail(source, ": there is more beside \"messages\"; expected {\"messages\": […]} alone");
    std::vector<ChatMessage> messages = messagesOf(value["messages"], source + ": messages");
    if (const std::string &role = messages.back().role; role == "assistant" || role == "system")
      fail(source, ": the last message is answered, so it must be the user's; its role is ", role);
    chat.setMessages(std::move(messages));
    return;
  }
  ChatMessage message = messageOf(value, source);
  if (message.role != "user")
    fail(source, ": role is ", message.role,
         "; expected user (a conversation with other roles comes as "
         "{\"messages\": […]}, and a system message by --system)");
  chat.addUser(message.content);
}

/// Drops as many turns as it takes, if that is allowed. Returns their number. Throws Error if the conversation does not
/// fit then.
static size_t makeRoom(Chat &chat, const std::string &source, bool dropOldest) {
  size_t size = chat.promptIds().size();
  if (!dropOldest && size > chat.capacity())
    fail(source, ": ", overfullText(chat), "; with --drop-oldest oldest turns are dropped");
  if (!dropOldest || size + chat.wantedRoom() <= chat.capacity())
    return 0;
  std::optional<size_t> turns = chat.turnsToDrop(chat.wantedRoom());
  if (!turns)
    fail(source, ": ", overfullText(chat), "; its last message is too long even alone");
  chat.dropOldest(*turns);
  return *turns;
}

/// Takes a line and returns the answer's object.
static Json answerLine(Chat &chat, const std::string &source, const std::string &line, const JsonModeOptions &options) {
  takeLine(chat, source, line);
  size_t dropped = makeRoom(chat, source, options.dropOldest);
  std::vector<int32_t> promptIds = chat.promptIds();
  if (options.verbose)
    printNote(promptText(chat.render(), promptIds));
  ChatAnswer answer = chat.answer([](std::string_view) { return true; });
  if (options.verbose)
    printNote(statisticsText(chat, answer));
  Json object = {{"role", "assistant"},
                 {"content", answer.text},
                 {"tokens", answer.tokens.size()},
                 {"prompt_tokens", answer.promptTokens},
                 {"reused_tokens", answer.reusedTokens},
                 {"finish_reason", isCut(answer) ? "length" : "stop"}};
  if (dropped)
    object["dropped_turns"] = dropped;
  if (options.printTokens) {
    object["token_ids"] = answer.tokens;
    object["prompt_token_ids"] = promptIds;
  }
  return object;
}

int runJsonMode(Chat &chat, const JsonModeOptions &options) {
  InputLines lines;
  int status = 0;
  while (std::optional<std::string> line = lines.next()) {
    if (line->find_first_not_of(" \t") == std::string::npos)
      continue;
    Messages before = chat.messages();
    Json object;
    try {
      object = answerLine(chat, concat("line ", lines.number()), *line, options);
    } catch (const Error &error) {
      chat.setMessages(std::move(before));
      object = {{"error", {{"line", lines.number()}, {"message", error.what()}}}};
      status = 1;
    }
    writeLine(object);
  }
  return status;
}

} // namespace quipu::tool
