//===- SinkQueue.h - Calls of sinks that another thread makes -----------------*- C++ -*-===//
//
// The engine calls sinks one after the other while all requests wait. A step with many streams has a call for each, and
// text is made of each token. Here the engine's thread only notes the calls, in one list for all sinks, and the
// server's thread makes them. It is woken once for all calls of a step: waking a thread takes longer than they do.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_SINKQUEUE_H
#define QUIPU_TOOLS_QUIPU_SERVE_SINKQUEUE_H

#include "runtime/engine/Request.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace quipu::serve {

class SinkQueue {
public:
  /// Runs a piece of work on the server's thread. Work that comes later runs later.
  using Post = std::function<void(std::function<void()>)>;

  /// The queue must outlive the work that it posts.
  explicit SinkQueue(Post post) : post(std::move(post)) {}

  /// A sink for the engine. `sink` gets its calls in their order on the server's thread. It cannot end a sample
  /// (RequestSink::onToken), and gets no prompt.
  std::shared_ptr<RequestSink> defer(std::shared_ptr<RequestSink> sink);
  /// Has the calls made that were noted (EngineOptions::afterEvents).
  void flush();

private:
  class Deferred;
  /// A new token, or another call.
  struct Event {
    RequestSink *sink = nullptr;
    uint32_t sample = 0;
    int32_t token = 0;
    float logProb = 0;
    /// The token has so many of the next `tops`.
    uint32_t numTops = 0;
    std::function<void()> call = {};
  };
  struct Events {
    std::vector<Event> calls;
    std::vector<TokenLogProb> tops;
  };

  void push(Event event, std::span<const TokenLogProb> tops = {});
  void run();

  const Post post;
  std::mutex mutex;
  Events events;
  bool isPosted = false;
  /// Of the server's thread. It keeps its memory.
  Events taken;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_SINKQUEUE_H
