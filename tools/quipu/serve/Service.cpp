//===- Service.cpp - The endpoints --------------------------------------------------------===//

#include "tools/quipu/serve/Service.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/serve/TextJob.h"
#include "tools/quipu/serve/TokenAnswers.h"
#include "tools/quipu/serve/openai/ApiError.h"
#include "tools/quipu/serve/openai/BodyFields.h"
#include "tools/quipu/serve/page/Page.h"

#include <algorithm>
#include <new>

namespace quipu::serve {

using nlohmann::ordered_json;

/// A path, and what answers it.
struct Endpoint {
  std::string_view path;
  bool isPost;
  /// Whether it takes no key: what tells nothing, and the page that asks for the key.
  bool isPublic;
  bool needsModel;
  void (Service::*answer)(const std::shared_ptr<HttpExchange> &);

  static const Endpoint kAll[];
};

constexpr bool kGet = false, kPost = true, kOpen = true, kKeyed = false, kNeedsModel = true, kAlways = false;
constexpr std::string_view kModelPath = "/v1/models/";

const Endpoint Endpoint::kAll[] = {
    {"/", kGet, kOpen, kAlways, &Service::answerPage},
    {"/page.js", kGet, kOpen, kAlways, &Service::answerScript},
    {"/page.css", kGet, kOpen, kAlways, &Service::answerStyle},
    {"/health", kGet, kOpen, kAlways, &Service::answerHealth},
    {"/metrics", kGet, kKeyed, kNeedsModel, &Service::answerMetrics},
    {"/slots", kGet, kKeyed, kNeedsModel, &Service::answerSlots},
    {"/v1/models", kGet, kKeyed, kNeedsModel, &Service::answerModels},
    {kModelPath, kGet, kKeyed, kNeedsModel, &Service::answerModel},
    {"/v1/completions", kPost, kKeyed, kNeedsModel, &Service::answerCompletion},
    {"/v1/chat/completions", kPost, kKeyed, kNeedsModel, &Service::answerChat},
    {"/v1/embeddings", kPost, kKeyed, kAlways, &Service::answerEmbeddings},
    {"/tokenize", kPost, kKeyed, kNeedsModel, &Service::answerTokenize},
    {"/detokenize", kPost, kKeyed, kNeedsModel, &Service::answerDetokenize},
    {"/tokenizer_info", kGet, kKeyed, kNeedsModel, &Service::answerTokenizerInfo},
};

const Endpoint *Service::findEndpoint(std::string_view path) {
  for (const Endpoint &endpoint : Endpoint::kAll)
    if (path == endpoint.path || (endpoint.path == kModelPath && path.starts_with(kModelPath)))
      return &endpoint;
  return nullptr;
}

void Service::setModel(const ServedModel &servedModel, Engine &modelEngine) {
  model = &servedModel;
  engine = &modelEngine;
}

std::optional<HttpAnswer> Service::screen(const HttpHead &head) {
  try {
    guard.checkOrigin(head);
    const Endpoint *endpoint = findEndpoint(head.path);
    if (!endpoint) {
      std::string names;
      for (const Endpoint &each : Endpoint::kAll)
        if (each.path.size() > 1 && !each.path.ends_with(".js") && !each.path.ends_with(".css") &&
            !each.path.ends_with('/'))
          names += concat(names.empty() ? "" : ", ", each.path);
      throw ApiError(404, "there is nothing at this path; there are " + names, "", "unknown_url");
    }
    const char *method = endpoint->isPost ? "POST" : "GET";
    // A browser asks first whether it may ask.
    if (head.method == "OPTIONS" && guard.allowedOrigin(head))
      return HttpAnswer{204,
                        "",
                        "",
                        {{"Access-Control-Allow-Methods", concat(method, ", OPTIONS")},
                         {"Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id"},
                         {"Access-Control-Max-Age", "600"}}};
    if (head.method != method && !(head.method == "HEAD" && !endpoint->isPost)) {
      HttpAnswer answer = errorAnswer({405, concat("this path takes ", method, " alone"), "", "method_not_allowed"});
      answer.fields.push_back({"Allow", endpoint->isPost ? "POST" : "GET, HEAD"});
      return answer;
    }
    if (!endpoint->isPublic)
      guard.checkKey(head);
    if (isEnding && endpoint->answer != &Service::answerHealth)
      throw ApiError(503, "the server is ending");
    if (endpoint->needsModel && !model)
      throw ApiError(503, "the model is being loaded");
    return std::nullopt;
  } catch (const ApiError &error) {
    return errorAnswer(error);
  }
}

void Service::handle(const Exchange &exchange) {
  const Endpoint *endpoint = findEndpoint(exchange->head().path);
  (this->*endpoint->answer)(exchange);
}

void Service::complete(const HttpHead &head, HttpAnswer &answer) {
  if (std::optional<std::string> origin = guard.allowedOrigin(head)) {
    answer.fields.push_back({"Access-Control-Allow-Origin", *origin});
    answer.fields.push_back({"Access-Control-Expose-Headers", "X-Request-Id, Retry-After"});
    answer.fields.push_back({"Vary", "Origin"});
  }
}

HttpAnswer Service::refusal(int status, const std::string &reason) { return errorAnswer({status, reason}); }

void Service::record(const HttpRecord &record) {
  metrics.answered(record.status, record.isCut);
  log.write(record);
}

static HttpAnswer jsonAnswer(const ordered_json &value) {
  return {200, "application/json", value.dump(-1, ' ', false, ordered_json::error_handler_t::replace), {}};
}

/// No script but the server's own runs in the page, and it asks nobody else.
static HttpAnswer pageAnswer(const char *type, std::string_view text) {
  return {200,
          type,
          std::string(text),
          {{"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                                       "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
           {"Referrer-Policy", "no-referrer"}}};
}

void Service::answerPage(const Exchange &exchange) {
  exchange->answer(pageAnswer("text/html; charset=utf-8", kPageHtml));
}
void Service::answerScript(const Exchange &exchange) {
  exchange->answer(pageAnswer("text/javascript; charset=utf-8", kPageScript));
}
void Service::answerStyle(const Exchange &exchange) {
  exchange->answer(pageAnswer("text/css; charset=utf-8", kPageStyle));
}

void Service::answerHealth(const Exchange &exchange) {
  ordered_json health = {{"status", "ok"}};
  if (!model) {
    health["status"] = "starting";
  } else if (isEnding) {
    health["status"] = "ending";
  } else if (EngineStatus status = engine->status(); status.state == EngineState::Dead) {
    health["status"] = "failed";
    health["message"] = status.message;
  }
  HttpAnswer answer = jsonAnswer(health);
  answer.status = health["status"] == "ok" ? 200 : 503;
  exchange->answer(std::move(answer));
}

void Service::answerMetrics(const Exchange &exchange) {
  exchange->answer({200,
                    "text/plain; version=0.0.4; charset=utf-8",
                    metricsText(engine->status(), metrics.values(), server->connectionCount(), model->name()),
                    {}});
}

void Service::answerSlots(const Exchange &exchange) {
  EngineStatus status = engine->status();
  ordered_json slots = ordered_json::array();
  for (const SlotStatus &slot : status.slots)
    slots.push_back({{"request", slot.request},
                     {"sample", slot.sample},
                     {"state", slot.isRunning ? "running" : "waiting"},
                     {"priority", -slot.priority},
                     {"prompt_tokens", slot.promptTokens},
                     {"computed_tokens", slot.computedTokens},
                     {"new_tokens", slot.newTokens},
                     {"max_tokens", slot.maxTokens},
                     {"preemptions", slot.preemptions},
                     {"seconds", slot.seconds}});
  exchange->answer(jsonAnswer({{"state", engineStateName(status.state)},
                               {"running", status.running},
                               {"waiting", status.waiting},
                               {"max_running", status.maxRunning},
                               {"max_waiting", status.maxWaiting},
                               {"cache",
                                {{"page_tokens", status.pageTokens},
                                 {"pages", status.cache.pages},
                                 {"used", status.cache.used},
                                 {"kept", status.cache.kept}}},
                               {"slots", std::move(slots)}}));
}

static ordered_json modelJson(const ServedModel &model, const std::string &name) {
  return {{"id", name},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "quipu"},
          {"max_model_len", model.contextTokens}};
}

void Service::answerModels(const Exchange &exchange) {
  ordered_json list = ordered_json::array();
  for (const std::string &name : model->names)
    list.push_back(modelJson(*model, name));
  exchange->answer(jsonAnswer({{"object", "list"}, {"data", std::move(list)}}));
}

void Service::answerModel(const Exchange &exchange) {
  std::string name = exchange->head().path.substr(kModelPath.size());
  if (!model->isNamed(name))
    return exchange->answer(errorAnswer(
        {404, "there is no model of this name; this server has " + model->name(), "model", "model_not_found"}));
  exchange->answer(jsonAnswer(modelJson(*model, name)));
}

void Service::answerEmbeddings(const Exchange &exchange) {
  exchange->answer(errorAnswer({400,
                                "embeddings are not supported: the model continues texts; ask /v1/completions or "
                                "/v1/chat/completions",
                                "", "unsupported_endpoint"}));
}

void Service::answerTokenizerInfo(const Exchange &exchange) { exchange->answer(jsonAnswer(tokenizerInfo(*model))); }

/// Runs `work`, which answers or throws ApiError, on a thread for longer work. Throws nothing.
template <typename Work>
static void answerAside(HttpServer &server, std::shared_ptr<HttpExchange> exchange, Work work) {
  server.aside([&server, exchange = std::move(exchange), work = std::move(work)] {
    HttpAnswer answer;
    try {
      work();
      return;
    } catch (const ApiError &error) {
      answer = errorAnswer(error);
    } catch (const std::bad_alloc &) {
      answer = errorAnswer({503, "there is not enough memory for this request"});
    } catch (const std::exception &error) {
      answer = errorAnswer({500, error.what()});
    }
    server.post([exchange, answer] { exchange->answer(answer); });
  });
}

/// The body as JSON. The bytes are freed first.
static nlohmann::json takeBody(HttpServer &server, const std::shared_ptr<HttpExchange> &exchange) {
  nlohmann::json value = parseBody(exchange->body());
  server.post([exchange] { exchange->releaseBody(); });
  return value;
}

void Service::answerTokenize(const Exchange &exchange) {
  answerAside(*server, exchange, [this, exchange] {
    HttpAnswer answer = jsonAnswer(tokenizeAnswer(takeBody(*server, exchange), *model));
    server->post([exchange, answer = std::move(answer)] { exchange->answer(answer); });
  });
}

void Service::answerDetokenize(const Exchange &exchange) {
  answerAside(*server, exchange, [this, exchange] {
    HttpAnswer answer = jsonAnswer(detokenizeAnswer(takeBody(*server, exchange), *model));
    server->post([exchange, answer = std::move(answer)] { exchange->answer(answer); });
  });
}

void Service::answerCompletion(const Exchange &exchange) { startText(exchange, /*isChat=*/false); }
void Service::answerChat(const Exchange &exchange) { startText(exchange, /*isChat=*/true); }

void Service::startText(const Exchange &exchange, bool isChat) {
  // The client may go away before there is a job.
  auto started = std::make_shared<std::weak_ptr<TextJob>>();
  auto isGone = std::make_shared<bool>(false);
  exchange->onGone = [started, isGone] {
    *isGone = true;
    if (std::shared_ptr<TextJob> job = started->lock())
      job->clientGone();
  };
  answerAside(*server, exchange, [this, exchange, isChat, started, isGone] {
    nlohmann::json body = takeBody(*server, exchange);
    TextRequest request = isChat ? parseChat(body, *model) : parseCompletion(body, *model);
    body = nullptr;
    auto job = std::make_shared<TextJob>(TextJob::Context{*server, *engine, *model, metrics, sinks}, exchange,
                                         std::move(request));
    // Only the server's thread touches what is shared with onGone.
    server->post([job, started, isGone] {
      *started = job;
      if (*isGone)
        job->clientGone();
    });
    job->start();
  });
}

} // namespace quipu::serve
