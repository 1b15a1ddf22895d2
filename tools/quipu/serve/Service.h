//===- Service.h - The endpoints ----------------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_SERVICE_H
#define QUIPU_TOOLS_QUIPU_SERVE_SERVICE_H

#include "runtime/engine/Engine.h"
#include "tools/quipu/serve/AccessLog.h"
#include "tools/quipu/serve/Guard.h"
#include "tools/quipu/serve/Metrics.h"
#include "tools/quipu/serve/ServedModel.h"
#include "tools/quipu/serve/SinkQueue.h"
#include "tools/quipu/serve/http/HttpServer.h"

#include <memory>
#include <string>
#include <string_view>

namespace quipu::serve {

struct Endpoint;

class Service : public HttpHandler {
public:
  Service(const GuardOptions &guard, const std::string &logFile) : guard(guard), log(logFile) {}

  /// Must come before the server runs.
  void setServer(HttpServer &httpServer) { server = &httpServer; }
  /// The model answers from now on. Before that every request for it is answered with 503. On the server's thread. Both
  /// must outlive the server.
  void setModel(const ServedModel &servedModel, Engine &modelEngine);
  /// EngineOptions::afterEvents of the model's engine.
  void flushSinks() { sinks.flush(); }
  /// New requests are answered with 503 from now on. On the server's thread.
  void beginEnding() { isEnding = true; }
  void reopenLog() { log.reopen(); }

  std::optional<HttpAnswer> screen(const HttpHead &head) override;
  void handle(const std::shared_ptr<HttpExchange> &exchange) override;
  void complete(const HttpHead &head, HttpAnswer &answer) override;
  HttpAnswer refusal(int status, const std::string &reason) override;
  void record(const HttpRecord &record) override;

private:
  using Exchange = std::shared_ptr<HttpExchange>;
  friend struct Endpoint;

  void answerPage(const Exchange &exchange);
  void answerScript(const Exchange &exchange);
  void answerStyle(const Exchange &exchange);
  void answerHealth(const Exchange &exchange);
  void answerMetrics(const Exchange &exchange);
  void answerSlots(const Exchange &exchange);
  void answerModels(const Exchange &exchange);
  void answerModel(const Exchange &exchange);
  void answerCompletion(const Exchange &exchange);
  void answerChat(const Exchange &exchange);
  void answerEmbeddings(const Exchange &exchange);
  void answerTokenize(const Exchange &exchange);
  void answerDetokenize(const Exchange &exchange);
  void answerTokenizerInfo(const Exchange &exchange);
  void startText(const Exchange &exchange, bool isChat);

  static const Endpoint *findEndpoint(std::string_view path);

  Guard guard;
  AccessLog log;
  RequestMetrics metrics;
  HttpServer *server = nullptr;
  SinkQueue sinks{[this](std::function<void()> work) { server->post(std::move(work)); }};
  const ServedModel *model = nullptr;
  Engine *engine = nullptr;
  bool isEnding = false;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_SERVICE_H
