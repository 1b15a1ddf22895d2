//===- ServeOptions.cpp - What `quipu serve` is told ----------------------------------------===//

#include "tools/quipu/serve/ServeOptions.h"
#include "runtime/core/PageStore.h"
#include "runtime/support/Error.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Console.h"
#include "tools/quipu/Prompt.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace quipu::serve {

using tool::addNumber;
using tool::UsageError;

void ServeOptions::addOptions(CLI::App &command) {
  command.add_option("--host", host, "Address to listen on; 0.0.0.0: every address of this machine")
      ->capture_default_str()
      ->type_name("ADDRESS");
  addNumber(command, "--port", port, "Port to listen on; 0: one that is free, which the first line of output names")
      ->capture_default_str();
  command
      .add_option("--served-name", names,
                  "Name that requests call the model by; may be given several times (default: the file's name)")
      ->allow_extra_args(false)
      ->type_name("NAME");

  const char *access = "Who may ask";
  command
      .add_option(
          "--api-key", keys,
          "Key that a request must have; may be given several times. Other users of this machine see arguments: "
          "better is --api-key-file, or QUIPU_API_KEY")
      ->allow_extra_args(false)
      ->type_name("KEY")
      ->group(access);
  command.add_option("--api-key-file", keyFiles, "File with keys, one in a line")
      ->allow_extra_args(false)
      ->type_name("FILE")
      ->group(access);
  command
      .add_option(
          "--cors-origin", origins,
          "Pages of this origin may ask, as https://chat.example; *: all pages (default: the server's own alone)")
      ->allow_extra_args(false)
      ->type_name("ORIGIN")
      ->group(access);
  command
      .add_option("--allow-host", hosts,
                  "Name by which clients may call a server without keys, besides addresses and localhost")
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->group(access);

  const char *bounds = "Limits";
  auto number = [&](const char *name, auto &value, const char *text, auto least) {
    addNumber(command, name, value, text, least)->capture_default_str()->group(bounds);
  };
  number("--max-connections", connections, "Connections at the same time; one more is answered with 503", 1);
  number("--max-body", bodyMegabytes, "Megabytes of a request's body; a larger one is answered with 413", 1);
  addNumber(command, "--max-running", running,
            "Answers that are computed at the same time (default: --max-batch of the plan)", 1)
      ->group(bounds);
  number("--max-waiting", waiting, "Answers that wait for a place; one more is answered with 429", 0);
  number("--max-answers", mostSamples, "Answers of one request, over its prompts, n and best_of", 1);
  addNumber(command, "--cache-tokens", cacheTokens,
            "Tokens that the key/value cache holds over all requests (default: context times --max-batch)", 1)
      ->group(bounds);
  addNumber(command, "--step-tokens", stepTokens,
            "Most tokens of a step; half of them where others generate (default: as many as the plan takes)", 1)
      ->group(bounds);
  number("--send-timeout", sendSeconds, "Seconds in which a client must take some of its answer", 0.1);
  number("--idle-timeout", idleSeconds, "Seconds that a connection may be without a request", 0.1);
  number("--grace", graceSeconds, "Seconds for answers to end after SIGINT or SIGTERM", 0);
  command
      .add_flag("--no-prefix-cache", forgetsPrefixes, "Do not keep pages of prompts for later ones that begin alike")
      ->group(bounds);
  CLI::Option *folder =
      command
          .add_option("--kv-cache-dir", cacheFolder,
                      "Folder for pages of the cache that have no room in memory, and for all of them when the server "
                      "ends, so that no prompt is computed twice; what people wrote can be read from it")
          ->type_name("DIR")
          ->excludes("--no-prefix-cache")
          ->group(bounds);
  addNumber(command, "--kv-cache-gigabytes", cacheGigabytes, "Most gigabytes of files in --kv-cache-dir", 0.001)
      ->capture_default_str()
      ->needs(folder)
      ->group(bounds);

  command
      .add_option(
          "--log-file", logFile,
          "File for a line of JSON for each answer, which SIGHUP opens anew; - is standard error (default: none)")
      ->type_name("FILE");
}

/// A key goes through a header field, and a blank or line end at its end would be an invisible mistake.
static void checkKey(const std::string &key, const std::string &source) {
  if (key.size() < 8)
    throw UsageError(source + ": a key has fewer than 8 letters, which can be guessed");
  if (!std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; }))
    throw UsageError(source + ": a key has blanks or letters beyond ASCII, which no client can send");
}

GuardOptions ServeOptions::guard() const {
  GuardOptions result;
  for (const std::string &key : keys)
    result.keys.push_back(key), checkKey(key, "--api-key");
  if (const char *key = getenv("QUIPU_API_KEY"); key && *key)
    result.keys.emplace_back(key), checkKey(key, "QUIPU_API_KEY");
  for (const std::string &path : keyFiles) {
    std::istringstream lines(tool::readText(path, 1 << 20, "it has a key in each line"));
    size_t before = result.keys.size();
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with('\r'))
        line.pop_back();
      if (line.empty())
        continue;
      checkKey(line, path);
      result.keys.push_back(line);
    }
    // A server without keys, though a file of them was named, would let everybody in.
    if (result.keys.size() == before)
      fail(path, ": has no key; write one in each line");
  }
  for (const std::string &origin : origins)
    if (origin != "*" && (origin.find("://") == std::string::npos || origin.ends_with('/')))
      throw UsageError("--cors-origin " + origin + ": expected an origin such as https://chat.example, or *");
  result.origins = origins;
  result.hosts = hosts;
  return result;
}

HttpLimits ServeOptions::limits() const {
  HttpLimits limits;
  limits.bodyBytes = bodyMegabytes << 20;
  limits.totalBodyBytes = std::max(limits.totalBodyBytes, 4 * limits.bodyBytes);
  limits.connections = connections;
  limits.sendSeconds = sendSeconds;
  limits.idleSeconds = idleSeconds;
  return limits;
}

std::shared_ptr<PageStore> ServeOptions::pageStore(const PlanFile &plan, const std::string &weights) const {
  if (cacheFolder.empty())
    return nullptr;
  std::span<const uint8_t> hash = plan.payloadHash();
  std::string binding = std::string(hash.begin(), hash.end()) + weights;
  return std::make_shared<PageStore>(PageStoreOptions{.folder = cacheFolder,
                                                      .maxBytes = uint64_t(cacheGigabytes * 1e9),
                                                      .binding = hashBytes(binding.data(), binding.size()),
                                                      .note = tool::printNote});
}

EngineOptions ServeOptions::engine() const {
  EngineOptions options;
  options.cacheTokens = cacheTokens;
  options.maxRunning = running;
  options.maxWaiting = waiting;
  options.stepTokens = stepTokens;
  options.keepPrefixes = !forgetsPrefixes;
  return options;
}

} // namespace quipu::serve
