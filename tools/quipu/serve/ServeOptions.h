//===- ServeOptions.h - What `quipu serve` is told -----------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_SERVEOPTIONS_H
#define QUIPU_TOOLS_QUIPU_SERVE_SERVEOPTIONS_H

#include "runtime/engine/Engine.h"
#include "tools/quipu/serve/Guard.h"
#include "tools/quipu/serve/http/HttpServer.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::serve {

/// Options about the network, limits and keys.
struct ServeOptions {
  void addOptions(CLI::App &command);

  /// Keys of --api-key, --api-key-file and QUIPU_API_KEY. Throws Error for a file that cannot be read, and UsageError
  /// for keys that no client could send.
  GuardOptions guard() const;
  HttpLimits limits() const;
  EngineOptions engine() const;
  /// The folder of --kv-cache-dir for this plan with `weights` (--weights); null without the option. Throws Error if
  /// the folder cannot be used.
  std::shared_ptr<PageStore> pageStore(const PlanFile &plan, const std::string &weights) const;

  std::string host = "127.0.0.1";
  uint16_t port = 8080;
  std::vector<std::string> names;
  std::string logFile;
  double graceSeconds = 30;
  uint32_t mostSamples = 128;

private:
  std::vector<std::string> keys, keyFiles, origins, hosts;
  uint64_t bodyMegabytes = 4;
  size_t connections = 2048;
  uint32_t running = 0, waiting = 512, stepTokens = 0;
  uint64_t cacheTokens = 0;
  double sendSeconds = 30, idleSeconds = 75;
  bool forgetsPrefixes = false;
  std::string cacheFolder;
  double cacheGigabytes = 16;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_SERVEOPTIONS_H
