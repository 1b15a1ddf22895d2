//===- TextAnswer.cpp - Answers of /v1/completions and /v1/chat/completions ---------------===//

#include "tools/quipu/serve/openai/TextAnswer.h"
#include "tools/quipu/serve/openai/LogProbs.h"

namespace quipu::serve {

using nlohmann::ordered_json;

static std::string dumped(const ordered_json &value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

static ordered_json usageJson(const TokenUsage &usage) {
  return {{"prompt_tokens", usage.promptTokens},
          {"completion_tokens", usage.newTokens},
          {"total_tokens", usage.promptTokens + usage.newTokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cachedTokens}}}};
}

TextAnswer::TextAnswer(bool isChat, bool hasLogProbs, const std::string &id, std::string model, int64_t created,
                       const Tokenizer &tokenizer)
    : isChat(isChat), hasLogProbs(hasLogProbs), id((isChat ? "chatcmpl-" : "cmpl-") + id), model(std::move(model)),
      created(created), tokenizer(tokenizer) {}

static ordered_json frame(const std::string &id, const char *object, int64_t created, const std::string &model) {
  return {{"id", id}, {"object", object}, {"created", created}, {"model", model}, {"choices", ordered_json::array()}};
}

static ordered_json logProbsOf(const Tokenizer &tokenizer, const ChoicePiece &piece, bool isChat, bool hasLogProbs) {
  if (!hasLogProbs)
    return nullptr;
  return isChat ? chatLogProbs(tokenizer, piece.tokens) : completionLogProbs(tokenizer, piece.tokens);
}

std::string TextAnswer::whole(const std::vector<WholeChoice> &choices, const TokenUsage &usage) const {
  ordered_json answer = frame(id, isChat ? "chat.completion" : "text_completion", created, model);
  for (size_t i = 0; i < choices.size(); ++i) {
    const ChoicePiece &content = choices[i].content;
    ordered_json choice = {{"index", i}};
    if (isChat)
      choice["message"] = {{"role", "assistant"}, {"content", content.text}, {"refusal", nullptr}};
    else
      choice["text"] = content.text;
    choice["logprobs"] = logProbsOf(tokenizer, content, isChat, hasLogProbs);
    choice["finish_reason"] = choices[i].finishReason;
    answer["choices"].push_back(std::move(choice));
  }
  answer["usage"] = usageJson(usage);
  return dumped(answer);
}

std::string TextAnswer::begin(size_t index, bool hasUsage) const {
  if (!isChat)
    return "";
  ordered_json chunk = frame(id, "chat.completion.chunk", created, model);
  chunk["choices"].push_back({{"index", index},
                              {"delta", {{"role", "assistant"}, {"content", ""}}},
                              {"logprobs", nullptr},
                              {"finish_reason", nullptr}});
  if (hasUsage)
    chunk["usage"] = nullptr;
  return event(dumped(chunk));
}

std::string TextAnswer::piece(size_t index, const ChoicePiece &piece, bool hasUsage) const {
  ordered_json chunk = frame(id, isChat ? "chat.completion.chunk" : "text_completion", created, model);
  ordered_json choice = {{"index", index}};
  if (isChat)
    choice["delta"] = {{"content", piece.text}};
  else
    choice["text"] = piece.text;
  choice["logprobs"] = logProbsOf(tokenizer, piece, isChat, hasLogProbs);
  choice["finish_reason"] = nullptr;
  chunk["choices"].push_back(std::move(choice));
  if (hasUsage)
    chunk["usage"] = nullptr;
  return event(dumped(chunk));
}

std::string TextAnswer::end(size_t index, std::string_view finishReason, bool hasUsage) const {
  ordered_json chunk = frame(id, isChat ? "chat.completion.chunk" : "text_completion", created, model);
  ordered_json choice = {{"index", index}};
  if (isChat)
    choice["delta"] = ordered_json::object();
  else
    choice["text"] = "";
  choice["logprobs"] = nullptr;
  choice["finish_reason"] = finishReason;
  chunk["choices"].push_back(std::move(choice));
  if (hasUsage)
    chunk["usage"] = nullptr;
  return event(dumped(chunk));
}

std::string TextAnswer::usage(const TokenUsage &usage) const {
  ordered_json chunk = frame(id, isChat ? "chat.completion.chunk" : "text_completion", created, model);
  chunk["usage"] = usageJson(usage);
  return event(dumped(chunk));
}

} // namespace quipu::serve
