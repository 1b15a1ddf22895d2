//===- HttpServer.cpp - Connections on one thread -----------------------------------------===//

#include "tools/quipu/serve/http/HttpServer.h"
#include "runtime/support/Error.h"
#include "tools/quipu/serve/http/HttpConnection.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <csignal>
#include <mutex>
#include <random>
#include <sys/resource.h>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace quipu::serve {

static std::chrono::steady_clock::duration durationOf(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

struct HttpServer::Impl {
  Impl(const HttpLimits &limits, HttpHandler &handler)
      : pool(limits.asideThreads), acceptor(context), sweep(context), signals(context),
        shared{limits, handler, {}, false, 0, 0, concat(std::hex, std::random_device()())} {}

  void accept();
  void take(tcp::socket socket);
  void watchDeadlines();
  void waitForSignal();
  void runPosted();

  asio::io_context context{1};
  asio::thread_pool pool;
  tcp::acceptor acceptor;
  asio::steady_timer sweep;
  asio::signal_set signals;
  std::function<void(int)> signalled;
  HttpShared shared;

  std::mutex postedMutex;
  std::vector<std::function<void()>> posted;
};

HttpServer::HttpServer(const HttpLimits &limits, HttpHandler &handler)
    : impl(std::make_unique<Impl>(limits, handler)) {}

HttpServer::~HttpServer() {
  impl->pool.stop();
  impl->pool.join();
  for (auto copy = impl->shared.connections; const std::shared_ptr<HttpConnection> &connection : copy)
    connection->close();
}

/// Raises the number of files that this process may have open, as far as it may.
static void allowFiles(size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
    return;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

std::string HttpServer::listen(const std::string &host, uint16_t port) {
  error_code error;
  auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error)
    fail("--host ", host,
         ": no address; expected one such as 127.0.0.1, 0.0.0.0 (every address of this machine) or ::1");
  tcp::endpoint endpoint(address, port);
  allowFiles(impl->shared.limits.connections + 256);
  impl->acceptor.open(endpoint.protocol(), error);
  if (!error)
    impl->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error)
    impl->acceptor.bind(endpoint, error);
  if (!error)
    impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    fail("cannot listen on ", host, ":", port, ": ", error.message(),
         "; give another --port (0: one that is free) or --host");
  impl->accept();
  impl->watchDeadlines();
  tcp::endpoint bound = impl->acceptor.local_endpoint(error);
  return bound.address().is_v6() ? concat("[", bound.address().to_string(), "]:", bound.port())
                                 : concat(bound.address().to_string(), ":", bound.port());
}

void HttpServer::Impl::accept() {
  acceptor.async_accept([this](error_code error, tcp::socket socket) {
    if (!acceptor.is_open())
      return;
    if (!error) {
      take(std::move(socket));
      return accept();
    }
    // No file is left, or the client has gone. The next one may fare better.
    auto pause = std::make_shared<asio::steady_timer>(context, std::chrono::milliseconds(50));
    pause->async_wait([this, pause](error_code) {
      if (acceptor.is_open())
        accept();
    });
  });
}

void HttpServer::Impl::take(tcp::socket socket) {
  bool isFull = shared.connections.size() >= shared.limits.connections;
  auto connection = std::make_shared<HttpConnection>(std::move(socket), shared);
  shared.connections.insert(connection);
  if (isFull)
    connection->turnAway();
  else
    connection->start();
}

void HttpServer::Impl::watchDeadlines() {
  sweep.expires_after(std::chrono::milliseconds(500));
  sweep.async_wait([this](error_code error) {
    if (error)
      return;
    auto now = HttpConnection::Clock::now();
    for (auto copy = shared.connections; const std::shared_ptr<HttpConnection> &connection : copy)
      connection->checkDeadline(now);
    watchDeadlines();
  });
}

void HttpServer::run() { impl->context.run(); }

void HttpServer::stop() { impl->context.stop(); }

/// Waking the server's thread is a call of the system. A step of the engine has work for it from each sample, so the
/// first of them wakes it for all.
void HttpServer::post(std::function<void()> work) {
  std::lock_guard lock(impl->postedMutex);
  impl->posted.push_back(std::move(work));
  if (impl->posted.size() == 1)
    asio::post(impl->context, [this] { impl->runPosted(); });
}

void HttpServer::Impl::runPosted() {
  std::vector<std::function<void()>> works;
  {
    std::lock_guard lock(postedMutex);
    works = std::exchange(posted, {});
  }
  for (const std::function<void()> &work : works)
    work();
}

void HttpServer::aside(std::function<void()> work) { asio::post(impl->pool, std::move(work)); }

void HttpServer::after(double seconds, std::function<void()> work) {
  auto timer = std::make_shared<asio::steady_timer>(impl->context, durationOf(seconds));
  timer->async_wait([timer, work = std::move(work)](error_code error) {
    if (!error)
      work();
  });
}

void HttpServer::Impl::waitForSignal() {
  signals.async_wait([this](error_code error, int number) {
    if (error)
      return;
    signalled(number);
    waitForSignal();
  });
}

void HttpServer::onSignal(std::function<void(int signal)> work) {
  impl->signalled = std::move(work);
  for (int number : {SIGINT, SIGTERM, SIGHUP})
    impl->signals.add(number);
  impl->waitForSignal();
}

void HttpServer::refuseConnections() {
  impl->shared.isEnding = true;
  error_code ignored;
  impl->acceptor.close(ignored);
  for (auto copy = impl->shared.connections; const std::shared_ptr<HttpConnection> &connection : copy)
    connection->closeIdle();
}

size_t HttpServer::connectionCount() const { return impl->shared.connections.size(); }

} // namespace quipu::serve
