//===- HttpConnection.h - One client ------------------------------------------*- C++ -*-===//
//
// For HttpServer.cpp and HttpConnection.cpp: it includes Asio.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTPCONNECTION_H
#define QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTPCONNECTION_H

#include "tools/quipu/serve/http/HeadCheck.h"
#include "tools/quipu/serve/http/HttpServer.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>

namespace quipu::serve {

class HttpConnection;

/// What connections share.
struct HttpShared {
  HttpLimits limits;
  HttpHandler &handler;
  std::unordered_set<std::shared_ptr<HttpConnection>> connections;
  /// Whether connections close after their answer.
  bool isEnding = false;
  uint64_t requestCount = 0;
  /// Bytes of bodies, as HttpLimits::totalBodyBytes counts them.
  uint64_t bodyBytes = 0;
  /// Distinguishes the ids of one run of the server from those of another.
  std::string idPrefix;
};

/// A connection is in one state at a time. It always reads, also while it answers: so it learns that its client has
/// gone.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
public:
  using Clock = std::chrono::steady_clock;

  HttpConnection(boost::asio::ip::tcp::socket socket, HttpShared &shared);
  ~HttpConnection();

  void start();
  /// Answers 503 and closes: there are too many connections.
  void turnAway();
  /// Looks whether the client takes too long.
  void checkDeadline(Clock::time_point now);
  /// Closes if there is no request.
  void closeIdle();
  void close();

private:
  class Exchange;
  struct Parser;
  enum class State { Head, Body, Answer, Linger, Closed };

  void read();
  void takeInput();
  void takeHead();
  bool parseHead(std::string_view text);
  void takeBody();
  void dispatch();
  void refuse(int status, const std::string &reason);
  void refuse(HttpAnswer answer);
  void write(std::string text);
  void flush();
  void answerEnded();
  void linger();
  void expect(double seconds);

  std::string headText(HttpAnswer &answer, std::optional<size_t> bodyBytes);
  void releaseBody();
  void record(bool isCut);

  boost::asio::ip::tcp::socket socket;
  HttpShared &shared;
  State state = State::Head;
  bool isReading = false, isWriting = false;
  Clock::time_point deadline = Clock::time_point::max();
  /// When the rest of the request must be there.
  Clock::time_point requestDeadline = Clock::time_point::max();

  boost::beast::flat_buffer input;
  HeadScan scan;
  std::unique_ptr<Parser> parser;
  std::string remote;

  HttpHead head;
  std::shared_ptr<Exchange> exchange;
  bool isHttp10 = false, closesAfter = false, isChunked = false, isHeadRequest = false;
  int status = 0;
  bool isAnswerComplete = false;
  uint64_t sentBytes = 0;
  /// Bytes of this connection in HttpShared::bodyBytes.
  uint64_t heldBytes = 0;
  Clock::time_point begin;

  std::deque<std::string> output;
  size_t outputOffset = 0, outputBytes = 0;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTPCONNECTION_H
