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

#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <random>

namespace quipu::tool {

using Clock = std::chrono::steady_clock;
/// As early as the program can tell: everything up to the first token counts.
static const Clock::time_point kProgramStart = Clock::now();

static double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

namespace {
struct RunCommand {
  PlanSource plan;
  PromptSource prompt;
  ModelFlags model;
  GenerateOptions generate;
  /// -1: until the end.
  int64_t maxTokens = -1;
  /// None: drawn anew each time.
  std::optional<uint64_t> seed;
  bool printTokens = false, echo = false, verbose = false, json = false;

  int run();
  void printSummary(const Model &loaded, const GenerateSummary &summary, double firstToken) const;
  void printDetails(const Model &loaded, const Session &session, const Tokenizer *tokenizer,
                    const std::vector<int32_t> &ids, const GenerateSummary &summary, double loadMilliseconds) const;
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

/// Bytes of the cache's pages that the run filled (its sequence is gone by the time of the summary).
static uint64_t cacheBytes(const plan::Plan &plan, const GenerateSummary &summary) {
  const plan::KvCache &cache = *plan.kv_cache();
  uint64_t positions = summary.promptTokens + summary.decodeSteps;
  uint64_t pages = (positions + cache.page() - 1) / cache.page();
  return pages * cache.page() * 2 * cache.layers() * cache.kv_heads() * cache.head_dim() * dtypeSize(cache.dtype());
}

void RunCommand::printSummary(const Model &loaded, const GenerateSummary &summary, double firstToken) const {
  std::string line = concat(summary.promptTokens, " prompt tokens at ", fixed(summary.promptTokensPerSecond(), 1),
                            " tok/s, first token after ", fixed(firstToken, 0), " ms, ", summary.newTokens,
                            " new tokens at ", fixed(summary.decodeTokensPerSecond(), 1), " tok/s, peak memory ",
                            fixed(double(processMemory().peak) / 1048576, 0), " MiB");
  if (std::optional<MemoryInfo> memory = loaded.device().memoryInfo())
    line += concat(", GPU memory ", fixed(double(memory->total - memory->free) / 1048576, 0), " of ",
                   fixed(double(memory->total) / 1048576, 0), " MiB in use");
  // What repeats the text; the most likely tokens need no luck.
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
                              const std::vector<int32_t> &ids, const GenerateSummary &summary,
                              double loadMilliseconds) const {
  ProcessMemory memory = processMemory();
  printNote(
      concat("device: ", loaded.device().description(), loaded.device().memoryInfo() ? "; " + loaded.codeText() : ""));
  printNote(concat("weights: ", binaryBytes(double(loaded.weightBytes())), ", of which ",
                   binaryBytes(double(loaded.ownedWeightBytes())), " are converted or joined in memory"));
  printNote(concat("key/value cache: ", binaryBytes(double(cacheBytes(loaded.plan(), summary))), " of ",
                   binaryBytes(double(session.cacheBytesReserved()))));
  if (tokenizer)
    printNote(concat("tokenizer: ", tokenizer->size(),
                     " pieces; puts BOS before the prompt: ", tokenizer->addsBos() ? "yes" : "no"));
  printEnds(loaded.plan(), tokenizer);
  printNote(concat("prompt ids: ", joinTokens(ids)));
  printNote(concat("loaded after ", fixed(loadMilliseconds, 0), " ms; resident: ", binaryBytes(double(memory.file)),
                   " of files, ", binaryBytes(double(memory.anonymous)), " of its own, peak ",
                   binaryBytes(double(memory.peak))));
}

int RunCommand::run() {
  prompt.check();
  ModelOptions options = model.options();
  if (maxTokens == 0)
    throw UsageError("--max-tokens 0 leaves nothing to do; expected a number from 1, or -1: until the end of the text "
                     "or the context");
  generate.maxTokens = maxTokens < 0 ? 0 : uint32_t(maxTokens);
  // Few digits, so that it is easily given again.
  generate.sampling.seed = seed ? *seed : std::random_device()();
  try {
    generate.sampling.check();
  } catch (const Error &error) {
    throw UsageError(error.what());
  }
  std::shared_ptr<const PlanFile> file = plan.open(verbose, model.device, model.verify);
  std::unique_ptr<Tokenizer> tokenizer = prompt.loadTokenizer(*file);
  std::vector<int32_t> ids = prompt.tokens(tokenizer.get(), *file);
  std::shared_ptr<const Model> loaded = Model::load(file, options);
  Session session(loaded);
  double loadMilliseconds = millisecondsSince(kProgramStart);

  bool idsOnly = printTokens || !tokenizer;
  if (echo && !idsOnly && !json)
    out().writeText(tokenizer->decode(ids));
  double firstToken = 0;
  std::vector<int32_t> produced;
  std::string text;
  Generator generator(session, tokenizer.get());
  std::optional<Progress> reading(std::in_place,
                                  concat("read the prompt of ", ids.size(), ids.size() == 1 ? " token" : " tokens"));
  GenerateSummary summary = generator.generate(ids, generate, [&](int32_t token, std::string_view piece) {
    reading.reset();
    if (produced.empty() && token >= 0)
      firstToken = millisecondsSince(kProgramStart);
    if (json) {
      text += piece;
    } else if (!idsOnly) {
      out().writeText(piece);
    } else if (token >= 0) {
      out().write(concat(produced.empty() ? "" : ",", token));
    }
    if (token >= 0)
      produced.push_back(token);
    if (!json)
      out().flush();
    return true;
  });
  reading.reset();
  if (json) {
    nlohmann::ordered_json result;
    if (tokenizer)
      result["text"] = text;
    result["tokens"] = produced;
    result["prompt_tokens"] = ids;
    result["stop"] = stopName(summary.reason);
    result["seed"] = generate.sampling.seed;
    result["prompt_tok_s"] = summary.promptTokensPerSecond();
    result["first_token_ms"] = firstToken;
    result["decode_tok_s"] = summary.decodeTokensPerSecond();
    result["weight_bytes"] = loaded->weightBytes();
    result["owned_weight_bytes"] = loaded->ownedWeightBytes();
    result["cache_bytes"] = cacheBytes(loaded->plan(), summary);
    result["peak_rss_bytes"] = processMemory().peak;
    if (std::optional<MemoryInfo> memory = loaded->device().memoryInfo())
      result["gpu_memory_bytes"] = memory->total - memory->free;
    out().write(jsonText(result));
  }
  out().write("\n");
  out().flush();
  if (verbose)
    printDetails(*loaded, session, tokenizer.get(), ids, summary, loadMilliseconds);
  printSummary(*loaded, summary, firstToken);
  return 0;
}

void addRun(CLI::App &program, Action &action) {
  auto state = std::make_shared<RunCommand>();
  CLI::App *command = program.add_subcommand("run", "Continue a prompt");
  command->footer("Example:\n  quipu run story.qplan \"Once upon a time\" -n 200 --temperature 0.7 --seed 1");
  state->plan.addOptions(*command);
  state->prompt.addOptions(*command);
  SamplingOptions &sampling = state->generate.sampling;
  addNumber(*command, "-n,--max-tokens", state->maxTokens,
            "Most new tokens; -1: until the end of the text or the context", -1, UINT32_MAX)
      ->capture_default_str();
  addNumber(*command, "--temperature,--temp", sampling.temperature, "0: the most likely token each time", 0)
      ->capture_default_str();
  addNumber(*command, "--top-k", sampling.topK, "Keep the K most likely tokens; 0: all")->capture_default_str();
  addNumber(*command, "--top-p", sampling.topP, "Keep the most likely tokens that sum to P", 0, 1)
      ->capture_default_str();
  addNumber(*command, "--min-p", sampling.minP, "Keep tokens at least P times as likely as the likeliest", 0, 1)
      ->capture_default_str();
  addNumber(*command, "--repeat-penalty", sampling.repeatPenalty, "Divide the logits of recent tokens; 1: off", 0)
      ->capture_default_str();
  addNumber(*command, "--repeat-window", sampling.repeatWindow, "How many recent tokens that concerns")
      ->capture_default_str();
  addNumber(*command, "-s,--seed", state->seed,
            "Same seed, same text (default: another one each time, which the summary names)");
  command->add_option("--stop", state->generate.stop, "End before this text; may be given several times")
      ->allow_extra_args(false)
      ->option_text("TEXT");
  command->add_flag("--ignore-eos", state->generate.ignoreEos, "Do not stop at the end-of-text token");
  addNumber(*command, "--chunk", state->generate.chunkRows,
            "Tokens of the prompt at once (default: as many as the plan takes)", 1);
  command->add_flag("--print-tokens", state->printTokens, "Print the new ids, separated by commas, instead of text");
  command->add_flag("--echo", state->echo, "Print the prompt before what follows it");
  command->add_flag("--json", state->json, "Print one object at the end");
  command->add_flag("-v,--verbose", state->verbose, "Say what is loaded and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
