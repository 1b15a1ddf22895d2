//===- RequestCheck.h - Whether a request can be taken ----------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ENGINE_REQUESTCHECK_H
#define QUIPU_RUNTIME_ENGINE_REQUESTCHECK_H

#include "runtime/core/Model.h"
#include "runtime/engine/Request.h"

#include <cstdint>

namespace quipu {

/// What a request is held against.
struct RequestBounds {
  const Model &model;
  /// Positions of a page, and pages of the whole cache.
  uint32_t pageTokens;
  uint64_t pages;

  /// The greatest number of positions of a sequence: the plan's, or what the cache has.
  uint32_t positions() const;
  /// The greatest number of new tokens behind a prompt. The last one needs no position.
  uint32_t newTokens(const Request &request) const;
  /// Pages that pins must leave to others, so that the longest request can still be computed.
  uint64_t pagesToLeave() const;
};

/// Throws Refusal (Invalid or TooLong).
void checkRequest(const Request &request, const RequestBounds &bounds);

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_REQUESTCHECK_H
