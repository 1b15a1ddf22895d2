//===- Command.cpp - quipu profile: where the time of a step goes ------------------------===//

#include "tools/quipu/Command.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/bench/Bench.h"
#include "tools/quipu/profile/Compare.h"
#include "tools/quipu/profile/ProfileJson.h"
#include "tools/quipu/profile/ProfileText.h"
#include "tools/quipu/profile/SavedProfile.h"
#include "tools/quipu/profile/TraceFile.h"

#include <memory>
#include <optional>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// Tokens that are generated if no option says what to profile.
static constexpr uint32_t kGenerated = 8;

namespace {

struct ProfileCommand {
  PlanSource plan;
  ModelFlags model;
  ProfilerOptions options;
  CLI::App *command = nullptr;
  std::string trace, other;
  bool json = false, verbose = false;

  int run();

private:
  bool isGiven(const char *option) const { return command->count(option) > 0; }
  void checkUsage() const;
  void checkSaved() const;
  void takeTest(const Json &saved);
  NamedProfile measure(const PlanSource &source, OutputFile *traceFile) const;
};

} // namespace

void ProfileCommand::checkUsage() const {
  const BenchTest &test = options.test;
  if (test.prompt && test.generated)
    throw UsageError("-p and -n: a profile is of a prompt or of generation, whose steps are others; give one of them");
  if (test.tokens() == 0)
    throw UsageError("-p 0 and -n 0 leave nothing to measure");
  if (options.chunk && !test.prompt)
    throw UsageError("--chunk says how a prompt is divided; give one with -p");
  if (trace == "-")
    throw UsageError("--trace: standard output is for the table; name a file");
}

/// Refuses options that say how to measure where only saved profiles are shown.
void ProfileCommand::checkSaved() const {
  for (const CLI::Option *option : command->get_options()) {
    std::string name = option->get_name();
    if (option->count() > 0 && name != "--model" && name != "--compare" && name != "--json" && name != "--verbose")
      throw UsageError(name + " says how to measure, and " + plan.path() + " is a profile that was measured before");
  }
}

/// Measures what a saved profile has measured, unless options say otherwise.
void ProfileCommand::takeTest(const Json &saved) {
  BenchTest &test = options.test;
  if (!isGiven("--prompt") && !isGiven("--generate")) {
    test.prompt = saved["prompt"];
    test.generated = saved["generated"];
  }
  if (!isGiven("--depth"))
    test.depth = saved["depth"];
  if (!isGiven("--batch"))
    test.batch = saved["batch"];
}

NamedProfile ProfileCommand::measure(const PlanSource &source, OutputFile *traceFile) const {
  ModelOptions given = model.options();
  std::shared_ptr<const PlanFile> file = source.open(verbose, model.device, model.verify);
  const std::vector<BenchTest> tests = {options.test};
  checkTests(*file, tests);
  std::shared_ptr<const Model> loaded =
      Model::load(file, benchModelOptions(given, !model.weights.empty(), *file, tests));
  std::unique_ptr<Ceilings> ceilings = Ceilings::create(*loaded, model.pin);
  Profile profile;
  {
    Progress progress("measure", profiledSteps(*loaded, options), Progress::Unit::Items, "step");
    profile = profileModel(loaded, *ceilings, options, source.path(), progress);
  }
  if (traceFile) {
    writeTrace(loaded->plan(), profile, [&](std::string_view text) { traceFile->write(text.data(), text.size()); });
    traceFile->commit();
  }
  return {source.path(), profileJson(profile)};
}

int ProfileCommand::run() {
  bool isSaved = isSavedProfile(plan.path()), isOtherSaved = !other.empty() && isSavedProfile(other);
  std::optional<NamedProfile> a, b;
  if (isSaved)
    a = {plan.path(), readProfile(plan.path())};
  if (isOtherSaved)
    b = {other, readProfile(other)};
  if (isSaved && (other.empty() || isOtherSaved))
    checkSaved();
  if (isSaved != isOtherSaved)
    takeTest((isSaved ? a : b)->profile);
  if (!isGiven("--prompt") && !isGiven("--generate") && !isSaved && !isOtherSaved)
    options.test.generated = kGenerated;
  if (!isSaved || (!other.empty() && !isOtherSaved))
    checkUsage();
  if (isSaved && !trace.empty())
    throw UsageError("--trace is of the first plan, and " + plan.path() + " is a profile that was measured before");
  // What cannot be compared is not measured.
  if (isSaved != isOtherSaved && !other.empty())
    checkSameKind(a.value_or(NamedProfile{plan.path(), testJson(options.test)}),
                  b.value_or(NamedProfile{other, testJson(options.test)}));
  std::unique_ptr<OutputFile> traceFile;
  if (!trace.empty()) {
    plan.noteInputs();
    traceFile = std::make_unique<OutputFile>(trace);
  }
  if (!a)
    a = measure(plan, traceFile.get());
  if (other.empty()) {
    out().write(json ? jsonText(a->profile) + "\n" : profileText(a->profile));
    return 0;
  }
  if (!b)
    b = measure(plan.withPath(other), nullptr);
  Json comparison = compareProfiles(*a, *b);
  out().write(json ? jsonText(comparison) + "\n" : comparisonText(comparison));
  return 0;
}

void addProfile(CLI::App &program, Action &action) {
  auto state = std::make_shared<ProfileCommand>();
  ProfilerOptions &options = state->options;
  CLI::App *command = program.add_subcommand("profile", "Say where the time of a step goes, kernel by kernel");
  state->command = command;
  command->footer("Example:\n  quipu profile story.qplan\n  quipu profile story.qplan -p 256 --trace trace.json\n"
                  "  quipu profile story.qplan --json > before.json\n"
                  "  quipu profile before.json --compare story.qplan\n\n"
                  "Each place is a line, with all layers together; those that lose most time to the machine's ceiling "
                  "come first.\n"
                  "What kernels wait, for each other's threads or at barriers, is a line of its own. docs/profile.md "
                  "explains the columns.");
  state->plan.addOptions(*command);
  addNumber(*command, "-p,--prompt", options.test.prompt, "Profile a prompt of N tokens");
  addNumber(*command, "-n,--generate", options.test.generated,
            concat("Profile N tokens, generated one by one (default: ", kGenerated, ", without -p)"));
  addNumber(*command, "-d,--depth", options.test.depth, "Positions cached before")->capture_default_str();
  addNumber(*command, "-b,--batch", options.test.batch, "Sequences at once", 1)->capture_default_str();
  addNumber(*command, "--token", options.token, "Repeat this token instead of random ones");
  addNumber(*command, "-r,--repeats", options.repeats, "Repeats of each step after a warm-up", 1)
      ->capture_default_str();
  addNumber(*command, "--chunk", options.chunk, "Tokens of a prompt at once (default: as many as the plan takes)", 1);
  command
      ->add_option("--trace", state->trace,
                   "Also write a time line with a track for each thread or stream, for ui.perfetto.dev")
      ->type_name("FILE");
  command
      ->add_option(
          "--compare", state->other,
          "Set another plan, model or profile beside it. A profile is what --json printed; PLAN may be one too")
      ->type_name("FILE");
  command->add_flag("--json", state->json, "Print the profile, or the comparison, as a JSON object");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  state->model.addOptions(*command);
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
