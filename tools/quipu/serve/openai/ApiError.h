//===- ApiError.h - Errors in the form that OpenAI's clients read -------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_OPENAI_APIERROR_H
#define QUIPU_TOOLS_QUIPU_SERVE_OPENAI_APIERROR_H

#include "tools/quipu/serve/http/Http.h"

#include <stdexcept>
#include <string>

namespace quipu::serve {

/// A request that is answered with an error. what() is the message.
class ApiError : public std::runtime_error {
public:
  /// `param`: the field of the request; empty: none. `code`: a word for programs; empty: none.
  ApiError(int status, const std::string &message, std::string param = "", std::string code = "")
      : std::runtime_error(message), status(status), param(std::move(param)), code(std::move(code)) {}

  int status;
  std::string param, code;
};

/// {"error": {"message", "type", "param", "code"}}; the type follows from the status.
std::string errorBody(int status, const std::string &message, const std::string &param = "",
                      const std::string &code = "");

/// The whole answer. 429 and 503 tell clients when to try again.
HttpAnswer errorAnswer(const ApiError &error);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_OPENAI_APIERROR_H
