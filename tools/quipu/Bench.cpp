//===- Bench.cpp - quipu bench: speed beside the machine's ceilings ----------------------===//

#include "runtime/core/Device.h"
#include "runtime/core/Error.h"
#include "runtime/core/Session.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/bench/Ceilings.h"
#include "tools/quipu/bench/Work.h"

#include <nlohmann/json.hpp>

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
  /// Of one token. Zero: does not apply to this row.
  double bytes = 0, operations = 0;
};

struct BenchCommand {
  PlanSource plan;
  ModelFlags model;
  std::vector<uint32_t> prompts = {512}, generated = {128};
  uint32_t depth = 0, batch = 1, repeats = 5, chunk = 0;
  std::string format = "md";
  bool json = false, verbose = false;

  int run();

private:
  void load();
  double timePrompt(uint32_t tokens);
  double timeGeneration(uint32_t tokens);
  Row measure(const std::string &name, uint64_t tokens, const std::function<double()> &run);
  /// Puts `depth` positions into every sequence, for a run to follow.
  void fillToDepth();
  void printMarkdown(const std::vector<Row> &rows) const;
  void printCsv(const std::vector<Row> &rows) const;
  void printJson(const std::vector<Row> &rows) const;
  nlohmann::ordered_json describe(const Row &row) const;

  std::shared_ptr<const Model> loaded;
  std::unique_ptr<Session> session;
  std::vector<SequenceId> sequences;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<ReadCeiling> bandwidth;
  std::unique_ptr<ArithmeticCeiling> arithmetic;
};

} // namespace

/// Ids spread over the vocabulary, the same in every run.
static std::vector<int32_t> benchTokens(size_t count, uint32_t vocab) {
  std::vector<int32_t> tokens(count);
  uint32_t state = 12345;
  for (int32_t &token : tokens) {
    state = state * 1664525 + 1013904223;
    token = int32_t((uint64_t(state) * vocab) >> 32);
  }
  return tokens;
}

void BenchCommand::load() {
  ModelOptions options = model.options();
  std::shared_ptr<const PlanFile> file = plan.open(verbose);
  // Speed does not depend on the values: a plan without weight files gets random ones.
  bool hasFiles = file->plan().files() && file->plan().files()->size() > 0;
  if (!hasFiles && model.weights.empty())
    options.weights = WeightSource::random(0);
  loaded = Model::load(file, options);
  if (batch > loaded->maxSequences())
    fail(file->path(), ": was compiled for ", loaded->maxSequences(), " sequences at once, --batch asks for ", batch,
         "; compile with --max-batch ", batch);
  uint32_t longest = 0;
  for (uint32_t tokens : prompts)
    longest = std::max(longest, tokens);
  for (uint32_t tokens : generated)
    longest = std::max(longest, tokens);
  if (uint64_t(longest) + depth > loaded->maxSequenceLength())
    fail(file->path(), ": was compiled for ", loaded->maxSequenceLength(), " positions, the benchmark needs ",
         uint64_t(longest) + depth, "; compile with a larger --max-seq, or ask for fewer");
  session = std::make_unique<Session>(loaded);
  for (uint32_t i = 0; i < batch; ++i)
    sequences.push_back(session->addSequence());
  pool = std::make_unique<ThreadPool>(loaded->device().threads(), model.pin);
  bandwidth = std::make_unique<ReadCeiling>(*pool, loaded->weightBytes());
  arithmetic = std::make_unique<ArithmeticCeiling>(*pool, dotInstruction(loaded->plan()));
}

void BenchCommand::fillToDepth() {
  std::vector<int32_t> tokens = benchTokens(depth, loaded->vocabSize());
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
  std::vector<int32_t> ids = benchTokens(tokens, loaded->vocabSize());
  std::vector<SequenceTokens> step;
  step.reserve(sequences.size());
  for (SequenceId sequence : sequences)
    step.push_back({sequence, ids, LogitsMode::Last});
  StepOptions options;
  options.chunkRows = chunk;
  auto start = std::chrono::steady_clock::now();
  session->step(step, options);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double BenchCommand::timeGeneration(uint32_t tokens) {
  fillToDepth();
  std::vector<int32_t> ids = benchTokens(tokens, loaded->vocabSize());
  std::vector<SequenceTokens> step;
  step.reserve(sequences.size());
  for (SequenceId sequence : sequences)
    step.push_back({sequence, {}, LogitsMode::Last});
  auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < tokens; ++i) {
    for (SequenceTokens &one : step)
      one.tokens = std::span(ids).subspan(i, 1);
    session->step(step);
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
    bandwidth->measure();
    arithmetic->measure();
    double rate = double(tokens * batch) / run();
    sum += rate;
    squares += rate * rate;
  }
  bandwidth->measure();
  arithmetic->measure();
  row.rate = sum / repeats;
  if (repeats > 1)
    row.deviation = std::sqrt(std::max(0.0, (squares - sum * row.rate) / (repeats - 1)));
  return row;
}

