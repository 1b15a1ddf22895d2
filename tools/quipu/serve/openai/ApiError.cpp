//===- ApiError.cpp - Errors in the form that OpenAI's clients read -----------------------===//

#include "tools/quipu/serve/openai/ApiError.h"
#include "tools/quipu/JsonText.h"

namespace quipu::serve {

using nlohmann::ordered_json;

static const char *typeOf(int status) {
  if (status == 401)
    return "authentication_error";
  if (status == 403)
    return "permission_error";
  if (status == 429)
    return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

std::string errorBody(int status, const std::string &message, const std::string &param, const std::string &code) {
  auto orNull = [](const std::string &text) { return text.empty() ? ordered_json() : ordered_json(text); };
  ordered_json error = {
      {"message", message}, {"type", typeOf(status)}, {"param", orNull(param)}, {"code", orNull(code)}};
  return tool::jsonText({{"error", error}}, -1);
}

HttpAnswer errorAnswer(const ApiError &error) {
  HttpAnswer answer{
      error.status, "application/json", errorBody(error.status, error.what(), error.param, error.code), {}};
  if (error.status == 429)
    answer.fields.push_back({"Retry-After", "1"});
  if (error.status == 503)
    answer.fields.push_back({"Retry-After", "5"});
  if (error.status == 401)
    answer.fields.push_back({"WWW-Authenticate", "Bearer"});
  return answer;
}

} // namespace quipu::serve
