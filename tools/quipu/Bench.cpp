//===- Bench.cpp - quipu bench: speed beside the machine's ceilings ----------------------===//

#include "runtime/core/Device.h"
#include "runtime/core/Error.h"
#include "runtime/core/MemoryPlan.h"
#include "runtime/core/Session.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/bench/Ceilings.h"
#include "tools/quipu/bench/Profile.h"
#include "tools/quipu/bench/Work.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

namespace quipu::tool {

namespace {

/// One line of the table.
struct Row {
  std::string name;
  /// Mean and standard deviation over the repeats, tokens of all sequences a second.
  double rate = 0, deviation = 0;
  /// Of each repeat.
  std::vector<double> runs;
  /// Of one token. Zero: does not apply to this row.
  double bytes = 0, operations = 0;
};

struct BenchCommand {
  PlanSource plan;
  ModelFlags model;
  std::vector<uint32_t> prompts = {512}, generated = {128};
  uint32_t depth = 0, batch = 1, repeats = 5, chunk = 0;
  /// Every token of prompts; none: ids spread over the vocabulary.
  std::optional<int32_t> token;
  std::string format = "md";
  bool json = false, profile = false, verbose = false;

  int run();

private:
  void load();
  void check(const PlanFile &file) const;
  std::vector<int32_t> benchTokens(size_t count) const;
  /// Positions that the longest test needs in a sequence.
  uint64_t positions() const;
  double timePrompt(uint32_t tokens);
  double timeGeneration(uint32_t tokens);
  Row measure(const std::string &name, uint64_t tokens, const std::function<double()> &run);
  std::string profileOf(const std::string &name, uint32_t tokens);
  /// Puts `depth` positions into every sequence, for a run to follow.
  void fillToDepth();
  void printMarkdown(const std::vector<Row> &rows) const;
  void printCsv(const std::vector<Row> &rows) const;
  void printJson(const std::vector<Row> &rows) const;
  nlohmann::ordered_json describe(const Row &row) const;

