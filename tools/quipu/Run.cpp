//===- Run.cpp - quipu run: text from a prompt -------------------------------------------===//

#include "runtime/abi/DataType.h"
#include "runtime/core/Device.h"
#include "runtime/core/Session.h"
#include "runtime/support/Error.h"
#include "runtime/support/Progress.h"
#include "runtime/text/Generate.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/Memory.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/SamplingFlags.h"
#include "tools/quipu/WeightTypes.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace quipu::tool {

using Clock = std::chrono::steady_clock;
/// Set before main(), so that times count everything that the program does.
static const Clock::time_point kProgramStart = Clock::now();

static double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

namespace {
/// What a run gives.
struct RunResult {
  std::vector<int32_t> promptIds;
  /// The new tokens.
  std::vector<int32_t> tokens;
  /// The new text. Empty without --json: then it was written while it came.
  std::string text;
  GenerateSummary summary;
  /// Milliseconds from the start of the program until the model was loaded, and until the first new token.
  double loaded = 0, firstToken = 0;
};

struct RunCommand {
  PlanSource plan;
  PromptSource prompt;
  ModelFlags model;
  SamplingFlags sampling;
  GenerateOptions generate;
  bool printTokens = false, echo = false, verbose = false, json = false;

  int run();
  void generateTokens(Session &session, const Tokenizer *tokenizer, RunResult &result);
  nlohmann::ordered_json toJson(const Model &loaded, const Tokenizer *tokenizer, const RunResult &result) const;
  void printSummary(const Model &loaded, const RunResult &result) const;
  void printDetails(const Model &loaded, const Session &session, const Tokenizer *tokenizer,
                    const RunResult &result) const;
};
} // namespace

static const char *stopName(StopReason reason) {
  switch (reason) {
  case StopReason::Eos:
    return "eos";
  case StopReason::StopText:
    return "stop";
  case StopReason::MaxTokens:
    return "length";
  case StopReason::ContextFull:
    return "context";
  case StopReason::Callback:
    return "interrupted";
  }
  return "";
}

/// Bytes of the cache's pages that the run filled. They are computed, because the sequence no longer exists when the
/// summary is printed.
static uint64_t cacheBytes(const plan::Plan &plan, const GenerateSummary &summary) {
  const plan::KvCache &cache = *plan.kv_cache();
  uint64_t positions = summary.promptTokens + summary.decodeSteps;
  uint64_t pages = (positions + cache.page() - 1) / cache.page();
  return pages * cache.page() * 2 * cache.layers() * cache.kv_heads() * cache.head_dim() * dtypeSize(cache.dtype());
}

void RunCommand::printSummary(const Model &loaded, const RunResult &result) const {
  const GenerateSummary &summary = result.summary;
  std::string line = concat(summary.promptTokens, " prompt tokens at ", fixed(summary.promptTokensPerSecond(), 1),
                            " tok/s, first token after ", fixed(result.firstToken, 0), " ms, ", summary.newTokens,
                            " new tokens at ", fixed(summary.decodeTokensPerSecond(), 1), " tok/s, peak memory ",
                            fixed(double(processMemory().peak) / 1048576, 0), " MiB");
  if (std::optional<MemoryInfo> memory = loaded.device().memoryInfo())
    line += concat(", GPU memory ", fixed(double(memory->total - memory->free) / 1048576, 0), " of ",
                   fixed(double(memory->total) / 1048576, 0), " MiB in use");
  if (std::string expansions = expansionText(loaded.plan()); !expansions.empty())
    line += ", " + expansions;
  // With this seed the same text comes again. Without random numbers it comes again anyway.
  if (generate.sampling.temperature != 0)
    line += concat(", seed ", generate.sampling.seed);
  if (summary.reason == StopReason::ContextFull)
    line += "; stopped because the context is full";
  printNote(line);
}

/// Which ids end a text, how the tokenizer spells them, and what says so.
static void printEnds(const plan::Plan &plan, const Tokenizer *tokenizer) {
  const plan::ModelConfig &config = *plan.config();
  auto print = [&](int32_t id, const std::string &origin) {
    bool isKnown = tokenizer && tokenizer->has(id);
    printNote(concat("end of text: id ", id, isKnown ? concat(" \"", tokenizer->piece(id), "\"") : "",
                     origin.empty() ? "" : concat(" (", origin, ")")));
  };
  uint32_t count = config.eos_token_ids() ? config.eos_token_ids()->size() : 0;
  if (count == 0)
    printNote("end of text: no id");
  for (uint32_t i = 0; i < count; ++i)
    print(config.eos_token_ids()->Get(i), config.eos_origins() ? config.eos_origins()->Get(i)->str() : "");
  if (std::optional<int32_t> end = addedEnd(config, tokenizer))
    print(*end, "EOS of the tokenizer");
}

