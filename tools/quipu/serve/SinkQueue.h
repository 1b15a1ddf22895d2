//===- SinkQueue.h - Calls of sinks that another thread makes -----------------*- C++ -*-===//
//
// The engine calls sinks one after the other while all requests wait. A step with many streams has a call for each, and
// text is made of each token. Here the engine's thread only notes the calls, in one list for all sinks, and the
// server's thread makes them.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_SINKQUEUE_H
#define QUIPU_TOOLS_QUIPU_SERVE_SINKQUEUE_H

#include "runtime/engine/Request.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace quipu::serve {

class SinkQueue {
public:
  /// Runs a piece of work on the server's thread. Work that comes later runs later.
  using Post = std::function<void(std::function<void()>)>;

  /// The queue must outlive the work that it posts.
  explicit SinkQueue(Post post) : post(std::move(post)) {}

  /// A sink for the engine. `sink` gets its calls in their order on the server's thread. It cannot end a sample
  /// (RequestSink::onToken), and gets neither a prompt nor log-probabilities.
  std::shared_ptr<RequestSink> defer(std::shared_ptr<RequestSink> sink);

private:
  class Deferred;
  /// A new token, or another call.
  struct Event {
    RequestSink *sink = nullptr;
    uint32_t sample = 0;
    int32_t token = 0;
    std::function<void()> call = {};
  };

  void push(Event event);
  void run();

  const Post post;
  std::mutex mutex;
  std::vector<Event> events;
  /// Of the server's thread. It keeps its memory.
  std::vector<Event> taken;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_SINKQUEUE_H