  std::shared_ptr<const Model> loaded;
  std::unique_ptr<Session> session;
  std::vector<SequenceId> sequences;
  std::unique_ptr<Ceilings> ceilings;
};

} // namespace

/// Ids spread over the vocabulary, the same in every run; or all alike.
std::vector<int32_t> BenchCommand::benchTokens(size_t count) const {
  std::vector<int32_t> tokens(count, token.value_or(0));
  if (token)
    return tokens;
  uint32_t state = 12345, vocab = loaded->vocabSize();
  for (int32_t &token : tokens) {
    state = state * 1664525 + 1013904223;
    token = int32_t((uint64_t(state) * vocab) >> 32);
  }
  return tokens;
}

uint64_t BenchCommand::positions() const {
  uint32_t longest = 0;
  for (uint32_t tokens : prompts)
    longest = std::max(longest, tokens);
  for (uint32_t tokens : generated)
    longest = std::max(longest, tokens);
  return uint64_t(longest) + depth;
}

void BenchCommand::check(const PlanFile &file) const {
  const plan::KvCache &cache = *file.plan().kv_cache();
  if (batch > cache.max_batch())
    fail(file.path(), ": was compiled for ", cache.max_batch(), " sequences at once, --batch asks for ", batch,
         "; compile with --max-batch ", batch);
  if (positions() > cache.max_seq())
    fail(file.path(), ": was compiled for ", cache.max_seq(), " positions, the benchmark needs ", positions(),
         "; ask for fewer; ", adviceOnLength(file.plan(), positions()));
}

void BenchCommand::load() {
  ModelOptions options = model.options();
  std::shared_ptr<const PlanFile> file = plan.open(verbose, model.device, model.verify);
  check(*file);
  // Speed does not depend on the values: a plan without weight files gets random ones.
  bool hasFiles = file->plan().files() && file->plan().files()->size() > 0;
  if (!hasFiles && model.weights.empty())
    options.weights = WeightSource::random(0);
  // No more of the cache than the tests fill.
  uint32_t page = file->plan().kv_cache()->page();
  options.cacheTokens = batch * ((positions() + page - 1) / page * page);
  loaded = Model::load(file, options);
  if (token && (*token < 0 || uint32_t(*token) >= loaded->vocabSize()))
    fail("--token ", *token, ": ", file->path(), " has tokens 0 to ", loaded->vocabSize() - 1);
  session = std::make_unique<Session>(loaded);
  for (uint32_t i = 0; i < batch; ++i)
    sequences.push_back(session->addSequence());
  ceilings = Ceilings::create(*loaded, model.pin);
}

void BenchCommand::fillToDepth() {
  std::vector<int32_t> tokens = benchTokens(depth);
  for (SequenceId sequence : sequences) {
    if (session->length(sequence) > depth)
      session->truncate(sequence, depth);
    uint32_t have = session->length(sequence);
    if (have < depth)
      session->prefill(sequence, std::span(tokens).subspan(have), LogitsMode::None);
  }
}

double BenchCommand::timePrompt(uint32_t tokens) {
  fillToDepth();
  std::vector<int32_t> ids = benchTokens(tokens);
  std::vector<SequenceTokens> step;
  step.reserve(sequences.size());
  for (SequenceId sequence : sequences)
    step.push_back({sequence, ids, LogitsMode::Last});
  StepOptions options;
  options.chunkRows = chunk;
  auto start = std::chrono::steady_clock::now();
  if (session->choosesOnDevice())
    session->choose(step, options);
  else
    session->step(step, options);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double BenchCommand::timeGeneration(uint32_t tokens) {
  fillToDepth();
  std::vector<int32_t> ids = benchTokens(tokens);
  auto start = std::chrono::steady_clock::now();
  if (session->choosesOnDevice()) {
    // As greedy generation runs there: no step waits for the host.
    std::vector<NextToken> next;
    next.reserve(sequences.size());
    for (SequenceId sequence : sequences)
      next.push_back({sequence, ids[0]});
    session->greedy(next, tokens, [](std::span<const int32_t>) { return true; });
  } else {
    std::vector<SequenceTokens> step;
    step.reserve(sequences.size());
    for (SequenceId sequence : sequences)
      step.push_back({sequence, {}, LogitsMode::Last});
    for (uint32_t i = 0; i < tokens; ++i) {
      for (SequenceTokens &one : step)
        one.tokens = std::span(ids).subspan(i, 1);
      session->step(step);
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Row BenchCommand::measure(const std::string &name, uint64_t tokens, const std::function<double()> &run) {
  Row row;
  row.name = name + (depth ? concat("@d", depth) : "") + (batch > 1 ? concat(" b", batch) : "");
  run(); // warm-up
  double sum = 0, squares = 0;
  // Ceilings and runs take turns, so that both see the same weather.
  for (uint32_t i = 0; i < repeats; ++i) {
    ceilings->measure();
    double rate = double(tokens * batch) / run();
    row.runs.push_back(rate);
    sum += rate;
    squares += rate * rate;
  }
  ceilings->measure();
  row.rate = sum / repeats;
  if (repeats > 1)
    row.deviation = std::sqrt(std::max(0.0, (squares - sum * row.rate) / (repeats - 1)));
  return row;
}

/// The step of a test, launch by launch: its tokens in one launch, or as many of them as fit.
std::string BenchCommand::profileOf(const std::string &name, uint32_t tokens) {
  fillToDepth();
  std::vector<int32_t> ids = benchTokens(tokens);
  std::vector<SequenceTokens> step;
  step.reserve(sequences.size());
  for (SequenceId sequence : sequences)
    step.push_back({sequence, ids, LogitsMode::Last});
  StepOptions options;
  options.chunkRows = chunk;
  std::vector<LaunchTime> times = session->profile(step, repeats, options);
  uint64_t rows = std::min<uint64_t>(uint64_t(tokens) * batch, chunk ? chunk : loaded->maxChunkRows());
  return profileTable(*loaded, name, times, rows, rows < uint64_t(tokens) * batch ? 0 : batch);
}

nlohmann::ordered_json BenchCommand::describe(const Row &row) const {
  nlohmann::ordered_json result = {{"name", row.name}, {"tok_s", row.rate}};
  if (row.bytes > 0) {
    result["bytes_per_token"] = row.bytes;
    result["achieved_GBps"] = row.bytes * row.rate / 1e9;
    result["ceiling_GBps"] = ceilings->bytes() / 1e9;
    result["ceiling_memory"] = ceilings->bytesName();
  }
  if (row.operations > 0) {
    result["flops_per_token"] = row.operations;
    result["achieved_TFLOPs"] = row.operations * row.rate / 1e12;
    if (ceilings->operations() > 0)
      result["ceiling_TFLOPs"] = ceilings->operations() / 1e12;
    result["ceiling_instruction"] = ceilings->operationsName();
  }
  std::vector<double> ordered = row.runs;
  std::sort(ordered.begin(), ordered.end());
  result["median_tok_s"] = (ordered[(ordered.size() - 1) / 2] + ordered[ordered.size() / 2]) / 2;
  result["runs_tok_s"] = row.runs;
  result["repeats"] = repeats;
  result["stddev"] = row.deviation;
  result["device"] = loaded->device().description();
  result["threads"] = loaded->device().threads();
  if (std::optional<MemoryInfo> memory = loaded->device().memoryInfo()) {
    result["device_memory_used"] = memory->total - memory->free;
    result["variant"] = loaded->variantIsa();
  }
  result["model"] = loaded->config().name() ? loaded->config().name()->str() : "";
  result["dtype"] = plan::EnumNameDType(loaded->config().compute_dtype());
  result["weight_bytes"] = loaded->weightBytes();
  return result;
}

void BenchCommand::printMarkdown(const std::vector<Row> &rows) const {
  std::string name = loaded->config().name() ? loaded->config().name()->str() : plan.path();
  out().write(concat("device: ", loaded->device().description(), "; ", ceilings->bytesName(), " ceiling ",
                     fixed(ceilings->bytes() / 1e9, 1), " GB/s, ", ceilings->operationsName(),
                     ceilings->operations() > 0
                         ? concat(" ceiling ", fixed(ceilings->operations() / 1e12, 3), " TFLOP/s\n\n")
                         : std::string("\n\n")));
  std::string threads = loaded->device().threads() ? std::to_string(loaded->device().threads()) : "GPU";
  out().write("| model | size | dtype | threads | test | t/s | achieved | of ceiling |\n"
              "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n");
  for (const Row &row : rows) {
    bool memory = row.bytes > 0;
    double ceiling = memory ? ceilings->bytes() : ceilings->operations();
    // Without cuBLAS a GPU's arithmetic is not measured.
    std::string share =
        ceiling > 0 ? fixed(100 * (memory ? row.bytes : row.operations) * row.rate / ceiling, 1) + " %" : "-";
    std::string achieved = memory ? fixed(row.bytes * row.rate / 1e9, 2) + " GB/s"
                                  : fixed(row.operations * row.rate / 1e12, 3) + " TFLOP/s";
    out().write(concat("| ", name, " | ", binaryBytes(double(loaded->weightBytes())), " | ",
                       plan::EnumNameDType(loaded->config().compute_dtype()), " | ", threads, " | ", row.name, " | ",
                       fixed(row.rate, 2), " ± ", fixed(row.deviation, 2), " | ", achieved, " | ", share, " |\n"));
  }
}

void BenchCommand::printCsv(const std::vector<Row> &rows) const {
  static constexpr const char *kColumns[] = {
      "name",         "tok_s",           "stddev",          "repeats",        "bytes_per_token", "achieved_GBps",
      "ceiling_GBps", "flops_per_token", "achieved_TFLOPs", "ceiling_TFLOPs", "device",          "threads"};
  std::string line;
  for (const char *column : kColumns)
    line += std::string(line.empty() ? "" : ",") + column;
  out().write(line + "\n");
  for (const Row &row : rows) {
    nlohmann::ordered_json fields = describe(row);
    line.clear();
    for (const char *column : kColumns)
      // JSON's quoting serves as CSV's: no field has a quote in it.
      line += (column == kColumns[0] ? "" : ",") + (fields.contains(column) ? jsonText(fields[column], -1) : "");
    out().write(line + "\n");
  }
}

void BenchCommand::printJson(const std::vector<Row> &rows) const {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const Row &row : rows)
    result.push_back(describe(row));
  out().write(jsonText(result) + "\n");
}

int BenchCommand::run() {
  bool isTable = !json && format == "md";
  if (profile && !isTable)
    throw UsageError("--profile prints tables; leave out --json and --output");
  if (positions() == depth)
    throw UsageError("-p 0 -n 0 leaves nothing to measure");
  load();
  std::vector<Row> rows;
  std::string profiles;
  uint64_t maxChunk = chunk ? std::min<uint64_t>(chunk, loaded->maxChunkRows()) : loaded->maxChunkRows();
  for (uint32_t tokens : prompts) {
    if (tokens == 0)
      continue;
    Row row = measure(concat("pp", tokens), tokens, [&] { return timePrompt(tokens); });
    // Position i of the prompt sees depth + i + 1 positions. The logits of the last token alone are computed.
    Work work = stepWork(*loaded, tokens, 1, maxChunk, depth + (tokens + 1) / 2.0);
    row.operations = work.operations / tokens;
    rows.push_back(row);
    if (profile)
      profiles += profileOf(row.name, tokens);
  }
  for (uint32_t tokens : generated) {
    if (tokens == 0)
      continue;
    Row row = measure(concat("tg", tokens), tokens, [&] { return timeGeneration(tokens); });
    Work work = stepWork(*loaded, batch, batch, maxChunk, depth + (tokens + 1) / 2.0);
    row.bytes = work.bytes / batch;
    if (batch > 1)
      row.operations = work.operations / batch;
    rows.push_back(row);
    if (profile)
      profiles += profileOf(row.name, 1);
  }
  if (json || format == "json")
    printJson(rows);
  else if (format == "csv")
    printCsv(rows);
  else
    printMarkdown(rows);
  out().write(profiles);
  return 0;
}

void addBench(CLI::App &program, Action &action) {
  auto state = std::make_shared<BenchCommand>();
  CLI::App *command = program.add_subcommand("bench", "Measure speed, beside the ceilings of this machine");
  command->footer(
      "Example:\n  quipu bench story.qplan -p 256 -n 64 -t 2\n\n"
      "ppN: N tokens of prompt at once; tgN: N tokens one by one. Ceilings, measured between the runs: on a CPU\n"
      "reading a buffer that no cache holds, and the kernels' dot-product instruction in a loop without memory;\n"
      "on a GPU copying device memory (bytes read and written), and a large product through cuBLAS.");
  state->plan.addOptions(*command);
  addNumbers(*command, "-p,--prompt", state->prompts, "Prompt lengths, as 256 or 128,512; 0: none")
      ->capture_default_str();
  addNumbers(*command, "-n,--generate", state->generated, "Numbers of generated tokens; 0: none")
      ->capture_default_str();
  addNumber(*command, "-d,--depth", state->depth, "Positions cached before")->capture_default_str();
  addNumber(*command, "-b,--batch", state->batch, "Sequences at once", 1)->capture_default_str();
  addNumber(*command, "--token", state->token,
            "Repeat this token instead of random ones: rows that are alike change fewer bits, and a GPU at its "
            "power limit multiplies them faster");
  addNumber(*command, "-r,--repeats", state->repeats, "Repeats after a warm-up", 1)->capture_default_str();
  addNumber(*command, "--chunk", state->chunk, "Tokens of a prompt at once (default: as many as the plan takes)", 1);
  CLI::Option *format = command->add_option("-o,--output", state->format, "md, json or csv")
                            ->capture_default_str()
                            ->check(CLI::IsMember({"md", "json", "csv"}));
  command->add_flag("--json", state->json, "As -o json")->excludes(format);
  command->add_flag("--profile", state->profile,
                    "Also time each launch of a step by itself; prints a table for each test");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
