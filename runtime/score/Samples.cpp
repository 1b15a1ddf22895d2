//===- Samples.cpp - From the lines of a data file to samples ------------------------------===//

#include "runtime/score/Samples.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <optional>

namespace quipu {

namespace {
class SampleMaker {
public:
  SampleMaker(const std::string &name, const TextEncoder &encoder, const LengthLimit &limit)
      : name(name), encoder(encoder), limit(limit) {}

  /// Nothing: the sample is too long and left out.
  std::optional<Sample> make(const DataLine &line, size_t index) const;

private:
  Sample encode(const Pair &pair) const;
  Sample encode(const Conversation &conversation) const;
  Sample encode(const Question &question) const;
  /// Whether a text is too long for certain, which is known before it is encoded.
  bool isTooLong(const Pair &pair) const;
  bool isTooLong(const Conversation &conversation) const;
  bool isTooLong(const Question &question) const;
  void requireScored(const Sample &sample, bool isConversation) const;

  const std::string &name;
  const TextEncoder &encoder;
  const LengthLimit &limit;
};
} // namespace

Sample SampleMaker::encode(const Pair &pair) const { return {.texts = {encoder.pair(pair.prompt, pair.response)}}; }

Sample SampleMaker::encode(const Conversation &conversation) const {
  return {.texts = {encoder.conversation(conversation.messages)}};
}

Sample SampleMaker::encode(const Question &question) const {
  Sample sample;
  sample.texts = encoder.choices(question.context, question.choices);
  for (const std::string &choice : question.choices)
    sample.choiceBytes.push_back(choice.size());
  sample.answer = question.answer;
  return sample;
}

bool SampleMaker::isTooLong(const Pair &pair) const {
  return encoder.isLongerThan(pair.prompt + pair.response, limit.tokens);
}

bool SampleMaker::isTooLong(const Conversation &conversation) const {
  // What a template adds makes it only longer. It may cut blanks at both ends of a text.
  return std::ranges::any_of(conversation.messages, [&](const ChatMessage &message) {
    size_t begin = message.content.find_first_not_of(" \t\r\n");
    return begin != std::string::npos && encoder.isLongerThan(message.content.substr(begin), limit.tokens);
  });
}

bool SampleMaker::isTooLong(const Question &question) const {
  return std::ranges::any_of(question.choices, [&](const std::string &choice) {
    return encoder.isLongerThan(question.context + choice, limit.tokens);
  });
}

void SampleMaker::requireScored(const Sample &sample, bool isConversation) const {
  for (size_t i = 0; i < sample.texts.size(); ++i) {
    if (sample.texts[i].scoredCount() > 0)
      continue;
    if (isConversation)
      fail("nothing of the assistant's messages is scored: ", encoder.formatName(),
           " writes none of their text; give another --chat-template, or remove the line");
    std::string what = sample.isQuestion() ? concat("\"choices\"[", i, "]") : std::string("the response");
    fail("nothing of ", what,
         " is scored: no token of it has a token in front. The tokenizer puts no BOS in front; give a ",
         sample.isQuestion() ? "context" : "prompt");
  }
}

std::optional<Sample> SampleMaker::make(const DataLine &line, size_t index) const {
  try {
    std::optional<Sample> sample;
    size_t longest = 0;
    if (!std::visit([&](const auto &content) { return isTooLong(content); }, line.content)) {
      sample = std::visit([&](const auto &content) { return encode(content); }, line.content);
      for (const ScoredText &text : sample->texts)
        longest = std::max(longest, text.ids.size());
    }
    if (!sample || longest > limit.tokens) {
      if (limit.skip)
        return std::nullopt;
      fail("has ", sample ? concat(longest) : concat("more than ", limit.tokens), " tokens; ", limit.reason);
    }
    sample->index = index;
    sample->line = line.number;
    requireScored(*sample, std::holds_alternative<Conversation>(line.content));
    return sample;
  } catch (const Error &error) {
    fail(lineName(name, line.number), ": ", error.what());
  }
}

SampleSet makeSamples(std::span<const DataLine> lines, const std::string &name, const TextEncoder &encoder,
                      const LengthLimit &limit) {
  SampleMaker maker(name, encoder, limit);
  SampleSet set;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (std::optional<Sample> sample = maker.make(lines[i], i))
      set.samples.push_back(std::move(*sample));
    else
      ++set.skipped;
  }
  if (set.samples.empty())
    fail(name, ": all of its ", lines.size(), lines.size() == 1 ? " sample is" : " samples are", " too long; ",
         limit.reason);
  return set;
}

} // namespace quipu
