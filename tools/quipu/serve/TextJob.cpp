//===- TextJob.cpp - From a checked request to its answer ----------------------------------===//

#include "tools/quipu/serve/TextJob.h"
#include "runtime/support/Error.h"
#include "tools/quipu/serve/openai/ApiError.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace quipu::serve {

/// Turns the tokens of one prompt's samples into text. All of it is on one thread, but the constructor.
class TextJob::PromptSink : public RequestSink {
public:
  PromptSink(std::shared_ptr<TextJob> job, size_t prompt) : job(std::move(job)), prompt(prompt) {
    const TextRequest &request = this->job->request;
    bool echoes = request.echo && !request.logProbs;
    for (uint32_t i = 0; i < request.shared.samples; ++i) {
      samples.emplace_back(*this->job->context.model.tokenizer, request.isChat || request.echo, request.stops,
                           request.logProbs);
      if (echoes)
        for (int32_t token : request.prompts[prompt])
          samples[i].prompt.append(samples[i].text.pushPrompt({token, 0, {}}, /*isFirst=*/false));
    }
  }

  void onPrompt(std::span<const ScoredToken> tokens) override {
    for (Sample &sample : samples)
      for (size_t i = 0; i < tokens.size(); ++i)
        sample.prompt.append(sample.text.pushPrompt(tokens[i], /*isFirst=*/i == 0));
  }

  bool onToken(uint32_t index, const ScoredToken &token) override {
    Sample &sample = samples[index];
    sample.logProb += double(token.logProb);
    ++sample.tokens;
    give(index, sample.text.push(token));
    return !sample.text.isStopped();
  }

  void onSampleEnd(const SampleEnd &end) override {
    Sample &sample = samples[end.sample];
    longest = std::max(longest, end.newTokens);
    give(end.sample, sample.text.finish());
    switch (end.reason) {
    case FinishReason::Stop:
      sample.finishReason = "stop";
      break;
    case FinishReason::Length:
    case FinishReason::Deadline:
      sample.finishReason = "length";
      break;
    case FinishReason::Cancelled:
      failure = {503, "the server is ending"};
      break;
    case FinishReason::Error:
      failure = {500, end.message};
      break;
    }
    if (job->request.stream && !sample.finishReason.empty())
      job->addEvent({prompt * job->request.n + end.sample, {}, sample.finishReason});
  }

  void onEnd(const RequestUsage &usage) override {
    std::vector<WholeChoice> whole;
    if (!job->request.stream && !failure.status)
      for (size_t i : bestSamples())
        whole.push_back({std::move(samples[i].whole), samples[i].finishReason});
    job->context.metrics.requestEnded(usage, longest);
    // The job forgets the sink, and the sink the job.
    std::exchange(job, nullptr)->promptEnded(usage, std::move(whole), prompt, failure);
  }

private:
  struct Sample {
    Sample(const Tokenizer &tokenizer, bool beginsText, const std::vector<std::string> &stops, bool keepsTokens)
        : text(tokenizer, beginsText, stops, keepsTokens) {}

    ChoiceText text;
    /// The echoed prompt, until it is given out with the first piece.
    ChoicePiece prompt;
    ChoicePiece whole;
    std::string_view finishReason;
    double logProb = 0;
    uint32_t tokens = 0;
  };

  void give(uint32_t index, ChoicePiece piece) {
    Sample &sample = samples[index];
    if (!sample.prompt.empty()) {
      ChoicePiece first = std::exchange(sample.prompt, {});
      first.append(std::move(piece));
      piece = std::move(first);
    }
    if (piece.empty())
      return;
    if (job->request.stream)
      job->addEvent({prompt * job->request.n + index, std::move(piece), {}});
    else
      sample.whole.append(std::move(piece));
  }

  /// The `n` samples with the greatest log-probability for each token, the best first; all in order if there are no
  /// more than n.
  std::vector<size_t> bestSamples() const {
    std::vector<size_t> order(samples.size());
    std::iota(order.begin(), order.end(), size_t(0));
    if (order.size() > job->request.n) {
      auto mean = [&](size_t i) { return samples[i].logProb / std::max(samples[i].tokens, 1u); };
      std::ranges::sort(order, [&](size_t a, size_t b) { return mean(a) != mean(b) ? mean(a) > mean(b) : a < b; });
      order.resize(job->request.n);
    }
    return order;
  }

  std::shared_ptr<TextJob> job;
  size_t prompt;
  std::vector<Sample> samples;
  /// New tokens of the longest sample.
  uint32_t longest = 0;
  Failure failure;
};

TextJob::TextJob(const Context &context, std::shared_ptr<HttpExchange> exchange, TextRequest request)
    : context(context), exchange(std::move(exchange)), request(std::move(request)),
      answer(this->request.isChat, this->request.logProbs, this->exchange->head().id, context.model.name(),
             time(nullptr), *context.model.tokenizer),
      choices(this->request.stream ? 0 : this->request.choiceCount()) {}

