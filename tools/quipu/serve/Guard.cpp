//===- Guard.cpp - Who may ask -----------------------------------------------------------===//

#include "tools/quipu/serve/Guard.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <arpa/inet.h>

namespace quipu::serve {

bool equalInConstantTime(std::string_view given, std::string_view key) {
  // The volatile keeps a compiler from ending the loop early.
  volatile unsigned difference = given.size() == key.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i)
    difference =
        difference | unsigned((unsigned char)given[i] ^ (unsigned char)(key.empty() ? 0 : key[i % key.size()]));
  return difference == 0;
}

/// "Host: name:8080" without the port.
static std::string_view hostName(std::string_view host) {
  if (host.starts_with('['))
    return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

static bool isAddress(std::string_view host) {
  std::string text(host);
  in_addr v4;
  in6_addr v6;
  if (text.starts_with('[') && text.ends_with(']'))
    return inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), &v6) == 1;
  return inet_pton(AF_INET, text.c_str(), &v4) == 1;
}

void Guard::checkOrigin(const HttpHead &head) const {
  const std::string *host = head.find("Host");
  if (options.keys.empty() && host) {
    std::string_view name = hostName(*host);
    bool isLocal = sameName(name, "localhost") || isAddress(name);
    auto isSame = [&](const std::string &allowed) { return sameName(allowed, name); };
    if (!isLocal && std::ranges::none_of(options.hosts, isSame))
      throw ApiError(403,
                     "without keys this server answers to addresses and localhost alone; start it with --allow-host "
                     "NAME, or with --api-key, to call it by a name",
                     "", "unknown_host");
  }
  const std::string *origin = head.find("Origin");
  if (!origin || allowedOrigin(head))
    return;
  size_t scheme = origin->find("://");
  bool isOwn = host && scheme != std::string::npos && sameName(std::string_view(*origin).substr(scheme + 3), *host);
  if (!isOwn)
    throw ApiError(403, "pages of other sites may not ask this server; start it with --cors-origin ORIGIN to allow one",
                   "", "foreign_origin");
}

void Guard::checkKey(const HttpHead &head) const {
  if (options.keys.empty())
    return;
  const std::string *field = head.find("Authorization");
  if (!field || field->size() < 7 || !sameName(std::string_view(*field).substr(0, 7), "Bearer "))
    throw ApiError(401, "this server wants a key: send the field Authorization: Bearer KEY", "", "invalid_api_key");
  std::string_view given = std::string_view(*field).substr(7);
  // Every key is compared, so that the time does not tell which one was near.
  bool isKnown = false;
  for (const std::string &key : options.keys)
    isKnown |= equalInConstantTime(given, key);
  if (!isKnown)
    throw ApiError(401, "the key is none that this server knows", "", "invalid_api_key");
}

std::optional<std::string> Guard::allowedOrigin(const HttpHead &head) const {
  const std::string *origin = head.find("Origin");
  if (!origin)
    return std::nullopt;
  for (const std::string &allowed : options.origins)
    if (allowed == "*" || sameName(allowed, *origin))
      return allowed == "*" ? "*" : *origin;
  return std::nullopt;
}

} // namespace quipu::serve
