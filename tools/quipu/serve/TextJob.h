//===- TextJob.h - From a checked request to its answer -----------------------*- C++ -*-===//
//
// A job belongs to three threads. It is started on one for longer work. The server's thread turns tokens into text and
// writes it to the client. Where the text has a say in what comes next, or with `echo`, the engine's thread makes
// the text. So the engine never waits for a client.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_TEXTJOB_H
#define QUIPU_TOOLS_QUIPU_SERVE_TEXTJOB_H

#include "runtime/engine/Engine.h"
#include "tools/quipu/serve/Metrics.h"
#include "tools/quipu/serve/ServedModel.h"
#include "tools/quipu/serve/SinkQueue.h"
#include "tools/quipu/serve/http/HttpServer.h"
#include "tools/quipu/serve/openai/TextAnswer.h"
#include "tools/quipu/serve/openai/TextRequest.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace quipu::serve {

class TextJob : public std::enable_shared_from_this<TextJob> {
public:
  struct Context {
    HttpServer &server;
    Engine &engine;
    const ServedModel &model;
    RequestMetrics &metrics;
    SinkQueue &sinks;
  };

  TextJob(const Context &context, std::shared_ptr<HttpExchange> exchange, TextRequest request);

  /// Gives the prompts to the engine. Throws ApiError if it refuses one; then nothing is left of the others.
  void start();
  /// The client has gone. On the server's thread.
  void clientGone();

private:
  class PromptSink;
  /// What a stream says next.
  struct Event {
    size_t choice = 0;
    ChoicePiece piece;
    /// Empty: the choice goes on.
    std::string_view finishReason;
  };
  struct Failure {
    int status = 0;
    std::string message;
  };

  void addEvent(Event event);
  void promptEnded(const RequestUsage &usage, std::vector<WholeChoice> choices, size_t prompt, const Failure &failure);
  void cancelAll();
  void wake();
  void begin();
  void write();
  void finish();
  std::vector<HttpField> notes() const;

  const Context context;
  const std::shared_ptr<HttpExchange> exchange;
  const TextRequest request;
  const TextAnswer answer;
  /// Whether the stream's head was written. Of the server's thread.
  bool hasBegun = false;

  mutable std::mutex mutex;
  std::vector<RequestId> ids;
  std::vector<Event> events;
  std::vector<WholeChoice> choices;
  TokenUsage usage;
  double firstTokenSeconds = 0;
  size_t endedPrompts = 0;
  Failure failure;
  bool isGone = false, isRefused = false, isWoken = false;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_TEXTJOB_H
