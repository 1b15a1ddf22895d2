//===- Request.h - What a client of the engine asks for, and what it is told -*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ENGINE_REQUEST_H
#define QUIPU_RUNTIME_ENGINE_REQUEST_H

#include "runtime/support/Error.h"
#include "runtime/text/Sampler.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Names a request of an engine. Ids count up from 1 and are never used again.
using RequestId = uint64_t;

/// The greatest number of `Request::topLogProbs`, `Request::samples`, and the bounds of `Request::priority`.
inline constexpr uint32_t kMostTopLogProbs = 20;
inline constexpr uint32_t kMostSamples = 128;
inline constexpr int32_t kLowestPriority = -100, kHighestPriority = 100;

/// Added to the logit of a token before anything is chosen. Minus infinity forbids the token.
struct LogitBias {
  int32_t token;
  float bias;
};

/// How the tokens of a request are chosen. Steps in this order: bias, presence and frequency penalty, and then those of
/// Sampler.h (repeat penalty, temperature, top-k, top-p, min-p, draw).
struct RequestSampling {
  /// Sample `i` of a request has random numbers of its own, which depend on `base.seed` and `i` alone: neither on
  /// other requests nor on the time. Sample 0 draws as Sampler with `base` does.
  SamplingOptions base;
  /// Subtracted from the logit of each token that the sample has generated: `presencePenalty` once, and
  /// `frequencyPenalty` for each time. Tokens of the prompt do not count. From -2 to 2. (OpenAI's definition.)
  float presencePenalty = 0;
  float frequencyPenalty = 0;
  std::vector<LogitBias> bias;
};

/// A prompt, and what to do with it. Engine::submit() checks it.
struct Request {
  /// At least one id.
  std::vector<int32_t> prompt;
  /// Most new tokens of a sample. Nothing: until a token ends the text or the context is full. 0: none, the prompt is
  /// only computed (for `echo`).
  std::optional<uint32_t> maxTokens;
  /// Independent continuations of the prompt. They share the prompt's pages.
  uint32_t samples = 1;
  RequestSampling sampling;

  /// Tokens that end a sample, besides the model's own ends of text.
  std::vector<int32_t> stopTokens;
  /// The model's own ends of text do not end a sample; `stopTokens` still do.
  bool ignoreEos = false;

  /// Whether each new token comes with its log-probability. Log-probabilities are natural logarithms of the model's own
  /// distribution: before bias, penalties and temperature.
  bool logProbs = false;
  /// So many of the most likely tokens come with each log-probability, up to kMostTopLogProbs. It concerns new tokens
  /// if `logProbs`, and the prompt if `echo`.
  uint32_t topLogProbs = 0;
  /// Whether RequestSink::onPrompt gets the log-probabilities of the prompt's tokens. Such a prompt is always computed
  /// as a whole: nothing is taken from earlier requests.
  bool echo = false;

  /// Requests with a greater number come first. See Scheduler.h on how far: no request waits for ever. From
  /// kLowestPriority to kHighestPriority.
  int32_t priority = 0;
  /// The request ends at this time with FinishReason::Deadline, if it has not ended before.
  std::optional<std::chrono::steady_clock::time_point> deadline;

  /// Requests share pages of the cache only with requests of the same salt. So somebody who measures times cannot find
  /// out what others with another salt have asked.
  uint64_t cacheSalt = 0;
  /// Whether whole pages of earlier prompts and answers are used again. If not, the request's own pages are not kept
  /// for others either.
  bool reusePrefix = true;
  /// Whether the prompt's whole pages stay in the cache when the request has ended, whatever else needs room
  /// (Engine::unpinAll() ends this). It is refused if too little were left for the longest request.
  bool pinPrompt = false;
};

/// Why Engine::submit() has not taken a request. Nothing was begun then.
enum class RefusalKind {
  /// The request itself is wrong: an id outside the vocabulary, a temperature below 0. HTTP 400.
  Invalid,
  /// Prompt and new tokens are more than a sequence of the plan can have (max_seq), or than the whole cache. HTTP 400.
  TooLong,
  /// Too many samples wait. HTTP 429.
  QueueFull,
  /// Engine::drain() was called. HTTP 503.
  Draining,
  /// The engine is dead: Engine::status() says why. HTTP 503.
  Dead
};

/// Thrown by Engine::submit().
class Refusal : public Error {
public:
  Refusal(RefusalKind kind, const std::string &message) : Error(message), kind(kind) {}
  const RefusalKind kind;
};

struct TokenLogProb {
  int32_t token;
  float logProb;
};

/// A token with its log-probability. `top`: the most likely tokens in its place, the most likely first, of equals the
/// lower id first. If `token` is among them, its number there is the same, bit for bit.
struct ScoredToken {
  int32_t token = 0;
  /// 0 where log-probabilities were not asked for, and for the first token of a prompt.
  float logProb = 0;
  std::span<const TokenLogProb> top;
};

enum class FinishReason {
  /// A token that ends the text, or RequestSink::onToken returned false.
  Stop,
  /// `maxTokens`, or the context is full.
  Length,
  Cancelled,
  Deadline,
  Error
};

/// "stop", "length", "cancelled", "deadline", "error".
std::string_view finishReasonName(FinishReason reason);

/// How a sample ended.
struct SampleEnd {
  uint32_t sample = 0;
  FinishReason reason = FinishReason::Stop;
  /// New tokens. The token that ended the text counts, and was not given to onToken.
  uint32_t newTokens = 0;
  /// Reason Stop by a token: the token. -1: there is none.
  int32_t stopToken = -1;
  /// For reason Error: what went wrong, as Error::what().
  std::string message;
};

struct RequestUsage {
  size_t promptTokens = 0;
  /// Of the prompt's tokens of the first sample, those whose keys and values were in the cache already.
  size_t cachedTokens = 0;
  /// Of all samples together, as SampleEnd::newTokens.
  size_t newTokens = 0;
  /// Tokens of the prompt's pages that are pinned (Request::pinPrompt).
  size_t pinnedTokens = 0;
  /// How often a sample had to give its pages to others and was computed again.
  size_t preemptions = 0;
  /// From submit(): until the first sample was given to the device, until the first new token, until the end. 0: it did
  /// not come to that.
  double queueSeconds = 0;
  double firstTokenSeconds = 0;
  double totalSeconds = 0;
};

/// Takes what becomes of a request. The engine calls these functions one at a time from a thread of its own, while
/// all requests wait: so they must be cheap (put it into a queue and wake somebody) and must not block. They may call
/// Engine::cancel(), and no other function of the engine. They must not throw. Spans and references are valid only
/// during the call.
///
/// Order: onPrompt at most once and before anything else; for each sample onToken, and onSampleEnd once; onEnd once and
/// at the very last, in every case. The engine then forgets the sink.
class RequestSink {
public:
  virtual ~RequestSink();

  /// The prompt with its log-probabilities, one for each token, if `echo` was asked for. The first token has none.
  virtual void onPrompt(std::span<const ScoredToken> tokens);

  /// A new token. Returns whether the sample goes on; if not, it ends with FinishReason::Stop.
  virtual bool onToken(uint32_t sample, const ScoredToken &token) = 0;

  virtual void onSampleEnd(const SampleEnd &end) = 0;

  virtual void onEnd(const RequestUsage &usage) = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_REQUEST_H
