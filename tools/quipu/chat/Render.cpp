//===- Render.cpp - quipu chat --render: what a model reads ------------------------------===//

#include "tools/quipu/chat/Render.h"
#include "runtime/chat/ChooseFormat.h"
#include "runtime/chat/ConversationIds.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/TextModel.h"
#include "tools/quipu/chat/ConversationFile.h"

#include <unistd.h>

namespace quipu::tool {

/// The format of --chat-template, or of the file: a template itself, or a name as after --chat-template.
static ChatFormat formatOf(const TextModel &model, const ConversationFile &conversation, const RenderRequest &request,
                           const std::string &modelName) {
  bool isText = conversation.chatTemplate.find("{{") != std::string::npos ||
                conversation.chatTemplate.find("{%") != std::string::npos;
  if (request.chatTemplate.empty() && isText)
    return ChatFormat({"", conversation.chatTemplate, request.file + ": template"}, model.tokenizer.get());
  const std::string &name = request.chatTemplate.empty() ? conversation.chatTemplate : request.chatTemplate;
  return chooseFormat(model.chatTemplates, name, model.tokenizer.get(), modelName);
}

int renderConversation(const PlanSource &source, const RenderRequest &request) {
  ConversationFile conversation =
      conversationOf(readText(request.file), request.file == "-" ? "standard input" : request.file);
  TextModel model = openTextModel(source, request.tokenizerFile);
  ChatFormat format = formatOf(model, conversation, request, source.path());
  std::vector<ChatPiece> pieces = format.render(conversation.messages, conversation.addGenerationPrompt);
  if (request.printTokens) {
    if (!model.tokenizer)
      fail(source.path(), ": has no tokenizer, so the text has no ids; give --tokenizer FILE");
    out().write(joinTokens(chatIds(*model.tokenizer, pieces)) + "\n");
    return 0;
  }
  for (const ChatPiece &piece : pieces)
    out().writeText(piece.text);
  // Programs get the text as it is.
  if (isatty(STDOUT_FILENO))
    out().write("\n");
  return 0;
}

} // namespace quipu::tool
