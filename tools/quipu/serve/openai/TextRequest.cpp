//===- TextRequest.cpp - What /v1/completions and /v1/chat/completions ask for ------------===//

#include "tools/quipu/serve/openai/TextRequest.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/Number.h"
#include "tools/quipu/serve/openai/ApiError.h"
#include "tools/quipu/serve/openai/BodyFields.h"

#include <cstring>
#include <limits>
#include <random>

using nlohmann::json;

namespace quipu::serve {

/// OpenAI takes 4 texts that end an answer. Evaluations ask for more.
static constexpr size_t kMostStops = 32;
/// Tokens with a bias.
static constexpr size_t kMostBiases = 1024;
/// As OpenAI's /v1/completions.
static constexpr uint32_t kDefaultTokens = 16;

static void readModel(BodyFields &fields, const ServedModel &model) {
  std::optional<std::string> name = fields.text("model");
  if (name && !model.isNamed(*name))
    throw ApiError(404,
                   concat("there is no model ", json(*name).dump(-1, ' ', true, json::error_handler_t::replace),
                          "; this server has ", model.name()),
                   "model", "model_not_found");
}

static void readBias(BodyFields &fields, const ServedModel &model, RequestSampling &sampling) {
  const json *value = fields.find("logit_bias");
  if (!value)
    return;
  if (!value->is_object() || value->size() > kMostBiases)
    fields.fail("logit_bias", *value, concat("an object of at most ", kMostBiases, " token ids with numbers"));
  for (const auto &[key, bias] : value->items()) {
    std::optional<int32_t> token = parseNumber<int32_t>(key);
    if (!token || *token < 0 || uint32_t(*token) >= model.vocabSize)
      throw ApiError(400,
                     concat("logit_bias has the key ", json(key).dump(-1, ' ', true, json::error_handler_t::replace),
                            "; expected token ids from 0 to ", model.vocabSize - 1),
                     "logit_bias");
    if (!bias.is_number() || !(bias.get<double>() >= -100 && bias.get<double>() <= 100))
      fields.fail("logit_bias", bias, "numbers from -100 to 100");
    // OpenAI: -100 bans a token.
    float added = bias.get<double>() == -100 ? -std::numeric_limits<float>::infinity() : bias.get<float>();
    sampling.bias.push_back({*token, added});
  }
}

static void readStopTokens(BodyFields &fields, Request &request) {
  const json *value = fields.find("stop_token_ids");
  if (!value)
    return;
  if (!value->is_array() || value->size() > kMostStops)
    fields.fail("stop_token_ids", *value, concat("a list of at most ", kMostStops, " token ids"));
  for (const json &token : *value) {
    if (!token.is_number_integer() || token.get<int64_t>() < 0 || token.get<int64_t>() > INT32_MAX)
      fields.fail("stop_token_ids", token, "token ids");
    request.stopTokens.push_back(token.get<int32_t>());
  }
}

static void readSampling(BodyFields &fields, const ServedModel &model, RequestSampling &sampling) {
  SamplingOptions &base = sampling.base;
  base = {};
  base.temperature = float(fields.number("temperature", 0, 100).value_or(1));
  base.topP = float(fields.number("top_p", 0, 1).value_or(1));
  // As vLLM has them; -1 is its "all".
  base.topK = uint32_t(std::max<int64_t>(0, fields.integer("top_k", -1, INT32_MAX).value_or(0)));
  base.minP = float(fields.number("min_p", 0, 1).value_or(0));
  base.repeatPenalty = float(fields.number("repetition_penalty", 0.01, 100).value_or(1));
  // As vLLM's, of all tokens that there were: `quipu run` looks back only so far.
  base.repeatWindow = model.contextTokens;
  sampling.presencePenalty = float(fields.number("presence_penalty", -2, 2).value_or(0));
  sampling.frequencyPenalty = float(fields.number("frequency_penalty", -2, 2).value_or(0));
  // A seed below 0 is as good as any other.
  if (std::optional<int64_t> seed = fields.integer("seed", INT64_MIN, INT64_MAX))
    base.seed = uint64_t(*seed);
  else
    base.seed = (uint64_t(std::random_device()()) << 32) | std::random_device()();
  readBias(fields, model, sampling);
}

static void readStream(BodyFields &fields, TextRequest &request) {
  request.stream = fields.boolean("stream", false);
  const json *options = fields.find("stream_options");
  if (!options)
    return;
  if (!options->is_object())
    fields.fail("stream_options", *options, "an object");
  if (!request.stream)
    throw ApiError(400, "stream_options goes with \"stream\": true", "stream_options");
  BodyFields inner(*options, "stream_options.");
  request.includesUsage = inner.boolean("include_usage", false);
  inner.refuse("continuous_usage_stats", "the numbers of tokens come once, at the end");
  // Random letters that hide lengths from who watches the network; this server adds none.
  inner.ignore({"include_obfuscation"});
  inner.requireKnown();
}

/// Fields of both, behind those that only one has.
static void readShared(BodyFields &fields, const ServedModel &model, TextRequest &request) {
  readModel(fields, model);
  readSampling(fields, model, request.shared.sampling);
  readStream(fields, request);
  request.stops = readTexts(fields, "stop", kMostStops);
  readStopTokens(fields, request.shared);
  request.shared.ignoreEos = fields.boolean("ignore_eos", false);
  // vLLM: the lower the number, the earlier.
  request.shared.priority = -int32_t(fields.integer("priority", kLowestPriority, kHighestPriority).value_or(0));
  if (std::optional<std::string> salt = fields.text("cache_salt")) {
    Hash128 hash = hashBytes(salt->data(), salt->size());
    memcpy(&request.shared.cacheSalt, hash.data(), sizeof(request.shared.cacheSalt));
  }
  fields.ignore({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "request_id", "spaces_between_special_tokens"});
  fields.refuse("min_tokens", "a text ends where the model ends it; leave it out", 0);
  fields.refuse("length_penalty", "there is no beam search", 1.0);
  fields.refuse("use_beam_search", "tokens are drawn, or the most likely one is taken");
  fields.refuse("early_stopping", "there is no beam search");
  fields.refuse("skip_special_tokens", "special tokens never give text", true);
  fields.refuse("include_stop_str_in_output", "an answer ends before the text that stops it");
  fields.refuse("truncate_prompt_tokens", "a prompt that is too long is refused");
  fields.refuse("prompt_logprobs", "echo with logprobs gives them, in /v1/completions");
  for (const char *name :
       {"guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar"})
    fields.refuse(name, "answers are free text");
  fields.refuse("logits_processors", "requests bring no code");
}

static void checkSamples(const TextRequest &request, const ServedModel &model, const char *param) {
  uint64_t samples = uint64_t(request.prompts.size()) * request.shared.samples;
  if (samples > model.mostSamples)
    throw ApiError(400,
                   concat("the request asks for ", samples, " answers at once; this server gives at most ",
                          model.mostSamples, " to a request, so send several requests"),
                   param);
}

static std::vector<int32_t> readIds(BodyFields &fields, const json &list, const ServedModel &model) {
  std::vector<int32_t> ids;
  ids.reserve(list.size());
  for (const json &id : list) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= int64_t(model.vocabSize))
      fields.fail("prompt", id, concat("token ids from 0 to ", model.vocabSize - 1));
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

/// A text, a list of texts, a list of ids, or a list of lists of ids. `value`: the field "prompt", or null.
static std::vector<std::vector<int32_t>> readPrompts(BodyFields &fields, const json *value, const ServedModel &model,
                                                     bool addBos) {
  const char *expected = "a text, a list of texts, a list of token ids, or a list of such lists";
  if (!value)
    fields.failMissing("prompt", expected);
  if (value->is_string())
    return {model.promptIds(value->get_ref<const std::string &>(), addBos)};
  if (!value->is_array() || value->empty())
    fields.fail("prompt", *value, expected);
  if (value->front().is_number())
    return {readIds(fields, *value, model)};
  if (value->size() > model.mostSamples)
    throw ApiError(400,
                   concat("there are ", value->size(), " prompts; this server takes at most ", model.mostSamples,
                          " in a request, so send several requests"),
                   "prompt");
  std::vector<std::vector<int32_t>> prompts;
  for (const json &item : *value) {
    if (item.type() != value->front().type() || !(item.is_string() || item.is_array()))
      fields.fail("prompt", item, expected);
    prompts.push_back(item.is_string() ? model.promptIds(item.get_ref<const std::string &>(), addBos)
                                       : readIds(fields, item, model));
  }
  return prompts;
}

/// Text that is not UTF-8 is the client's error.
template <typename Read> static auto asRequestError(const char *param, Read read) {
  try {
    return read();
  } catch (const ApiError &) {
    throw;
  } catch (const Error &error) {
    throw ApiError(400, error.what(), param);
  }
}

TextRequest parseCompletion(const json &body, const ServedModel &model) {
  BodyFields fields(body);
  TextRequest request;
  readShared(fields, model, request);
  request.shared.maxTokens = uint32_t(fields.integer("max_tokens", 0, INT32_MAX).value_or(kDefaultTokens));
  request.n = uint32_t(fields.integer("n", 1, kMostSamples).value_or(1));
  request.shared.samples = uint32_t(fields.integer("best_of", 1, kMostSamples).value_or(request.n));
  if (request.shared.samples < request.n)
    throw ApiError(400, concat("best_of is ", request.shared.samples, ", less than n, which is ", request.n),
                   "best_of");
  if (request.stream && request.shared.samples > request.n)
    throw ApiError(400, "best_of is more than n, so the best are known at the end alone; it does not go with stream",
                   "best_of");
  request.echo = fields.boolean("echo", false);
  if (std::optional<int64_t> count = fields.integer("logprobs", 0, kMostTopLogProbs)) {
    request.logProbs = true;
    request.shared.topLogProbs = uint32_t(*count);
  }
  request.shared.echo = request.echo && request.logProbs;
  // The best answers are chosen by their log-probabilities.
  request.shared.logProbs = request.logProbs || request.shared.samples > request.n;
  fields.refuse("suffix", "the model continues texts, and does not fill gaps");
  fields.refuse("response_format", "answers are free text", json{{"type", "text"}});
  fields.refuse("return_tokens_as_token_ids", "logprobs name tokens by their text");
  bool addBos = fields.boolean("add_special_tokens", true);
  // Before the prompts are encoded, which takes longest.
  const json *prompt = fields.find("prompt");
  fields.requireKnown();
  request.prompts = asRequestError("prompt", [&] { return readPrompts(fields, prompt, model, addBos); });
  for (const std::vector<int32_t> &ids : request.prompts)
    if (ids.empty())
      throw ApiError(400, "a prompt has no tokens; expected at least one", "prompt");
  checkSamples(request, model, "prompt");
  return request;
}

/// A text, or a list of {"type": "text", "text": TEXT}.
static std::string contentOf(const json &content, const std::string &place) {
  if (content.is_string())
    return content.get<std::string>();
  if (!content.is_array())
    throw ApiError(400, place + " is neither a text nor a list of pieces of text", place);
  std::string text;
  for (const json &part : content) {
    if (!part.is_object() || !part.contains("type") || part["type"] != "text" || !part.contains("text") ||
        !part["text"].is_string())
      throw ApiError(400, place + " has a piece that is no text; this server reads texts alone", place,
                     "unsupported_content");
    text += part["text"].get<std::string>();
  }
  return text;
}

std::vector<ChatMessage> parseMessages(const json *messages) {
  if (!messages || !messages->is_array() || messages->empty())
    throw ApiError(400, "messages is missing or empty; expected a list of {\"role\", \"content\"}", "messages");
  std::vector<ChatMessage> result;
  for (size_t i = 0; i < messages->size(); ++i) {
    std::string place = concat("messages[", i, "]");
    const json &item = (*messages)[i];
    if (!item.is_object())
      throw ApiError(400, place + " is no object; expected {\"role\", \"content\"}", place);
    BodyFields fields(item, place + ".");
    std::optional<std::string> role = fields.text("role");
    if (!role || role->empty())
      fields.failMissing("role", "\"system\", \"user\" or \"assistant\"");
    const json *content = fields.find("content");
    if (!content)
      fields.failMissing("content", "a text");
    fields.ignore({"name", "refusal", "annotations"});
    for (const char *name : {"tool_calls", "function_call", "tool_call_id"})
      fields.refuse(name, "this server calls no tools");
    fields.refuse("audio", "this server reads texts alone");
    fields.requireKnown();
    result.push_back({std::move(*role), contentOf(*content, place + ".content")});
  }
  return result;
}

TextRequest parseChat(const json &body, const ServedModel &model) {
  BodyFields fields(body);
  TextRequest request;
  request.isChat = true;
  readShared(fields, model, request);
  std::optional<int64_t> most = fields.integer("max_completion_tokens", 1, INT32_MAX);
  if (std::optional<int64_t> older = fields.integer("max_tokens", 1, INT32_MAX); !most)
    most = older;
  if (most)
    request.shared.maxTokens = uint32_t(*most);
  request.n = request.shared.samples = uint32_t(fields.integer("n", 1, kMostSamples).value_or(1));
  request.logProbs = request.shared.logProbs = fields.boolean("logprobs", false);
  if (std::optional<int64_t> count = fields.integer("top_logprobs", 0, kMostTopLogProbs)) {
    if (!request.logProbs)
      throw ApiError(400, "top_logprobs goes with \"logprobs\": true", "top_logprobs");
    request.shared.topLogProbs = uint32_t(*count);
  }
  for (const char *name : {"tools", "functions", "function_call"})
    fields.refuse(name, "this server calls no tools");
  fields.refuse("tool_choice", "this server calls no tools", "none");
  fields.ignore({"parallel_tool_calls", "prediction"});
  fields.refuse("response_format", "answers are free text", json{{"type", "text"}});
  fields.refuse("modalities", "answers are text", json::array({"text"}));
  fields.refuse("audio", "answers are text");
  fields.refuse("reasoning_effort", "the model has no such setting", "none");
  fields.refuse("verbosity", "the model has no such setting", "medium");
  fields.refuse("web_search_options", "this server searches nothing");
  fields.refuse("chat_template", "the template is the server's: quipu serve --chat-template");
  fields.refuse("chat_template_kwargs", "the template is the server's: quipu serve --chat-template");
  fields.refuse("documents", "write them into a message");
  fields.refuse("echo", "an answer has the new message alone");
  fields.refuse("continue_final_message", "an answer is a message of its own");
  fields.refuse("best_of", "ask for n answers", 1);
  bool addGenerationPrompt = fields.boolean("add_generation_prompt", true);
  const json *list = fields.find("messages");
  fields.requireKnown();
  std::vector<ChatMessage> messages = parseMessages(list);
  request.prompts = {asRequestError("messages", [&] { return model.chatIds(messages, addGenerationPrompt); })};
  if (request.prompts.front().empty())
    throw ApiError(400, "the template makes no tokens of these messages", "messages");
  if (!request.shared.ignoreEos)
    request.shared.stopTokens.insert(request.shared.stopTokens.end(), model.turnEnds.begin(), model.turnEnds.end());
  checkSamples(request, model, "n");
  return request;
}

} // namespace quipu::serve
