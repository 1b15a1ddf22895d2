//===- HttpConnection.cpp - One client ----------------------------------------------------===//

#include "tools/quipu/serve/http/HttpConnection.h"
#include "runtime/support/Error.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <ctime>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace quipu::serve {

/// Bytes asked for at once.
static constexpr size_t kReadBytes = 64 << 10;
/// Seconds for what a refused client still sends; else closing would throw the answer away.
static constexpr double kLingerSeconds = 3;

struct HttpConnection::Parser {
  http::request_parser<http::string_body> request;
};

/// What the handler sees of the connection. It outlives the connection where the handler keeps it.
class HttpConnection::Exchange : public HttpExchange {
public:
  Exchange(std::weak_ptr<HttpConnection> connection, HttpHead head, std::string body)
      : connection(std::move(connection)) {
    requestHead = std::move(head);
    requestBody = std::move(body);
  }

  void answer(HttpAnswer answer) override {
    if (auto it = live()) {
      it->status = answer.status;
      it->isAnswerComplete = true;
      std::string text = it->headText(answer, answer.body.size());
      if (!it->isHeadRequest)
        text += answer.body;
      it->write(std::move(text));
    }
  }

  void beginStream(HttpAnswer head) override {
    if (auto it = live()) {
      it->status = head.status;
      it->isChunked = !it->isHttp10;
      it->write(it->headText(head, std::nullopt));
    }
  }

  void send(std::string piece) override {
    auto it = live();
    if (!it || piece.empty())
      return;
    if (it->isChunked) {
      char size[20];
      snprintf(size, sizeof(size), "%zx\r\n", piece.size());
      piece.insert(0, size);
      piece += "\r\n";
    }
    it->write(std::move(piece));
    if (it->outputBytes > it->shared.limits.unsentBytes)
      it->close();
  }

  void endStream() override {
    if (auto it = live()) {
      it->isAnswerComplete = true;
      it->write(it->isChunked ? "0\r\n\r\n" : "");
    }
  }

  size_t unsentBytes() const override {
    auto it = connection.lock();
    return it ? it->outputBytes : 0;
  }

  void abandon() override {
    if (auto it = live())
      it->close();
  }

  void releaseBody() override {
    requestBody.clear();
    requestBody.shrink_to_fit();
    if (auto it = connection.lock())
      it->releaseBody();
  }

  void detach() { connection.reset(); }

private:
  /// The connection, while it waits for this answer.
  std::shared_ptr<HttpConnection> live() const {
    auto it = connection.lock();
    return it && it->state == State::Answer && !it->isAnswerComplete ? it : nullptr;
  }

  std::weak_ptr<HttpConnection> connection;
};

HttpConnection::HttpConnection(asio::ip::tcp::socket socket, HttpShared &shared)
    : socket(std::move(socket)), shared(shared), input(shared.limits.headBytes + kReadBytes) {
  error_code error;
  auto endpoint = this->socket.remote_endpoint(error);
  if (!error)
    remote = concat(endpoint.address().to_string(), ":", endpoint.port());
}

HttpConnection::~HttpConnection() = default;

void HttpConnection::start() {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  // A client whose machine has gone answers no probe, and takes nothing.
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  auto set = [&](int name, int value) {
    (void)setsockopt(socket.native_handle(), IPPROTO_TCP, name, &value, sizeof(value));
  };
  set(TCP_KEEPIDLE, 30);
  set(TCP_KEEPINTVL, 10);
  set(TCP_KEEPCNT, 3);
  set(TCP_USER_TIMEOUT, int(shared.limits.sendSeconds * 1000));
  expect(shared.limits.headSeconds);
  read();
}

void HttpConnection::turnAway() {
  refuse(shared.handler.refusal(503, "there are too many connections; close some, or try again later"));
}

