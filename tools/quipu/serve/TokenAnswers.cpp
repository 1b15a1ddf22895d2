//===- TokenAnswers.cpp - /tokenize, /detokenize, /tokenizer_info -------------------------===//

#include "tools/quipu/serve/TokenAnswers.h"
#include "runtime/support/Error.h"
#include "tools/quipu/serve/openai/ApiError.h"
#include "tools/quipu/serve/openai/BodyFields.h"
#include "tools/quipu/serve/openai/ChoiceText.h"
#include "tools/quipu/serve/openai/TextRequest.h"

namespace quipu::serve {

using nlohmann::json;
using nlohmann::ordered_json;

static void readModelName(BodyFields &fields, const ServedModel &model) {
  std::optional<std::string> name = fields.text("model");
  if (name && !model.isNamed(*name))
    throw ApiError(404, "there is no model of this name; this server has " + model.name(), "model", "model_not_found");
}

ordered_json tokenizeAnswer(const json &body, const ServedModel &model) {
  BodyFields fields(body);
  readModelName(fields, model);
  std::optional<std::string> prompt = fields.text("prompt");
  const json *messages = fields.find("messages");
  bool addBos = fields.boolean("add_special_tokens", true);
  bool addGenerationPrompt = fields.boolean("add_generation_prompt", true);
  bool hasTexts = fields.boolean("return_token_strs", false);
  fields.requireKnown();
  if (prompt.has_value() == (messages != nullptr))
    throw ApiError(400, "expected either prompt, a text, or messages", "prompt");
  std::vector<int32_t> ids;
  try {
    ids = prompt ? model.promptIds(*prompt, addBos) : model.chatIds(parseMessages(messages), addGenerationPrompt);
  } catch (const Error &error) {
    throw ApiError(400, error.what(), prompt ? "prompt" : "messages");
  }
  ordered_json answer = {{"count", ids.size()}, {"max_model_len", model.contextTokens}, {"tokens", ids}};
  answer["token_strs"] = nullptr;
  if (hasTexts) {
    answer["token_strs"] = ordered_json::array();
    for (int32_t id : ids)
      answer["token_strs"].push_back(tokenText(*model.tokenizer, id));
  }
  return answer;
}

ordered_json detokenizeAnswer(const json &body, const ServedModel &model) {
  BodyFields fields(body);
  readModelName(fields, model);
  const json *tokens = fields.find("tokens");
  fields.requireKnown();
  if (!tokens || !tokens->is_array())
    throw ApiError(400, "tokens is missing, or no list; expected a list of token ids", "tokens");
  std::vector<int32_t> ids;
  for (const json &id : *tokens) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX ||
        !model.tokenizer->has(id.get<int32_t>()))
      fields.fail("tokens", id, concat("ids of the tokenizer, from 0 to ", model.tokenizer->size() - 1));
    ids.push_back(id.get<int32_t>());
  }
  return {{"prompt", model.tokenizer->decode(ids)}};
}

ordered_json tokenizerInfo(const ServedModel &model) {
  auto spelled = [&](std::optional<int32_t> id) {
    return id ? ordered_json(model.tokenizer->piece(*id)) : ordered_json();
  };
  return {{"tokenizer_class", "quipu"},
          {"vocab_size", model.tokenizer->size()},
          {"model_max_length", model.contextTokens},
          {"bos_token", spelled(model.tokenizer->bos())},
          {"eos_token", spelled(model.tokenizer->eos())},
          {"add_bos_token", model.tokenizer->addsBos()},
          {"chat_template", model.templateText.empty() ? ordered_json() : ordered_json(model.templateText)},
          {"chat_format", model.format ? ordered_json(model.format->name()) : ordered_json()}};
}

} // namespace quipu::serve
