//===- Command.cpp - quipu serve: a model for many programs and people ---------------------===//

#include "tools/quipu/Command.h"
#include "runtime/chat/ChooseFormat.h"
#include "runtime/chat/ConversationIds.h"
#include "runtime/engine/Engine.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/serve/ServeOptions.h"
#include "tools/quipu/serve/Service.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <future>
#include <memory>
#include <thread>

namespace quipu::serve {

using tool::Action;
using tool::ModelFlags;
using tool::PlanSource;
using tool::printError;
using tool::printNote;

namespace {

struct ServeCommand {
  PlanSource plan;
  ModelFlags model;
  ServeOptions options;
  std::string format, tokenizerFile;
  bool verbose = false;

  int run();

private:
  std::unique_ptr<ServedModel> readModel(const PlanFile &file) const;
};

/// Tells when a request has ended, and how.
class FirstToken : public RequestSink {
public:
  bool onToken(uint32_t, const ScoredToken &) override { return true; }
  void onSampleEnd(const SampleEnd &end) override {
    if (end.reason == FinishReason::Error)
      message = end.message;
  }
  void onEnd(const RequestUsage &) override { ended.set_value(message); }

  std::promise<std::string> ended;

private:
  std::string message;
};

/// A running server: the model is loaded beside it, and signals end it.
class Running {
public:
  Running(const ServeOptions &options, EngineOptions engineOptions, const GuardOptions &guard,
          std::unique_ptr<ServedModel> served)
      : options(options), engineOptions(std::move(engineOptions)), service(guard, options.logFile),
        server(options.limits(), service), served(std::move(served)) {
    service.setServer(server);
    this->engineOptions.afterEvents = [this] { service.flushSinks(); };
  }

  /// `load` gives the model; it runs on a thread of its own. Returns the exit status.
  int run(const std::function<std::shared_ptr<const Model>()> &load);

private:
  void loadEngine(const std::function<std::shared_ptr<const Model>()> &load);
  void ready(std::unique_ptr<Engine> loaded);
  void takeSignal(int number);
  void end();
  void stopWhenSent(std::chrono::steady_clock::time_point latest);
  void watchEngine();

  const ServeOptions &options;
  EngineOptions engineOptions;
  Service service;
  HttpServer server;
  std::unique_ptr<ServedModel> served;
  std::unique_ptr<Engine> engine;
  std::string address;
  std::thread drainer;
  bool isEnding = false, hasFailed = false, saidDead = false;
};

} // namespace

/// A token of the model's own, so that everything that can fail has been done before a client asks.
static void makeToken(Engine &engine) {
  auto sink = std::make_shared<FirstToken>();
  std::future<std::string> ended = sink->ended.get_future();
  Request request;
  request.prompt = {0};
  request.maxTokens = 1;
  request.sampling.base.temperature = 0;
  request.reusePrefix = false;
  engine.submit(std::move(request), sink);
  if (std::string message = ended.get(); !message.empty())
    throw Error(message);
}

void Running::loadEngine(const std::function<std::shared_ptr<const Model>()> &load) {
  try {
    auto loaded = std::make_shared<std::unique_ptr<Engine>>(std::make_unique<Engine>(load(), engineOptions));
    makeToken(**loaded);
    server.post([this, loaded] { ready(std::move(*loaded)); });
  } catch (const std::exception &error) {
    std::string message = dynamic_cast<const std::bad_alloc *>(&error) ? "out of memory" : error.what();
    server.post([this, message] {
      printError(message);
      hasFailed = true;
      server.stop();
    });
  }
}

void Running::ready(std::unique_ptr<Engine> loaded) {
  engine = std::move(loaded);
  service.setModel(*served, *engine);
  tool::out().write(concat("http://", address, "\n"));
  tool::out().flush();
  printNote(concat("serving ", served->name(), " at http://", address, "/"));
  watchEngine();
}

/// Says it once if the engine has failed. Requests are still answered, with an error.
void Running::watchEngine() {
  if (engine->state() == EngineState::Dead && !std::exchange(saidDead, true))
    printError(concat("the model does not answer any more: ", engine->status().message,
                      "; requests are answered with 503 until the server is started anew"));
  server.after(1, [this] { watchEngine(); });
}

void Running::takeSignal(int number) {
  if (number == SIGHUP)
    return service.reopenLog();
  // The second signal, or nothing has begun yet.
  if (isEnding || !engine)
    std::_Exit(128 + number);
  end();
}

void Running::end() {
  isEnding = true;
  service.beginEnding();
  server.refuseConnections();
  auto grace = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(options.graceSeconds));
  auto deadline = std::chrono::steady_clock::now() + grace;
  // It waits, so it has a thread of its own.
  drainer = std::thread([this, deadline] {
    bool isWhole = engine->drain(deadline);
    server.post([this, isWhole] {
      if (!isWhole)
        printNote("some answers did not end in time, and were cut");
      stopWhenSent(std::chrono::steady_clock::now() + std::chrono::seconds(5));
    });
  });
}

