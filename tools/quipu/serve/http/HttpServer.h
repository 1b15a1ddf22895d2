//===- HttpServer.h - Connections on one thread ------------------------------*- C++ -*-===//
//
// HTTP/1.1 by Boost.Beast (its parser) on Boost.Asio. One thread waits for all connections at once, so an idle stream
// costs its buffers and no thread. Longer work goes to a few threads of its own (aside()), and answers come back with
// post().
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTPSERVER_H
#define QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTPSERVER_H

#include "tools/quipu/serve/http/Http.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace quipu::serve {

struct HttpLimits {
  /// Bytes of a request's line and fields, and of its body.
  size_t headBytes = 32 << 10;
  uint64_t bodyBytes = 4 << 20;
  /// Bytes of all bodies that are being read. One more is refused with 503.
  uint64_t totalBodyBytes = 128 << 20;
  /// Connections at the same time; one more is answered with 503.
  size_t connections = 2048;
  /// Bytes of an answer that wait for a client. Where a stream has more, its client is too slow and is cut off.
  size_t unsentBytes = 4 << 20;
  /// Seconds: for the rest of a head once it has begun, for a body, for a client to take some of an answer, and between
  /// two requests.
  double headSeconds = 15, bodySeconds = 120, sendSeconds = 30, idleSeconds = 75;
  /// Threads of aside().
  unsigned asideThreads = 2;
};

class HttpServer {
public:
  /// `handler` must outlive the server.
  HttpServer(const HttpLimits &limits, HttpHandler &handler);
  ~HttpServer();
  HttpServer(const HttpServer &) = delete;
  HttpServer &operator=(const HttpServer &) = delete;

  /// Begins to listen. `host`: an address, or "localhost". Port 0: one that is free. Returns "127.0.0.1:8080". Throws
  /// Error.
  std::string listen(const std::string &host, uint16_t port);

  /// Serves until stop(). The thread that calls it is the server's thread.
  void run();
  void stop();

  /// Runs `work` on the server's thread. Any thread may call it.
  void post(std::function<void()> work);
  /// Runs `work` on a thread for longer work. Any thread may call it.
  void aside(std::function<void()> work);
  /// Runs `work` on the server's thread in so many seconds.
  void after(double seconds, std::function<void()> work);
  /// `work` gets SIGINT, SIGTERM and SIGHUP, on the server's thread, from now on.
  void onSignal(std::function<void(int signal)> work);

  /// Closes the listening socket and connections without a request; the others end with their answer.
  void refuseConnections();
  size_t connectionCount() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_HTTP_HTTPSERVER_H
