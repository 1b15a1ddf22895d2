//===- LogProbs.cpp - Log-probabilities in the two forms of the API ------------------------===//

#include "tools/quipu/serve/openai/LogProbs.h"

#include <algorithm>

namespace quipu::serve {

using nlohmann::ordered_json;

/// JSON has no infinity. OpenAI writes this number for a token that is as good as impossible.
static double shownLogProb(float value) { return std::max(double(value), -9999.0); }

ordered_json completionLogProbs(const Tokenizer &tokenizer, std::span<const ShownToken> tokens) {
  ordered_json texts = ordered_json::array(), values = ordered_json::array(), tops = ordered_json::array(),
               offsets = ordered_json::array();
  for (const ShownToken &shown : tokens) {
    std::string text = tokenText(tokenizer, shown.token);
    offsets.push_back(shown.offset);
    if (!shown.logProb) {
      texts.push_back(std::move(text));
      values.push_back(nullptr);
      tops.push_back(nullptr);
      continue;
    }
    values.push_back(shownLogProb(*shown.logProb));
    ordered_json top = ordered_json::object();
    for (const TokenLogProb &each : shown.top)
      // They come the most likely first.
      top.emplace(tokenText(tokenizer, each.token), shownLogProb(each.logProb));
    top.emplace(text, shownLogProb(*shown.logProb));
    tops.push_back(std::move(top));
    texts.push_back(std::move(text));
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(values)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

static ordered_json chatToken(const Tokenizer &tokenizer, int32_t token, float logProb) {
  ordered_json bytes = ordered_json::array();
  for (unsigned char c : tokenBytes(tokenizer, token))
    bytes.push_back(unsigned(c));
  return {{"token", tokenText(tokenizer, token)}, {"logprob", shownLogProb(logProb)}, {"bytes", std::move(bytes)}};
}

ordered_json chatLogProbs(const Tokenizer &tokenizer, std::span<const ShownToken> tokens) {
  ordered_json content = ordered_json::array();
  for (const ShownToken &shown : tokens) {
    ordered_json item = chatToken(tokenizer, shown.token, shown.logProb.value_or(0));
    ordered_json top = ordered_json::array();
    for (const TokenLogProb &each : shown.top)
      top.push_back(chatToken(tokenizer, each.token, each.logProb));
    item["top_logprobs"] = std::move(top);
    content.push_back(std::move(item));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

} // namespace quipu::serve