/// Clients take what was written for them; not for ever.
void Running::stopWhenSent(std::chrono::steady_clock::time_point latest) {
  if (server.connectionCount() == 0 || std::chrono::steady_clock::now() >= latest)
    return server.stop();
  server.after(0.05, [this, latest] { stopWhenSent(latest); });
}

int Running::run(const std::function<std::shared_ptr<const Model>()> &load) {
  address = server.listen(options.host, options.port);
  server.onSignal([this](int number) { takeSignal(number); });
  std::thread loader([this, &load] { loadEngine(load); });
  server.run();
  loader.join();
  if (drainer.joinable())
    drainer.join();
  // Events of the engine go to the server: the engine ends first.
  engine.reset();
  return hasFailed ? 1 : 0;
}

std::unique_ptr<ServedModel> ServeCommand::readModel(const PlanFile &file) const {
  auto result = std::make_unique<ServedModel>();
  result->names = options.names;
  if (result->names.empty()) {
    std::filesystem::path path = std::filesystem::absolute(plan.path()).lexically_normal();
    if (path.filename().empty())
      path = path.parent_path();
    // A bare config.json is called as its folder is.
    result->names = {(path.filename() == "config.json" ? path.parent_path() : path).stem().string()};
  }
  result->created = time(nullptr);
  result->tokenizer = tokenizerFile.empty() ? Tokenizer::fromPlan(file.plan(), file.path())
                                            : tool::loadTokenizerFile(tokenizerFile, file);
  if (!result->tokenizer)
    fail(file.path(), ": carries no tokenizer, and answers are text; give --tokenizer FILE");
  std::vector<ChatTemplate> templates = chatTemplatesOf(file.plan());
  try {
    result->format = chooseFormat(templates, format, result->tokenizer.get(), result->name());
    for (const ChatTemplate &each : templates)
      if (each.name == (format.empty() ? "default" : format) || (format.empty() && templates.size() == 1))
        result->templateText = each.text;
    result->turnEnds = endOfTurnIds(*result->tokenizer, *result->format, *file.plan().config());
  } catch (const Error &error) {
    // A model that only continues texts is served too. A template that was asked for must be there.
    if (!format.empty())
      throw;
    result->formatError = error.what();
  }
  result->contextTokens = file.plan().kv_cache()->max_seq();
  result->vocabSize = file.plan().config()->vocab_size();
  result->mostSamples = options.mostSamples;
  return result;
}

int ServeCommand::run() {
  ModelOptions modelOptions = model.options();
  // The device must have room for the cache that is asked for, not for the largest one.
  EngineOptions engineOptions = options.engine();
  modelOptions.cacheTokens = engineOptions.cacheTokens;
  GuardOptions guard = options.guard();
  std::shared_ptr<const PlanFile> file = plan.open(verbose, model.device, model.verify);
  std::unique_ptr<ServedModel> served = readModel(*file);
  bool isLocal = options.host == "localhost" || options.host == "::1" || options.host.starts_with("127.");
  if (!isLocal && guard.keys.empty())
    printNote(concat("everybody who reaches ", options.host,
                     " may use the model; --api-key-file FILE limits it to those "
                     "who have a key"));
  engineOptions.store = options.pageStore(*file, model.weights);
  Running running(options, std::move(engineOptions), guard, std::move(served));
  return running.run([&] { return Model::load(file, modelOptions); });
}

} // namespace quipu::serve

namespace quipu::tool {

void addServe(CLI::App &program, Action &action) {
  auto state = std::make_shared<serve::ServeCommand>();
  CLI::App *command = program.add_subcommand("serve", "Answer many programs and people (OpenAI's API)");
  command->footer(
      "Example:\n  quipu serve smollm2.qplan --port 8080\n"
      "  curl localhost:8080/v1/completions -d '{\"prompt\": \"Once upon a time\", \"max_tokens\": 20}'\n\n"
      "The page at / talks with the model. The first line of output is the server's address, once it can answer.");
  state->plan.addOptions(*command);
  state->options.addOptions(*command);
  command
      ->add_option("--chat-template", state->format,
                   "One of the model's templates or of Quipu's by its name, or a file with one (default: the model's)")
      ->type_name("NAME|FILE");
  command->add_option("--tokenizer", state->tokenizerFile, kTokenizerHelp)->type_name("FILE");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