void RunCommand::printDetails(const Model &loaded, const Session &session, const Tokenizer *tokenizer,
                              const RunResult &result) const {
  ProcessMemory memory = processMemory();
  printNote(
      concat("device: ", loaded.device().description(), loaded.device().memoryInfo() ? "; " + loaded.codeText() : ""));
  printNote(concat("weights: ", binaryBytes(double(loaded.weightBytes())), ", of which ",
                   binaryBytes(double(loaded.ownedWeightBytes())), " are converted or joined in memory"));
  printNote(concat("key/value cache: ", binaryBytes(double(cacheBytes(loaded.plan(), result.summary))), " of ",
                   binaryBytes(double(session.cacheBytesReserved()))));
  if (tokenizer)
    printNote(concat("tokenizer: ", tokenizer->size(),
                     " pieces; puts BOS before the prompt: ", tokenizer->addsBos() ? "yes" : "no"));
  printEnds(loaded.plan(), tokenizer);
  printNote(concat("prompt ids: ", joinTokens(result.promptIds)));
  printNote(concat("loaded after ", fixed(result.loaded, 0), " ms; resident: ", binaryBytes(double(memory.file)),
                   " of files, ", binaryBytes(double(memory.anonymous)), " of its own, peak ",
                   binaryBytes(double(memory.peak))));
}

/// Continues the prompt. Without --json it writes the text, or the ids of the tokens, while they come.
void RunCommand::generateTokens(Session &session, const Tokenizer *tokenizer, RunResult &result) {
  bool idsOnly = printTokens || !tokenizer;
  if (echo && !idsOnly && !json)
    out().writeText(tokenizer->decode(result.promptIds));
  size_t promptSize = result.promptIds.size();
  std::optional<Progress> reading(std::in_place,
                                  concat("read the prompt of ", promptSize, promptSize == 1 ? " token" : " tokens"));
  Generator generator(session, tokenizer);
  result.summary = generator.generate(result.promptIds, generate, [&](int32_t token, std::string_view piece) {
    reading.reset();
    bool isFirst = result.tokens.empty();
    if (isFirst && token >= 0)
      result.firstToken = millisecondsSince(kProgramStart);
    if (json) {
      result.text += piece;
    } else if (!idsOnly) {
      out().writeText(piece);
    } else if (token >= 0) {
      out().write(concat(isFirst ? "" : ",", token));
    }
    if (token >= 0)
      result.tokens.push_back(token);
    if (!json)
      out().flush();
    return true;
  });
}

/// The object that --json prints. It has no text if there is no tokenizer.
nlohmann::ordered_json RunCommand::toJson(const Model &loaded, const Tokenizer *tokenizer,
                                          const RunResult &result) const {
  nlohmann::ordered_json object;
  if (tokenizer)
    object["text"] = result.text;
  object["tokens"] = result.tokens;
  object["prompt_tokens"] = result.promptIds;
  object["stop"] = stopName(result.summary.reason);
  object["seed"] = generate.sampling.seed;
  object["prompt_tok_s"] = result.summary.promptTokensPerSecond();
  object["first_token_ms"] = result.firstToken;
  object["decode_tok_s"] = result.summary.decodeTokensPerSecond();
  object["weight_bytes"] = loaded.weightBytes();
  object["owned_weight_bytes"] = loaded.ownedWeightBytes();
  object["cache_bytes"] = cacheBytes(loaded.plan(), result.summary);
  object["peak_rss_bytes"] = processMemory().peak;
  if (std::optional<MemoryInfo> memory = loaded.device().memoryInfo())
    object["gpu_memory_bytes"] = memory->total - memory->free;
  return object;
}

int RunCommand::run() {
  prompt.check();
  ModelOptions options = model.options();
  generate = sampling.options();
  std::shared_ptr<const PlanFile> file = plan.open(verbose, model.device, model.verify);
  std::unique_ptr<Tokenizer> tokenizer = prompt.loadTokenizer(*file);
  RunResult result;
  result.promptIds = prompt.tokens(tokenizer.get(), *file);
  std::shared_ptr<const Model> loaded = Model::load(file, options);
  Session session(loaded);
  result.loaded = millisecondsSince(kProgramStart);
  generateTokens(session, tokenizer.get(), result);
  if (json)
    out().write(jsonText(toJson(*loaded, tokenizer.get(), result)));
  out().write("\n");
  out().flush();
  if (verbose)
    printDetails(*loaded, session, tokenizer.get(), result);
  printSummary(*loaded, result);
  return 0;
}

void addRun(CLI::App &program, Action &action) {
  auto state = std::make_shared<RunCommand>();
  CLI::App *command = program.add_subcommand("run", "Continue a prompt");
  command->footer("Example:\n  quipu run story.qplan \"Once upon a time\" -n 200 --temperature 0.7 --seed 1");
  state->plan.addOptions(*command);
  state->prompt.addOptions(*command);
  state->sampling.addOptions(*command, "Most new tokens; -1: until the end of the text or the context");
  command->add_flag("--print-tokens", state->printTokens, "Print the new ids, separated by commas, instead of text");
  command->add_flag("--echo", state->echo, "Print the prompt before what follows it");
  command->add_flag("--json", state->json, "Print one object at the end");
  command->add_flag("-v,--verbose", state->verbose, "Say what is loaded and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