/// What the engine refuses, in the words of HTTP.
static ApiError apiError(const Refusal &refusal) {
  switch (refusal.kind) {
  case RefusalKind::Invalid:
    return {400, refusal.what()};
  case RefusalKind::TooLong:
    return {400, refusal.what(), "prompt", "context_length_exceeded"};
  case RefusalKind::QueueFull:
    return {429, refusal.what(), "", "rate_limit_exceeded"};
  case RefusalKind::Draining:
  case RefusalKind::Dead:
    return {503, refusal.what()};
  }
  return {500, refusal.what()};
}

void TextJob::start() {
  for (size_t i = 0; i < request.prompts.size(); ++i) {
    Request part = request.shared;
    part.prompt = request.prompts[i];
    std::shared_ptr<RequestSink> sink = std::make_shared<PromptSink>(shared_from_this(), i);
    if (request.stops.empty() && !part.echo)
      sink = context.sinks.defer(std::move(sink));
    try {
      RequestId id = context.engine.submit(std::move(part), std::move(sink));
      std::unique_lock lock(mutex);
      ids.push_back(id);
      if (isGone) {
        lock.unlock();
        cancelAll();
        return;
      }
    } catch (const Refusal &refusal) {
      {
        std::lock_guard lock(mutex);
        isRefused = true;
      }
      cancelAll();
      throw apiError(refusal);
    }
  }
  if (request.stream)
    context.server.post([self = shared_from_this()] { self->begin(); });
}

void TextJob::cancelAll() {
  std::vector<RequestId> all;
  {
    std::lock_guard lock(mutex);
    all = ids;
  }
  for (RequestId id : all)
    context.engine.cancel(id);
}

void TextJob::clientGone() {
  {
    std::lock_guard lock(mutex);
    isGone = true;
    exchange->notes = notes();
  }
  cancelAll();
}

void TextJob::addEvent(Event event) {
  std::lock_guard lock(mutex);
  if (isGone || isRefused)
    return;
  events.push_back(std::move(event));
  wake();
}

void TextJob::promptEnded(const RequestUsage &ended, std::vector<WholeChoice> whole, size_t prompt,
                          const Failure &failed) {
  std::lock_guard lock(mutex);
  ++endedPrompts;
  usage.promptTokens += ended.promptTokens;
  usage.cachedTokens += ended.cachedTokens;
  usage.newTokens += ended.newTokens;
  if (firstTokenSeconds == 0 || (ended.firstTokenSeconds > 0 && ended.firstTokenSeconds < firstTokenSeconds))
    firstTokenSeconds = ended.firstTokenSeconds;
  if (failed.status && !failure.status)
    failure = failed;
  if (isGone || isRefused)
    return;
  std::ranges::move(whole, choices.begin() + ptrdiff_t(prompt * request.n));
  if (request.stream || endedPrompts == request.prompts.size())
    wake();
}

/// Has the server's thread look. The caller holds the mutex.
void TextJob::wake() {
  if (!std::exchange(isWoken, true))
    context.server.post([self = shared_from_this()] { self->write(); });
}

void TextJob::begin() {
  exchange->beginStream({200, "text/event-stream", "", {{"X-Accel-Buffering", "no"}}});
  hasBegun = true;
  std::string text;
  for (size_t i = 0; i < request.choiceCount(); ++i)
    text += answer.begin(i, request.includesUsage);
  exchange->send(std::move(text));
  write();
}

void TextJob::write() {
  if (request.stream && !hasBegun)
    return;
  std::vector<Event> taken;
  bool isLast;
  {
    std::lock_guard lock(mutex);
    isWoken = false;
    taken = std::exchange(events, {});
    isLast = endedPrompts == request.prompts.size();
  }
  std::string text;
  for (const Event &event : taken) {
    if (!event.piece.empty())
      text += answer.piece(event.choice, event.piece, request.includesUsage);
    if (!event.finishReason.empty())
      text += answer.end(event.choice, event.finishReason, request.includesUsage);
  }
  exchange->send(std::move(text));
  if (isLast)
    finish();
}

void TextJob::finish() {
  std::lock_guard lock(mutex);
  // The last event may wake twice.
  if (isGone)
    return;
  isGone = true;
  exchange->notes = notes();
  exchange->onGone = nullptr;
  if (!request.stream) {
    exchange->answer(failure.status ? errorAnswer(ApiError(failure.status, failure.message))
                                    : HttpAnswer{200, "application/json", answer.whole(choices, usage), {}});
    return;
  }
  if (failure.status)
    exchange->send(TextAnswer::event(errorBody(failure.status, failure.message)));
  else if (request.includesUsage)
    exchange->send(answer.usage(usage));
  exchange->send(TextAnswer::done());
  exchange->endStream();
}

/// The caller holds the mutex.
std::vector<HttpField> TextJob::notes() const {
  size_t promptTokens = 0;
  for (const std::vector<int32_t> &ids : request.prompts)
    promptTokens += ids.size();
  std::vector<HttpField> result = {{"prompt_tokens", concat(promptTokens)}};
  if (endedPrompts == request.prompts.size()) {
    result.push_back({"cached_tokens", concat(usage.cachedTokens)});
    result.push_back({"new_tokens", concat(usage.newTokens)});
    result.push_back({"first_token_seconds", concat(firstTokenSeconds)});
  }
  return result;
}

} // namespace quipu::serve