nlohmann::ordered_json BenchCommand::describe(const Row &row) const {
  nlohmann::ordered_json result = {{"name", row.name}, {"tok_s", row.rate}};
  if (row.bytes > 0) {
    result["bytes_per_token"] = row.bytes;
    result["achieved_GBps"] = row.bytes * row.rate / 1e9;
    result["ceiling_GBps"] = bandwidth->best() / 1e9;
  }
  if (row.operations > 0) {
    result["flops_per_token"] = row.operations;
    result["achieved_TFLOPs"] = row.operations * row.rate / 1e12;
    result["ceiling_TFLOPs"] = arithmetic->best() / 1e12;
    result["ceiling_instruction"] = dotInstructionName(dotInstruction(loaded->plan()));
  }
  result["repeats"] = repeats;
  result["stddev"] = row.deviation;
  result["device"] = loaded->device().description();
  result["threads"] = loaded->device().threads();
  result["model"] = loaded->config().name() ? loaded->config().name()->str() : "";
  result["dtype"] = plan::EnumNameDType(loaded->config().compute_dtype());
  result["weight_bytes"] = loaded->weightBytes();
  return result;
}

void BenchCommand::printMarkdown(const std::vector<Row> &rows) const {
  std::string name = loaded->config().name() ? loaded->config().name()->str() : plan.path();
  out().write(concat("device: ", loaded->device().description(), "; read ceiling ", fixed(bandwidth->best() / 1e9, 1),
                     " GB/s, ", dotInstructionName(dotInstruction(loaded->plan())), " ceiling ",
                     fixed(arithmetic->best() / 1e12, 3), " TFLOP/s\n\n"));
  out().write("| model | size | dtype | threads | test | t/s | achieved | of ceiling |\n"
              "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n");
  for (const Row &row : rows) {
    bool memory = row.bytes > 0;
    double share = memory ? row.bytes * row.rate / bandwidth->best() : row.operations * row.rate / arithmetic->best();
    std::string achieved = memory ? fixed(row.bytes * row.rate / 1e9, 2) + " GB/s"
                                  : fixed(row.operations * row.rate / 1e12, 3) + " TFLOP/s";
    out().write(concat("| ", name, " | ", binaryBytes(double(loaded->weightBytes())), " | ",
                       plan::EnumNameDType(loaded->config().compute_dtype()), " | ", loaded->device().threads(), " | ",
                       row.name, " | ", fixed(row.rate, 2), " ± ", fixed(row.deviation, 2), " | ", achieved, " | ",
                       fixed(100 * share, 1), " % |\n"));
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
      line += (column == kColumns[0] ? "" : ",") + (fields.contains(column) ? fields[column].dump() : "");
    out().write(line + "\n");
  }
}

void BenchCommand::printJson(const std::vector<Row> &rows) const {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const Row &row : rows)
    result.push_back(describe(row));
  out().write(result.dump(2) + "\n");
}

int BenchCommand::run() {
  load();
  std::vector<Row> rows;
  uint64_t maxChunk = chunk ? std::min<uint64_t>(chunk, loaded->maxChunkRows()) : loaded->maxChunkRows();
  for (uint32_t tokens : prompts) {
    if (tokens == 0)
      continue;
    Row row = measure(concat("pp", tokens), tokens, [&] { return timePrompt(tokens); });
    // Position i of the prompt sees depth + i + 1 positions. The logits of the last token alone are computed.
    Work work = stepWork(loaded->plan(), tokens, 1, maxChunk, depth + (tokens + 1) / 2.0);
    row.operations = work.operations / tokens;
    rows.push_back(row);
  }
  for (uint32_t tokens : generated) {
    if (tokens == 0)
      continue;
    Row row = measure(concat("tg", tokens), tokens, [&] { return timeGeneration(tokens); });
    Work work = stepWork(loaded->plan(), batch, batch, maxChunk, depth + (tokens + 1) / 2.0);
    row.bytes = work.bytes / batch;
    if (batch > 1)
      row.operations = work.operations / batch;
    rows.push_back(row);
  }
  if (json || format == "json")
    printJson(rows);
  else if (format == "csv")
    printCsv(rows);
  else
    printMarkdown(rows);
  return 0;
}

void addBench(CLI::App &program, Action &action) {
  auto state = std::make_shared<BenchCommand>();
  CLI::App *command = program.add_subcommand("bench", "Measure speed, beside the ceilings of this machine");
  command->footer(
      "Example:\n  quipu bench story.qplan -p 256 -n 64 -t 2\n\n"
      "ppN: N tokens of prompt at once; tgN: N tokens one by one. Ceilings: reading a buffer that no cache\n"
      "holds, and the kernels' dot-product instruction in a loop without memory, measured between the runs.");
  state->plan.addOptions(*command);
  command->add_option("-p,--prompt", state->prompts, "Prompt lengths, as 256 or 128,512; 0: none")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("-n,--generate", state->generated, "Numbers of generated tokens; 0: none")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("-d,--depth", state->depth, "Positions cached before")->capture_default_str();
  command->add_option("-b,--batch", state->batch, "Sequences at once")->capture_default_str()->check(isPositiveCount());
  command->add_option("-r,--repeats", state->repeats, "Repeats after a warm-up")
      ->capture_default_str()
      ->check(isPositiveCount());
  command->add_option("--chunk", state->chunk, "Tokens of a prompt at once (default: as many as the plan takes)")
      ->check(isPositiveCount());
  command->add_option("-o,--output", state->format, "md, json or csv")
      ->capture_default_str()
      ->check(CLI::IsMember({"md", "json", "csv"}));
  command->add_flag("--json", state->json, "As -o json");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
