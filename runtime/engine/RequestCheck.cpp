//===- RequestCheck.cpp - Whether a request can be taken ---------------------------------===//

#include "runtime/engine/RequestCheck.h"
#include "runtime/core/MemoryPlan.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quipu {

uint32_t RequestBounds::positions() const {
  return uint32_t(std::min<uint64_t>(model.maxSequenceLength(), pages * pageTokens));
}

uint32_t RequestBounds::newTokens(const Request &request) const {
  return std::min(request.maxTokens.value_or(UINT32_MAX), positions() + 1 - uint32_t(request.prompt.size()));
}

uint64_t RequestBounds::pagesToLeave() const { return (uint64_t(positions()) + pageTokens - 1) / pageTokens; }

namespace {

template <typename... Args> [[noreturn]] void refuse(RefusalKind kind, const Args &...args) {
  throw Refusal(kind, concat(args...));
}

void checkIds(std::span<const int32_t> ids, const char *what, uint32_t vocab) {
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || uint32_t(ids[i]) >= vocab)
      refuse(RefusalKind::Invalid, what, " ", i, " has id ", ids[i], ", the vocabulary has ids 0 to ", vocab - 1);
}

void checkSampling(const RequestSampling &sampling, uint32_t vocab) {
  try {
    sampling.base.check();
  } catch (const Error &error) {
    throw Refusal(RefusalKind::Invalid, error.what());
  }
  auto checkPenalty = [](const char *name, float value) {
    // Written so that a NaN fails.
    if (!(value >= -2 && value <= 2))
      refuse(RefusalKind::Invalid, name, " ", value, ": expected a number from -2 to 2 (0: off)");
  };
  checkPenalty("presence penalty", sampling.presencePenalty);
  checkPenalty("frequency penalty", sampling.frequencyPenalty);
  for (const LogitBias &each : sampling.bias) {
    checkIds({&each.token, 1}, "logit bias", vocab);
    if (std::isnan(each.bias) || each.bias == std::numeric_limits<float>::infinity())
      refuse(RefusalKind::Invalid, "logit bias of token ", each.token, " is ", each.bias,
             ": expected a number (minus infinity forbids the token)");
  }
}

void checkLength(const Request &request, const RequestBounds &bounds) {
  uint64_t prompt = request.prompt.size(), more = std::max(request.maxTokens.value_or(1), 1u) - 1;
  uint32_t plan = bounds.model.maxSequenceLength();
  std::string what = concat("a prompt of ", prompt, " tokens", more ? concat(" and ", more + 1, " new ones") : "");
  if (prompt + more > plan)
    refuse(RefusalKind::TooLong, what, more ? " do not fit" : " does not fit",
           ": the plan was compiled for sequences of at most ", plan, " tokens; ask for fewer; ",
           adviceOnLength(bounds.model.plan(), prompt + more));
  if (prompt + more > bounds.positions())
    refuse(RefusalKind::TooLong, what, more ? " need " : " needs ",
           (prompt + more + bounds.pageTokens - 1) / bounds.pageTokens, " pages of ", bounds.pageTokens,
           " positions, the whole key/value cache has ", bounds.pages,
           "; ask for fewer, or give the cache more tokens");
}

} // namespace

void checkRequest(const Request &request, const RequestBounds &bounds) {
  uint32_t vocab = bounds.model.vocabSize();
  if (request.prompt.empty())
    refuse(RefusalKind::Invalid, "no tokens to run; give at least one (an empty prompt needs a BOS token)");
  checkIds(request.prompt, "token", vocab);
  checkIds(request.stopTokens, "stop token", vocab);
  if (request.samples == 0 || request.samples > kMostSamples)
    refuse(RefusalKind::Invalid, request.samples, " samples of a prompt; 1 to ", kMostSamples, " are supported");
  if (request.topLogProbs > std::min(kMostTopLogProbs, vocab))
    refuse(RefusalKind::Invalid, request.topLogProbs, " most likely tokens; up to ", std::min(kMostTopLogProbs, vocab),
           " are supported");
  if (request.priority < kLowestPriority || request.priority > kHighestPriority)
    refuse(RefusalKind::Invalid, "priority ", request.priority, "; ", kLowestPriority, " to ", kHighestPriority,
           " are supported");
  if (request.pinPrompt && !request.reusePrefix)
    refuse(RefusalKind::Invalid,
           "a prompt is to be pinned whose pages nobody may use again; allow reuse, or do not pin");
  checkSampling(request.sampling, vocab);
  checkLength(request, bounds);
}

} // namespace quipu
