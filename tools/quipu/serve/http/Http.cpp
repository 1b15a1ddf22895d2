//===- Http.cpp - Requests and answers, without a library's types ------------------------===//

#include "tools/quipu/serve/http/Http.h"

#include <algorithm>

namespace quipu::serve {

HttpExchange::~HttpExchange() = default;
HttpHandler::~HttpHandler() = default;

static char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool sameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

const std::string *HttpHead::find(std::string_view name) const {
  for (const HttpField &field : fields)
    if (sameName(field.name, name))
      return &field.value;
  return nullptr;
}

std::string_view statusText(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 204:
    return "No Content";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 408:
    return "Request Timeout";
  case 413:
    return "Content Too Large";
  case 417:
    return "Expectation Failed";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 501:
    return "Not Implemented";
  case 503:
    return "Service Unavailable";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Unknown";
  }
}

} // namespace quipu::serve
