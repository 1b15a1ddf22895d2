//===- SinkQueue.cpp - Calls of sinks that another thread makes ----------------------------===//

#include "tools/quipu/serve/SinkQueue.h"

#include <utility>

namespace quipu::serve {

/// The last call of a sink keeps it alive until it has been made. So events of tokens need no owner.
class SinkQueue::Deferred : public RequestSink {
public:
  Deferred(SinkQueue &queue, std::shared_ptr<RequestSink> sink) : queue(queue), sink(std::move(sink)) {}

  bool onToken(uint32_t sample, const ScoredToken &token) override {
    queue.push({sink.get(), sample, token.token, token.logProb, uint32_t(token.top.size())}, token.top);
    return true;
  }
  void onSampleEnd(const SampleEnd &end) override {
    queue.push({.call = [to = sink.get(), end] { to->onSampleEnd(end); }});
  }
  void onEnd(const RequestUsage &usage) override {
    queue.push({.call = [last = std::exchange(sink, nullptr), usage] { last->onEnd(usage); }});
  }

private:
  SinkQueue &queue;
  std::shared_ptr<RequestSink> sink;
};

std::shared_ptr<RequestSink> SinkQueue::defer(std::shared_ptr<RequestSink> sink) {
  return std::make_shared<Deferred>(*this, std::move(sink));
}

void SinkQueue::push(Event event, std::span<const TokenLogProb> tops) {
  std::lock_guard lock(mutex);
  events.calls.push_back(std::move(event));
  events.tops.insert(events.tops.end(), tops.begin(), tops.end());
}

void SinkQueue::flush() {
  std::lock_guard lock(mutex);
  if (!events.calls.empty() && !std::exchange(isPosted, true))
    post([this] { run(); });
}

void SinkQueue::run() {
  {
    std::lock_guard lock(mutex);
    isPosted = false;
    std::swap(events, taken);
  }
  std::span<const TokenLogProb> tops = taken.tops;
  for (const Event &event : taken.calls) {
    if (event.call)
      event.call();
    else
      (void)event.sink->onToken(event.sample, {event.token, event.logProb, tops.first(event.numTops)});
    tops = tops.subspan(event.numTops);
  }
  taken.calls.clear();
  taken.tops.clear();
}

} // namespace quipu::serve
