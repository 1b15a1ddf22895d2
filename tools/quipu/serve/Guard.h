//===- Guard.h - Who may ask --------------------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_GUARD_H
#define QUIPU_TOOLS_QUIPU_SERVE_GUARD_H

#include "tools/quipu/serve/http/Http.h"
#include "tools/quipu/serve/openai/ApiError.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::serve {

struct GuardOptions {
  /// Whoever has one of them may ask. Empty: everybody who reaches the server.
  std::vector<std::string> keys;
  /// Pages of these origins may ask ("https://chat.example"); "*": of all. Empty: the server's own page alone.
  std::vector<std::string> origins;
  /// Names by which clients may call the server, besides addresses and localhost. Only looked at without keys.
  std::vector<std::string> hosts;
};

/// Decides by a request's head.
class Guard {
public:
  explicit Guard(GuardOptions options) : options(std::move(options)) {}

  /// Throws ApiError:
  /// - A browser says on behalf of which page it asks. Pages of other sites must not use a model that only the user's
  ///   machine can reach.
  /// - A page can give its own name this machine's address, and then is of the server's own origin. Its requests still
  ///   have its name as Host.
  void checkOrigin(const HttpHead &head) const;
  /// Throws ApiError if no key, or a wrong one, is there.
  void checkKey(const HttpHead &head) const;

  /// The value of Access-Control-Allow-Origin; nothing: the field is left out.
  std::optional<std::string> allowedOrigin(const HttpHead &head) const;

private:
  GuardOptions options;
};

/// Whether the texts are equal. The time depends on their lengths alone, so that it tells nothing of a key's letters.
bool equalInConstantTime(std::string_view given, std::string_view key);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_GUARD_H
