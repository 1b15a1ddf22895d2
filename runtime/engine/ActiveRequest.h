//===- ActiveRequest.h - A request that has not ended yet -------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ENGINE_ACTIVEREQUEST_H
#define QUIPU_RUNTIME_ENGINE_ACTIVEREQUEST_H

#include "runtime/engine/Request.h"
#include "runtime/engine/SampleChooser.h"
#include "runtime/engine/Scheduler.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace quipu {

using EngineClock = std::chrono::steady_clock;

/// A sample of a request: a stream of the scheduler.
struct ActiveSample {
  uint32_t index = 0;
  StreamId stream = 0;
  std::unique_ptr<SampleChooser> chooser;
  /// By what the device chooses. Null: the host chooses.
  const TokenSampling *deviceRule = nullptr;
  /// Whether its first token is chosen on the host all the same, with the prompt's log-probabilities. It is over with
  /// this token.
  bool awaitsEcho = false;
  /// Whether the scheduler has it.
  bool isQueued = false;
  bool hasEnded = false;
  /// Of the scheduler, when the sample has ended.
  uint32_t preemptions = 0;
  uint32_t newTokens = 0;
  /// Steps that run and choose a token for it.
  uint32_t pending = 0;
  EngineClock::time_point lastToken;
};

/// Log-probabilities of a prompt, which come part by part.
class PromptScores {
public:
  explicit PromptScores(const Request &request) : request(request) {}

  /// Takes the logits behind position `position`, which say how likely the next token of the prompt was. Positions that
  /// it has already, and the last one, change nothing.
  void take(uint32_t position, std::span<const float> logits);
  /// Whether a step that begins at this position still has something for it.
  bool wants(uint32_t position) const { return position + 1 < request.prompt.size() && !isComplete(); }
  bool isComplete() const { return known + 1 >= request.prompt.size(); }
  /// All tokens, for RequestSink::onPrompt. The result points into this.
  std::vector<ScoredToken> tokens() const;

private:
  const Request &request;
  /// Tokens but the first, whose numbers are known.
  size_t known = 0;
  std::vector<float> logProbs;
  std::vector<TokenLogProb> tops;
};

struct ActiveRequest {
  ActiveRequest(RequestId id, Request request, std::shared_ptr<RequestSink> sink)
      : id(id), request(std::move(request)), sink(std::move(sink)), scores(this->request) {}
  ActiveRequest(const ActiveRequest &) = delete;
  ActiveRequest &operator=(const ActiveRequest &) = delete;

  /// Whether sample 0 must still give the prompt's log-probabilities before others may begin.
  bool waitsForPrompt() const { return request.echo && !isPromptGiven && !samples.front().hasEnded; }
  /// Whether some of its samples begin behind that.
  bool holdsBack() const { return request.echo && samples.size() > 1; }
  /// Whether it wants something at the end of its prompt besides a token.
  bool isWatched() const { return request.pinPrompt || maxNewTokens == 0; }

  const RequestId id;
  const Request request;
  const std::shared_ptr<RequestSink> sink;
  PromptScores scores;
  bool isPromptGiven = false;
  std::vector<ActiveSample> samples;
  uint32_t numEnded = 0;
  uint32_t maxNewTokens = 0;
  bool hasStarted = false, isPinned = false;
  /// Whether the host chooses its tokens, or wants logits.
  bool needsHost = false;
  EngineClock::time_point submitted;
  RequestUsage usage;
};

/// The most likely tokens with their log-probabilities, appended to `tops`. Returns the log-probability of `token`.
float scoreToken(std::span<const float> logits, int32_t token, uint32_t top, std::vector<TokenLogProb> &tops);
/// The same of what a device says.
float scoreToken(const TokenScores &scores, uint32_t top, std::vector<TokenLogProb> &tops);

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_ACTIVEREQUEST_H
