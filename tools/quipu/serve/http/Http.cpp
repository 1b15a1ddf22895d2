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

} // namespace quipu::serve
