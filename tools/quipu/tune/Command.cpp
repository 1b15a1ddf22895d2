//===- Command.cpp - quipu tune: schedules for this machine -------------------------------===//

#include "tools/quipu/Command.h"
#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "runtime/support/TemporaryFolder.h"
#include "tools/common/Process.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/tune/Tuner.h"

#include <algorithm>
#include <filesystem>
#include <memory>

namespace fs = std::filesystem;

namespace quipu::tool {

using Json = nlohmann::ordered_json;

namespace {

struct TuneCommand {
  PlanSource source;
  ModelFlags model;
  TunerOptions options;
  std::string output;
  double seconds = 60;
  bool verbose = false;

  int run();
};

/// A model, and the options that it is compiled with.
struct TunedModel {
  std::string path;
  std::vector<std::string> options;
};

} // namespace

/// The model of a plan is where it was when the plan was compiled.
static TunedModel modelOf(const PlanSource &source) {
  if (source.isModel())
    return {source.path(), source.compileFlags()};
  std::shared_ptr<const PlanFile> plan = source.open();
  Json origin = Json::parse(Insight::of(*plan).record()).at("source");
  std::string path = origin.at("model");
  std::error_code error;
  if (!fs::exists(path, error))
    fail(source.path(), ": its model was ", path, ", which is not there any more; give the model");
  return {path, origin.at("options")};
}

/// Compiles into the folder. What the compiler prints is shown only if it fails.
static std::shared_ptr<const PlanFile> compileTuned(const TunedModel &model, const std::string &folder,
                                                    const Json &tuning, bool keepIr) {
  std::string plan = folder + "/candidate.qplan", log = folder + "/messages";
  std::vector<std::string> arguments = {model.path};
  arguments.insert(arguments.end(), model.options.begin(), model.options.end());
  if (keepIr)
    arguments.emplace_back("--keep-ir");
  if (!tuning.is_null()) {
    std::string path = folder + "/tuning.json", text = jsonText(tuning);
    OutputFile file(path);
    file.write(text.data(), text.size());
    file.commit();
    arguments.insert(arguments.end(), {kTuning, path});
  }
  arguments.insert(arguments.end(), {"-o", plan});
  ProcessEnd end = runProcess(compilerPath(), "quipu compile", arguments, log);
  if (end.signal || end.status) {
    printText(readText(log));
    fail(model.path, ": could not be compiled (quipu-compile ended with ",
         end.signal ? concat("signal ", end.signal) : concat("status ", end.status), ")");
  }
  return PlanFile::open(plan);
}

static std::string numbersText(const Json &numbers) {
  std::string text;
  for (const auto &[name, value] : numbers.items())
    text += concat(text.empty() ? "" : ", ", name, " = ", value.get<int64_t>());
  return text;
}

/// A line for each kernel whose schedule is another one.
static std::string reportText(const Json &tuning) {
  const Json &kernels = tuning.at("kernels");
  if (kernels.empty())
    return "no schedule is faster than what is chosen\n";
  size_t width = 0;
  for (const Json &kernel : kernels)
    width = std::max(width, kernel.at("name").get<std::string>().size());
  std::string text;
  for (const Json &kernel : kernels) {
    std::string name = kernel.at("name");
    double before = kernel.at("us_before"), after = kernel.at("us_after");
    text += concat(name, std::string(width - name.size() + 2, ' '), fixed(before, 1), " us, now ", fixed(after, 1),
                   " us (", fixed(100 * (after / before - 1), 1), " %): ", numbersText(kernel.at("numbers")), "\n");
  }
  return text;
}

int TuneCommand::run() {
  std::vector<std::string> flags = source.compileFlags();
  for (const char *option : {kTuning, sharedOptions().schedules.name})
    if (std::ranges::find(flags, option) != flags.end())
      throw UsageError(std::string(option) +
                       " says how kernels are scheduled, which quipu tune searches: leave it out");
  options.model = model.options();
  options.weightsGiven = !model.weights.empty();
  options.seconds = seconds;
  if (verbose)
    options.note = [](const std::string &line) { printNote(line); };
  source.noteInputs();
  OutputFile file(output);
  TunedModel tuned = modelOf(source);
  TemporaryFolder folder("quipu-tune-");
  Tuner tuner([&](const Json &tuning, bool keepIr) { return compileTuned(tuned, folder.path(), tuning, keepIr); },
              options);
  Json tuning = tuner.run();
  std::string text = jsonText(tuning) + "\n";
  file.write(text.data(), text.size());
  file.commit();
  if (output == "-")
    printText(reportText(tuning));
  else
    out().write(reportText(tuning));
  return 0;
}

void addTune(CLI::App &program, Action &action) {
  auto state = std::make_shared<TuneCommand>();
  CLI::App *command = program.add_subcommand("tune", "Search for faster schedules on this machine");
  command->footer("Example:\n  quipu tune models/story -o tuning.json\n"
                  "  quipu compile models/story --tuning tuning.json -o story.qplan\n\n"
                  "Kernels are measured in real steps: a generated token and a prompt, on as many threads as will run "
                  "the plan. Leave the machine alone meanwhile. docs/tuning.md says how it searches.");
  state->source.addOptions(*command);
  command->add_option("-o,--output", state->output, "Tuning file to write; - is standard output")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--time", state->seconds,
                   "Seconds that the search may take; the measurement at its end comes on top")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 86400.0))
      ->type_name("SECONDS");
  command->add_flag("-v,--verbose", state->verbose, "Say what each candidate gained, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
