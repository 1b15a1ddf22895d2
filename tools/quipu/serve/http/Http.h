//===- Http.h - Requests and answers, without a library's types -------------*- C++ -*-===//
//
// What the rest of the server sees of HTTP. HttpServer.cpp and HttpConnection.cpp alone include Boost, whose headers
// take long to compile.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTP_H
#define QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTP_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::serve {

struct HttpField {
  std::string name, value;
};

/// A request without its body.
struct HttpHead {
  std::string method;
  /// The target without its query: "/v1/models".
  std::string path;
  std::vector<HttpField> fields;
  /// Address and port of the client.
  std::string remote;
  /// Names the request in answers and logs: the client's X-Request-Id if it is a plain word, else a new one.
  std::string id;
  /// Bytes of the body where the client says so; 0 for a body in chunks.
  uint64_t bodyBytes = 0;

  /// The first field of that name, whatever the case of its letters. Null: there is none.
  const std::string *find(std::string_view name) const;
};

struct HttpAnswer {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<HttpField> fields;
};

/// Compares as HTTP compares names: letters of ASCII without their case.
bool sameName(std::string_view a, std::string_view b);

/// What the access log says of an answered request.
struct HttpRecord {
  const HttpHead *head = nullptr;
  int status = 0;
  /// Bytes of the answer that were given to the system, head and body.
  uint64_t sentBytes = 0;
  /// From the last byte of the request's head to the last byte of the answer.
  double seconds = 0;
  /// Whether the client went away before it had the whole answer.
  bool isCut = false;
  /// HttpExchange::notes.
  const std::vector<HttpField> *notes = nullptr;
};

/// A request and its answer. Every function is called on the server's thread (HttpServer::post). Once the client is
/// gone they do nothing.
class HttpExchange {
public:
  virtual ~HttpExchange();

  const HttpHead &head() const { return requestHead; }
  /// The body, which the caller may move away.
  std::string &body() { return requestBody; }

  /// Answers with one text.
  virtual void answer(HttpAnswer answer) = 0;
  /// Begins an answer whose body comes piece by piece. `head.body` is not looked at.
  virtual void beginStream(HttpAnswer head) = 0;
  virtual void send(std::string piece) = 0;
  virtual void endStream() = 0;
  /// Bytes of the answer that wait for the client to take them.
  virtual size_t unsentBytes() const = 0;
  /// Closes the connection without the end of the answer.
  virtual void abandon() = 0;

  /// Called once if the client goes away, or takes nothing for too long, before the answer ended.
  std::function<void()> onGone;
  /// What the log says besides, with values in JSON.
  std::vector<HttpField> notes;
  /// The body is no longer needed. Its bytes then count no more against HttpLimits::totalBodyBytes.
  virtual void releaseBody() = 0;

protected:
  HttpHead requestHead;
  std::string requestBody;
};

/// What a server does with requests. Called on the server's thread.
class HttpHandler {
public:
  virtual ~HttpHandler();

  /// Looks at a request before its body is read. An answer refuses it; the body is then not read.
  virtual std::optional<HttpAnswer> screen(const HttpHead &head) = 0;
  virtual void handle(const std::shared_ptr<HttpExchange> &exchange) = 0;
  /// Adds fields to the head of every answer.
  virtual void complete(const HttpHead &head, HttpAnswer &answer) = 0;
  /// The answer to a request that is no HTTP, or beyond a limit.
  virtual HttpAnswer refusal(int status, const std::string &reason) = 0;
  /// Called when an answer has ended. `record.head` of a request that is no HTTP has no method and no path.
  virtual void record(const HttpRecord &record) = 0;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTP_H
