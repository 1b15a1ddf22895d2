//===- HeadCheck.h - Request heads that no two programs read differently ----*- C++ -*-===//
//
// Requests are smuggled through proxies where two programs divide the same bytes into other requests. So a head is
// checked letter by letter before the library parses it, and what RFC 9112 leaves to the reader is refused: a line that
// ends without CR, a field that goes on in the next line, a blank before a colon, zero bytes, two lengths, a length
// beside a coding.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_HTTP_HEADCHECK_H
#define QUIPU_TOOLS_QUIPU_SERVE_HTTP_HEADCHECK_H

#include "tools/quipu/serve/http/Http.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace quipu::serve {

/// Finds the end of a head in what has been received, and what is wrong with it, as early as it shows.
class HeadScan {
public:
  /// `received`: all bytes since the beginning of the head, more than in the last call. Returns the bytes of the head,
  /// its empty line included; 0 if it has not come yet. Fills wrong().
  size_t scan(std::string_view received);

  /// What is wrong; empty: nothing so far.
  const std::string &wrong() const { return reason; }

private:
  bool takeLine(std::string_view line);

  size_t lineStart = 0, position = 0;
  bool isFirstLine = true;
  std::string reason;
};

/// How the body of a request is delimited.
enum class BodyForm { None, Length, Chunks };

/// A refusal, with the status of its answer.
struct HeadRefusal {
  int status;
  std::string reason;
};

/// Checks the fields that say where the request ends and whom it is for. Returns the refusal, or nothing and fills
/// `form`, and `head.bodyBytes` if there is a length.
std::optional<HeadRefusal> checkFraming(HttpHead &head, bool isHttp10, BodyForm &form);

/// The path of a target: "/v1/models?x=1" and "http://host/v1/models" give "/v1/models". Nothing for a target that is
/// neither.
std::optional<std::string> pathOf(std::string_view target);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_HTTP_HEADCHECK_H
