//===- Command.cpp - quipu bench: speed beside the machine's ceilings --------------------===//

#include "tools/quipu/Command.h"
#include "runtime/core/Device.h"
#include "runtime/support/Error.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/bench/Bench.h"
#include "tools/quipu/bench/Report.h"

#include <algorithm>
#include <memory>

namespace quipu::tool {

namespace {

struct BenchCommand {
  PlanSource plan;
  ModelFlags model;
  BenchOptions options;
  /// Empty: the default number.
  std::vector<unsigned> threads;
  /// Of --pg, as given.
  std::vector<uint32_t> pairs;
  std::string format = "md";
  bool json = false, verbose = false;

  int run();

private:
  void checkUsage();
};

} // namespace

void BenchCommand::checkUsage() {
  if (json)
    format = "json";
  if (options.profile && format == "csv")
    throw UsageError("--profile prints tables of its own, which csv has no place for; use md or json");
  if (pairs.size() % 2)
    throw UsageError(concat("--pg: ", pairs.size(), " numbers; expected pairs, as 512,128"));
  for (size_t i = 0; i < pairs.size(); i += 2)
    options.lists.pairs.emplace_back(pairs[i], pairs[i + 1]);
  if (testsOf(options.lists).empty())
    throw UsageError("-p 0 -n 0 leaves nothing to measure");
}

int BenchCommand::run() {
  checkUsage();
  // Options that make no sense are refused before a plan is opened.
  ModelOptions given = model.options();
  std::vector<BenchTest> tests = testsOf(options.lists);
  std::shared_ptr<const PlanFile> file = plan.open(verbose, model.device, model.verify);
  checkTests(*file, tests);
  if (threads.size() > 1 && file->plan().target()->device()->string_view() != "cpu")
    throw UsageError("--threads: threads of the host do not compute on a GPU; give one number");

  std::vector<BenchResult> results;
  const std::vector<unsigned> counts = threads.empty() ? std::vector<unsigned>{0} : threads;
  Progress progress("measure", uint64_t(counts.size()) * tests.size() * options.repeats, Progress::Unit::Items, "run");
  for (unsigned count : counts) {
    given.threads = count;
    std::shared_ptr<const Model> loaded =
        Model::load(file, benchModelOptions(given, !model.weights.empty(), *file, tests));
    Bench bench(loaded, Ceilings::create(*loaded, model.pin), tests, options);
    std::vector<BenchRow> rows;
    for (const BenchTest &test : tests) {
      rows.push_back(bench.run(test, progress));
      if (std::string warning = scatterWarning(rows.back()); !warning.empty())
        printNote(warning);
    }
    BenchSetting setting = bench.setting(plan.path());
    for (BenchRow &row : rows)
      results.push_back({setting, std::move(row)});
  }
  out().write(format == "json" ? benchJson(results) : format == "csv" ? benchCsv(results) : benchMarkdown(results));
  return 0;
}

void addBench(CLI::App &program, Action &action) {
  auto state = std::make_shared<BenchCommand>();
  BenchOptions &options = state->options;
  BenchLists &lists = options.lists;
  CLI::App *command = program.add_subcommand("bench", "Measure speed, beside the ceilings of this machine");
  command->footer(
      "Example:\n  quipu bench story.qplan -p 256 -n 64 -t 1,2\n"
      "  quipu bench story.qplan -p 0 -n 32 -d 0,1024 --profile\n\n"
      "ppN: N tokens of prompt at once; tgN: N tokens one by one; scN: N tokens scored; every combination of the lists "
      "is measured. "
      "Ceilings,\n"
      "measured between the runs: on a CPU reading a buffer that no cache holds, and the kernels' dot-product "
      "instruction\n"
      "in a loop without memory; on a GPU copying device memory (bytes read and written), and a large product through\n"
      "cuBLAS.");
  state->plan.addOptions(*command);
  addNumbers(*command, "-p,--prompt", lists.prompts, "Prompt lengths; 0: none")->capture_default_str();
  addNumbers(*command, "-n,--generate", lists.generated, "Numbers of generated tokens; 0: none")->capture_default_str();
  addNumbers(*command, "--pg", state->pairs,
             "Also a prompt and generation measured as one, as 512,128 (-pg is the same); may be given several times")
      ->type_name("P,N");
  addNumbers(*command, "--score", lists.scored,
             "Numbers of tokens to score, each by the probability of the next one (default: none)");
  addNumbers(*command, "-d,--depth", lists.depths, "Positions cached before")->capture_default_str();
  addNumbers(*command, "-b,--batch", lists.batches, "Sequences at once", 1)->capture_default_str();
  addNumber(*command, "--token", options.token,
            "Repeat this token instead of random ones: rows that are alike change fewer bits, and a GPU at its "
            "power limit multiplies them faster");
  addNumber(*command, "-r,--repeats", options.repeats, "Repeats after a warm-up", 1)->capture_default_str();
  addNumber(*command, "--chunk", options.chunk, "Tokens of a prompt at once (default: as many as the plan takes)", 1);
  CLI::Option *format = command->add_option("-o,--output", state->format, "md, json or csv")
                            ->capture_default_str()
                            ->check(CLI::IsMember({"md", "json", "csv"}));
  command->add_flag("--json", state->json, "As -o json")->excludes(format);
  command->add_flag(
      "--profile", options.profile,
      "Also time the kernels of a step of each test (of --pg's and --score's none): on a CPU while the step runs, on a "
      "GPU each alone and the step as a whole beside them");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  state->model.addOptions(*command, &state->threads);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

void spellOutBenchOptions(std::vector<std::string> &arguments) {
  for (std::string &argument : arguments) {
    if (argument == "--")
      return;
    if (argument == "-pg" || argument.starts_with("-pg="))
      argument.insert(0, "-");
  }
}

} // namespace quipu::tool