void HttpConnection::expect(double seconds) {
  deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void HttpConnection::checkDeadline(Clock::time_point now) {
  if (now < deadline || state == State::Closed)
    return;
  if (state == State::Head && input.size() > 0)
    return refuse(408, "the head of the request did not come in time");
  if (state == State::Body)
    return refuse(408, "the body of the request did not come in time");
  close();
}

void HttpConnection::closeIdle() {
  if (state == State::Head)
    close();
}

void HttpConnection::close() {
  if (state == State::Closed)
    return;
  auto self = shared_from_this();
  state = State::Closed;
  error_code ignored;
  socket.close(ignored);
  shared.connections.erase(self);
  releaseBody();
  if (!exchange)
    return;
  exchange->detach();
  if (auto told = std::move(exchange->onGone))
    told();
  record(/*isCut=*/true);
  exchange.reset();
}

void HttpConnection::releaseBody() { shared.bodyBytes -= std::exchange(heldBytes, 0); }

void HttpConnection::read() {
  if (isReading || state == State::Closed)
    return;
  isReading = true;
  // While a request is answered the client may send the next ones, up to the size of a head.
  size_t most = state == State::Body || state == State::Linger ? kReadBytes : 4096;
  socket.async_read_some(input.prepare(most), [this, self = shared_from_this()](error_code error, size_t count) {
    isReading = false;
    if (state == State::Closed)
      return;
    if (error) {
      // What was answered completely is still sent to a client that only closed its side.
      if (error == asio::error::eof && state == State::Answer && isAnswerComplete)
        closesAfter = true;
      else
        close();
      return;
    }
    input.commit(count);
    takeInput();
  });
}

void HttpConnection::takeInput() {
  switch (state) {
  case State::Head:
    return takeHead();
  case State::Body:
    return takeBody();
  case State::Answer:
    if (input.size() < shared.limits.headBytes)
      read();
    return;
  case State::Linger:
    input.clear();
    return read();
  case State::Closed:
    return;
  }
}

void HttpConnection::takeHead() {
  std::string_view received(static_cast<const char *>(input.data().data()), input.size());
  size_t size = scan.scan(received);
  if (!scan.wrong().empty())
    return refuse(400, scan.wrong());
  if (size == 0) {
    if (received.size() >= shared.limits.headBytes)
      return refuse(431, concat("the header has more than ", shared.limits.headBytes, " bytes"));
    if (requestDeadline == Clock::time_point::max() && !received.empty()) {
      expect(shared.limits.headSeconds);
      requestDeadline = deadline;
    }
    return read();
  }
  while (received.starts_with("\r\n")) {
    received.remove_prefix(2);
    input.consume(2);
    size -= 2;
  }
  if (size > shared.limits.headBytes)
    return refuse(431, concat("the header has more than ", shared.limits.headBytes, " bytes"));
  begin = Clock::now();
  if (!parseHead(received.substr(0, size)))
    return;
  input.consume(size);
  if (std::optional<HttpAnswer> refused = shared.handler.screen(head))
    return refuse(std::move(*refused));
  if (head.bodyBytes > shared.limits.bodyBytes)
    return refuse(413, concat("the body has ", head.bodyBytes, " bytes; ", shared.limits.bodyBytes, " are allowed"));
  state = State::Body;
  expect(shared.limits.bodySeconds);
  if (const std::string *wants = head.find("Expect"); wants && !parser->request.is_done())
    write("HTTP/1.1 100 Continue\r\n\r\n");
  takeBody();
}

/// Returns false if the request was refused.
bool HttpConnection::parseHead(std::string_view text) {
  head = {};
  head.remote = remote;
  head.id = concat("req-", shared.idPrefix, "-", ++shared.requestCount);
  parser = std::make_unique<Parser>();
  parser->request.header_limit(uint32_t(shared.limits.headBytes) + 1);
  parser->request.body_limit(shared.limits.bodyBytes);
  // The body is parsed later, piece by piece.
  parser->request.eager(false);
  error_code error;
  size_t used = parser->request.put(asio::buffer(text.data(), text.size()), error);
  // The library's own limits come first where both hold.
  if (error == http::error::body_limit)
    return refuse(413, concat("the body is larger than ", shared.limits.bodyBytes, " bytes, which are allowed")), false;
  if (error == http::error::bad_version)
    return refuse(505, "the version is not HTTP/1.0 or HTTP/1.1"), false;
  if (error || used != text.size() || !parser->request.is_header_done())
    return refuse(400, concat("the request is no HTTP/1.1: ", error ? error.message() : "its head ends elsewhere")),
           false;
  const auto &message = parser->request.get();
  isHttp10 = message.version() == 10;
  head.method = std::string(message.method_string());
  isHeadRequest = head.method == "HEAD";
  for (const auto &field : message)
    head.fields.push_back({std::string(field.name_string()), std::string(field.value())});
  std::string_view target(message.target().data(), message.target().size());
  std::optional<std::string> path = pathOf(target);
  if (!path)
    return refuse(400, "the target is no path"), false;
  head.path = *path;
  BodyForm form;
  if (std::optional<HeadRefusal> wrong = checkFraming(head, isHttp10, form))
    return refuse(wrong->status, wrong->reason), false;
  closesAfter = !message.keep_alive() || shared.isEnding;
  auto isWord = [](char c) { return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.'; };
  const std::string *id = head.find("X-Request-Id");
  if (id && !id->empty() && id->size() <= 128 && std::ranges::all_of(*id, isWord))
    head.id = *id;
  return true;
}

void HttpConnection::takeBody() {
  auto &request = parser->request;
  request.eager(true);
  while (!request.is_done()) {
    if (input.size() == 0)
      return read();
    error_code error;
    size_t used = request.put(input.data(), error);
    input.consume(used);
    heldBytes += used;
    shared.bodyBytes += used;
    if (shared.bodyBytes > shared.limits.totalBodyBytes)
      return refuse(503, "too many large requests come at the same time; try again later");
    if (error == http::error::body_limit)
      return refuse(413, concat("the body is larger than ", shared.limits.bodyBytes, " bytes, which are allowed"));
    if (error == http::error::need_more || (!error && used == 0)) {
      if (input.size() > shared.limits.headBytes)
        return refuse(400, "a chunk of the body has no end to its size");
      return read();
    }
    if (error)
      return refuse(400, concat("the body is no HTTP/1.1: ", error.message()));
  }
  dispatch();
}

void HttpConnection::dispatch() {
  state = State::Answer;
  deadline = requestDeadline = Clock::time_point::max();
  isAnswerComplete = isChunked = false;
  status = 0;
  sentBytes = 0;
  exchange = std::make_shared<Exchange>(weak_from_this(), std::move(head), std::move(parser->request.get().body()));
  parser.reset();
  // Notices that the client goes away.
  read();
  shared.handler.handle(exchange);
}

void HttpConnection::refuse(int wrongStatus, const std::string &reason) {
  refuse(shared.handler.refusal(wrongStatus, reason));
}

/// Answers a request that is not handled. What follows it on this connection is not read as a request.
void HttpConnection::refuse(HttpAnswer answer) {
  if (head.id.empty()) {
    head.remote = remote;
    head.id = concat("req-", shared.idPrefix, "-", ++shared.requestCount);
    begin = Clock::now();
  }
  closesAfter = true;
  state = State::Answer;
  requestDeadline = Clock::time_point::max();
  isAnswerComplete = isChunked = false;
  sentBytes = 0;
  exchange = std::make_shared<Exchange>(weak_from_this(), std::move(head), "");
  exchange->answer(std::move(answer));
}

/// "Sun, 29 Nov 2026 12:31:55 GMT".
static std::string dateText() {
  static time_t last = 0;
  static char text[32];
  time_t now = time(nullptr);
  if (now != last) {
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    last = now;
  }
  return text;
}

std::string HttpConnection::headText(HttpAnswer &answer, std::optional<size_t> bodyBytes) {
  shared.handler.complete(exchange->head(), answer);
  std::string_view phrase = http::obsolete_reason(http::int_to_status(unsigned(answer.status)));
  std::string text = concat("HTTP/1.1 ", answer.status, " ", phrase, "\r\nServer: quipu\r\nDate: ", dateText(),
                            "\r\nX-Request-Id: ", exchange->head().id,
                            "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
  if (!answer.type.empty())
    text += "Content-Type: " + answer.type + "\r\n";
  for (const HttpField &field : answer.fields)
    text += field.name + ": " + field.value + "\r\n";
  if (bodyBytes)
    text += concat("Content-Length: ", *bodyBytes, "\r\n");
  else if (isChunked)
    text += "Transfer-Encoding: chunked\r\n";
  else
    // HTTP/1.0 has no chunks: the end of the connection ends the answer.
    closesAfter = true;
  if (shared.isEnding)
    closesAfter = true;
  text += closesAfter ? "Connection: close\r\n" : isHttp10 ? "Connection: keep-alive\r\n" : "";
  return text + "\r\n";
}

void HttpConnection::write(std::string text) {
  if (!text.empty()) {
    outputBytes += text.size();
    output.push_back(std::move(text));
  }
  flush();
}

void HttpConnection::flush() {
  if (isWriting || state == State::Closed)
    return;
  if (output.empty()) {
    if (state == State::Answer)
      deadline = Clock::time_point::max();
    if (state == State::Answer && isAnswerComplete)
      answerEnded();
    return;
  }
  isWriting = true;
  if (state == State::Answer)
    expect(shared.limits.sendSeconds);
  auto front = asio::buffer(output.front().data() + outputOffset, output.front().size() - outputOffset);
  socket.async_write_some(front, [this, self = shared_from_this()](error_code error, size_t count) {
    isWriting = false;
    if (state == State::Closed)
      return;
    if (error)
      return close();
    sentBytes += count;
    outputBytes -= count;
    outputOffset += count;
    if (outputOffset == output.front().size()) {
      output.pop_front();
      outputOffset = 0;
    }
    flush();
  });
}

void HttpConnection::record(bool isCut) {
  if (!exchange)
    return;
  HttpRecord entry{
      &exchange->head(), status, sentBytes, std::chrono::duration<double>(Clock::now() - begin).count(), isCut,
      &exchange->notes};
  shared.handler.record(entry);
}

void HttpConnection::answerEnded() {
  record(/*isCut=*/false);
  exchange->onGone = nullptr;
  exchange->detach();
  exchange.reset();
  releaseBody();
  head = {};
  if (closesAfter || shared.isEnding)
    return linger();
  state = State::Head;
  scan = {};
  requestDeadline = Clock::time_point::max();
  expect(input.size() ? shared.limits.headSeconds : shared.limits.idleSeconds);
  // The next request may be here already. Not from inside this call: a long row of them would go deep.
  if (input.size())
    asio::post(socket.get_executor(), [this, self = shared_from_this()] {
      if (state == State::Head)
        takeHead();
    });
  else
    read();
}

void HttpConnection::linger() {
  state = State::Linger;
  error_code error;
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error)
    return close();
  expect(kLingerSeconds);
  input.clear();
  read();
}

} // namespace quipu::serve
