//===- ChatTargets.cpp - Chat templates -----------------------------------------------------===//

#include "Scratch.h"
#include "Targets.h"

#include "runtime/chat/ChatFormat.h"
#include "runtime/support/Utf8.h"

using namespace quipu;

namespace quipu::test {

/// A template's text, over a short conversation.
static void chatTemplate(std::string_view input) {
  constexpr std::string_view kUser = "What is <|im_end|>?\n\xc3\xa9";
  const ChatMessage messages[] = {
      {"system", " Be brief. "}, {"user", std::string(kUser)}, {"assistant", "An end.\n"}, {"user", ""}};
  accepts([&] {
    ChatFormat format({"default", std::string(input), "template"}, nullptr);
    for (bool prompt : {false, true}) {
      std::string text;
      for (const ChatPiece &piece : format.render(messages, prompt)) {
        require(!piece.text.empty(), "no piece is empty");
        text += piece.text;
      }
      require(!firstInvalidByte(text), "what a template makes of whole characters has whole characters");
    }
  });
}

std::span<const FuzzTarget> chatTargets() {
  static constexpr FuzzTarget kTargets[] = {{"chat_template", chatTemplate}};
  return kTargets;
}

} // namespace quipu::test
