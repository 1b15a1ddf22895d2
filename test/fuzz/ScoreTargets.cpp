//===- ScoreTargets.cpp - Data files of quipu score ------------------------------------------===//

#include "Scratch.h"
#include "Targets.h"

#include "runtime/score/DataFile.h"
#include "runtime/support/Utf8.h"

#include <algorithm>

using namespace quipu;

namespace quipu::test {

static void checkContent(const Pair &pair) { require(!pair.response.empty(), "a pair has something to score"); }

static void checkContent(const Conversation &conversation) {
  auto isAnswer = [](const ChatMessage &message) { return message.role == "assistant" && !message.content.empty(); };
  require(std::ranges::any_of(conversation.messages, isAnswer), "a conversation has something to score");
}

static void checkContent(const Question &question) {
  require(question.choices.size() >= 2 && question.answer < question.choices.size(),
          "the answer is one of the choices");
  for (const std::string &choice : question.choices)
    require(!choice.empty() && !firstInvalidByte(choice), "choices are texts");
}

static void scoreData(std::string_view input) {
  accepts([&] {
    size_t number = 0;
    for (const DataLine &line : readDataLines(input, "data")) {
      require(line.number > number, "lines are counted");
      number = line.number;
      std::visit([](const auto &content) { checkContent(content); }, line.content);
    }
    require(number > 0, "a file has lines");
  });
}

std::span<const FuzzTarget> scoreTargets() {
  static constexpr FuzzTarget kTargets[] = {{"score_data", scoreData}};
  return kTargets;
}

} // namespace quipu::test
