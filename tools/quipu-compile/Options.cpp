//===- Options.cpp - The command line of quipu-compile -----------------------------------===//

#include "tools/quipu-compile/Options.h"
#include "frontends/common/QuantizeMix.h"
#include "runtime/support/Error.h"
#include "runtime/support/WeightIdentity.h"
#include "tools/common/Build.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Console.h"

#include <CLI/CLI.hpp>

#include <map>
#include <sstream>

namespace quipu::tool {

static constexpr const char *kCompileSummary = "Compiles a model to a plan, an executable or an intermediate form.";

std::string compilerName() {
  return concat("quipu-compile ", kBuildVersion, " (commit ", kBuildCommit, ", LLVM " QUIPU_LLVM_VERSION ")");
}

const SharedOptions &sharedOptions() {
  static const std::vector<std::string> dtypes = {"auto", "f32", "bf16", "f16"};
  static const SharedOptions options = {
      .target = {"--target",
                 "",
                 "cpu or cpu:host (this machine), cpu:x86-64-v3, cpu:x86-64-v4, and features: "
                 "cpu:x86-64-v4,+avx512bf16; cuda (cuda:sm_90a), cuda:sm_80, cuda:sm_86, cuda:sm_89",
                 {}},
      .dtype = {"--dtype", "",
                "Type of the products. f32: weights stay in memory as they are stored (bf16, f16) and are widened as "
                "they are read. bf16, f16: matrices stored in another type are converted when they are loaded. auto: "
                "the type of the matrices",
                dtypes},
      .kvDtype = {"--kv-dtype", "", "Type of cached keys and values (auto: as --dtype)", dtypes},
      .quantize = {"--quantize", "",
                   "Round matrices, the embedding and the head among them, to this format, or to the formats of this "
                   "mixture (q4_k_m: q4_k, and q6_k where errors do more harm). They are written beside the plan, as "
                   "PLAN.weights, or into the bundle; for a CPU",
                   frontend::QuantizeMix::names()},
      .activations = {"--activations",
                      "",
                      "What products with weights in blocks multiply, on a CPU. rounded: activations rounded to 8 bits "
                      "with a scale for each 32, which is fast. exact: activations as they are",
                      {"rounded", "exact"}},
      .maxBatch = {"--max-batch", "", "Most sequences at once", {}, kMostSequences},
      .maxSeq = {"--max-seq",
                 ",-c,--ctx-size",
                 "Most positions of a sequence (default: the model's context, at most " +
                     std::to_string(kDefaultMaxSeq) + ")",
                 {},
                 kMostPositions},
      .schedules = {"--llama-select-schedules",
                    "",
                    "How kernels are scheduled, in place of what is chosen: cluster=1, \"rows=256 stages=4\", ... "
                    "(docs/tuning.md)",
                    {},
                    0,
                    "OPTIONS"},
      .tuning = {kTuning, "", "Schedules that quipu tune has measured to be faster on this machine", {}, 0, "FILE"}};
  return options;
}

std::vector<std::string> modelOptions(const CompileOptions &options) {
  const SharedOptions &shared = sharedOptions();
  std::vector<std::string> arguments = {shared.target.name,      options.target,
                                        shared.dtype.name,       options.dtype,
                                        shared.kvDtype.name,     options.kvDtype,
                                        shared.activations.name, options.activations,
                                        shared.maxBatch.name,    std::to_string(options.maxBatch)};
  if (options.deterministic)
    arguments.push_back(kDeterministic);
  if (!options.quantize.empty())
    arguments.insert(arguments.end(), {shared.quantize.name, options.quantize});
  if (options.maxSeq)
    arguments.insert(arguments.end(), {shared.maxSeq.name, std::to_string(options.maxSeq)});
  return arguments;
}

static Emit parseEmit(const std::string &name) {
  static const std::map<std::string, Emit> kForms = {{"plan", Emit::Plan},  {"executable", Emit::Executable},
                                                     {"mlir", Emit::Mlir},  {"llvm", Emit::Llvm},
                                                     {"asm", Emit::Asm},    {"ptx", Emit::Ptx},
                                                     {"cubin", Emit::Cubin}};
  if (auto found = kForms.find(name); found != kForms.end())
    return found->second;
  throw UsageError("--emit " + name + ": unknown form; supported: plan, executable, mlir, llvm, asm, ptx, cubin");
}

static void addValidate(CLI::App &command, Validate &validate) {
  static const std::map<std::string, Validate> kKinds = {
      {"all", Validate::All}, {"passes", Validate::Passes}, {"kernels", Validate::Kernels}};
  command
      .add_option_function<std::string>(
          "--validate", [&validate](const std::string &kind) { validate = kKinds.at(kind); },
          "Compare a small model like this one before and after each pass, and each generated kernel, with the "
          "reference lowering, and name the first pass or kernel that is wrong. passes: passes alone; kernels: kernels "
          "alone, with the widths of the model's layers. Needs no -o")
      ->default_str("all")
      ->check(CLI::IsMember(std::vector<std::string>{"all", "passes", "kernels"}))
      ->option_text("[=passes|kernels]");
}

void addCompileOptions(CLI::App &command, CompileOptions &options, CompileTexts &texts, const std::string &program) {
  command.set_version_flag("--version", compilerName(), "Print the version");
  command.footer("Example:\n  " + program + " models/story -o story.qplan\n  " + program +
                 " models/story --emit executable -o story\n  " + program +
                 " models/story --target cuda -o story.qplan\n  " + program +
                 " models/story --stop-after llama-form-kernels -o - | less\n  " + program +
                 " edited.mlir --model models/story -o story.qplan");
  command
      .add_option("MODEL", texts.input,
                  "A Hugging Face folder, a GGUF file, a folder in Meta's layout, a llama2.c .bin, or a bare "
                  "config.json (weights are then random when the plan is run). Or FILE.mlir, a module that --emit mlir "
                  "or inspect --phase printed: the compilation goes on from there")
      ->option_text("FILE");
  command
      .add_option(
          "-m,--model", options.model,
          "The model, also beside FILE.mlir: whose config, tokenizer and weights. FILE.mlir with schedules needs "
          "none for --emit mlir, llvm, asm, ptx and cubin")
      ->type_name("FILE");
  command
      .add_option("--from", options.from,
                  "With FILE.mlir: the phase after which it was printed (default: what the module has says so)")
      ->type_name("PHASE");
  command.add_option("-o,--output", options.output, "File to write; - is standard output")->type_name("FILE");
  command.add_option("--emit", texts.emit, "What to write (default: plan); asm is for a CPU, ptx and cubin for CUDA")
      ->type_name("{plan,executable,mlir,llvm,asm,ptx,cubin}");
  const auto &[target, dtype, kvDtype, quantize, activations, maxBatch, maxSeq, schedules, tuning] = sharedOptions();
  command.add_option(target.names(), options.target, target.text)->capture_default_str();
  command.add_option(dtype.names(), options.dtype, dtype.text)
      ->capture_default_str()
      ->check(CLI::IsMember(dtype.choices));
  command.add_option(kvDtype.names(), options.kvDtype, kvDtype.text)
      ->capture_default_str()
      ->check(CLI::IsMember(kvDtype.choices));
  command.add_option(quantize.names(), options.quantize, quantize.text)->check(CLI::IsMember(quantize.choices));
  command.add_option(activations.names(), options.activations, activations.text)
      ->capture_default_str()
      ->check(CLI::IsMember(activations.choices));
  command.add_flag(
      kDeterministic, options.deterministic,
      "Logits have the same bits whatever else a step computes, however a prompt was divided, and with any "
      "number of threads. Weights in most formats of blocks have this anyway (on a CPU). With others decode "
      "becomes somewhat slower. Refused, with the reason, where it cannot be");
  addNumber(command, maxBatch.names(), options.maxBatch, maxBatch.text, 1, maxBatch.most)->capture_default_str();
  addNumber(command, maxSeq.names(), options.maxSeq, maxSeq.text, 1, maxSeq.most);
  command.add_flag("--bundle", options.bundle, "Put the weights into the plan's file, so that it can be moved alone");
  command.add_flag("--hash-weights", options.hashWeights,
                   "Read all weights and keep a hash of every byte, for run --verify (default: of samples of each "
                   "tensor; of all where the weights are at most " +
                       std::to_string(kHashedWhole >> 20) + " MiB)");
  command.add_flag("--keep-ir", options.keepIr,
                   "Keep the module after every phase in the plan, what the compiler decided, and debug information, "
                   "for quipu inspect, debuggers and profilers");
  command.add_option("--stop-after", options.stopAfter, "Write the module after this phase (implies --emit mlir)")
      ->type_name("PHASE");
  command.add_option("--dump-phases", options.dumpFolder, "Write the module after every phase into this folder")
      ->type_name("DIR");
  command.add_option("--kernel", options.kernel, "Emit this kernel alone (with --emit mlir, llvm, asm, ptx or cubin)");
  command.add_option(schedules.names(), options.tuning, schedules.text)->type_name(schedules.type);
  command.add_option(tuning.names(), options.tuningFile, tuning.text)->type_name(tuning.type);
  addValidate(command, options.validate);
  command.add_flag("--timing", options.timing, "Print how long each phase took, on standard error");
  command.add_flag("--mlir-timing", options.passTiming, "Print MLIR's tree of how long passes took, on standard error");
  command.add_flag("--mlir-pass-statistics", options.passStatistics,
                   "Print what the passes counted, on standard error");
  command
      .add_option(
          "--mlir-pass-pipeline-crash-reproducer", options.passReproducer,
          "When a pass fails or crashes, write the imported module and the passes into this file, for quipu-opt "
          "--run-reproducer")
      ->type_name("FILE");
  command.add_flag("--mlir-print-ir-after-all", options.printAfterAll,
                   "Print the module after each pass, on standard error");
  command.add_option(kDebugOnly, options.debugOnly, kDebugOnlyText)->type_name("PASS,...");
  command.add_flag("--list-phases", options.listPhases, "Print the names of the phases in order, and end");
  command.add_flag("-v,--verbose", options.verbose, "Say how the config was resolved, on standard error");
}

/// The pass reads "010" as 8 and "0x8" as well: numbers of its options are written as those of all others.
static void checkTuningNumbers(const std::string &tuning) {
  for (size_t equals = tuning.find('='); equals != std::string::npos; equals = tuning.find('=', equals + 1)) {
    size_t end = std::min(tuning.find_first_of(" ,}", equals), tuning.size());
    std::string value = tuning.substr(equals + 1, end - equals - 1);
    bool isNumeric = value.find_first_of("0123456789") < 2;
    if (value.empty() || (isNumeric && !parseNumber<int64_t>(value)))
      throw UsageError(concat("--llama-select-schedules ", tuning, ": '", value, "' is ", rangeText("", "", true)));
  }
}

/// MODEL, --model MODEL, or FILE.mlir --model MODEL.
static void takeInput(const std::string &input, CompileOptions &options) {
  if (input.ends_with(".mlir")) {
    options.module = input;
    return;
  }
  if (!input.empty() && !options.model.empty())
    throw UsageError("MODEL is given twice, as " + input + " and as --model " + options.model);
  if (options.model.empty())
    options.model = input;
  if (options.model.empty())
    throw UsageError("MODEL is required");
  if (!options.from.empty())
    throw UsageError("--from says after which phase FILE.mlir was printed, and " + options.model + " is a model");
}

/// Without a model there is code of a module, and nothing else.
static void checkWithoutModel(const CLI::App &app, const CompileOptions &options, bool isPlan) {
  if (isPlan)
    throw UsageError(options.module + " is a module: say with --model whose config, tokenizer and weights go with it");
  const auto &[target, dtype, kvDtype, quantize, activations, maxBatch, maxSeq, schedules, tuning] = sharedOptions();
  for (const SharedOption *option : {&quantize, &activations, &maxBatch, &maxSeq})
    if (app.count(option->name))
      throw UsageError(std::string(option->name) + " says how a model is compiled, and " + options.module +
                       " is a module: say with --model of which model it is, or leave the option out");
}

std::optional<CompileOptions> parseCompileOptions(std::vector<std::string> arguments, const std::string &program) {
  CompileOptions options;
  CompileTexts texts;
  const std::string &emit = texts.emit;
  CLI::App app(kCompileSummary, program);
  addCompileOptions(app, options, texts, program);
  // What quipu asks for after a crash; no option for people.
  std::string reproducer;
  app.add_option("--reproduce", reproducer)->group("");
  try {
    parseCommandLine(app, std::move(arguments));
  } catch (const CLI::Success &request) {
    std::ostringstream text;
    app.exit(request, text, text);
    out().write(text.str());
    out().flush();
    return std::nullopt;
  }
  if (options.listPhases)
    return options;

  takeInput(texts.input, options);
  options.isTargetGiven = app.count(sharedOptions().target.name) > 0;
  options.isActivationsGiven = app.count(sharedOptions().activations.name) > 0;
  if (options.output.empty() && options.dumpFolder.empty() && options.validate == Validate::Nothing)
    throw UsageError("-o FILE is required (- is standard output)");
  if (emit.empty())
    options.emit = options.stopAfter.empty() ? Emit::Plan : Emit::Mlir;
  else
    options.emit = parseEmit(emit);
  if (!options.stopAfter.empty() && options.emit != Emit::Mlir)
    throw UsageError("--stop-after gives a module: it goes with --emit mlir, not with --emit " + emit);
  bool isPlan = options.emit == Emit::Plan || options.emit == Emit::Executable;
  if (options.model.empty())
    checkWithoutModel(app, options, isPlan);
  if (!options.kernel.empty() && isPlan)
    throw UsageError("--kernel goes with --emit mlir, llvm, asm, ptx or cubin");
  if (!options.kernel.empty() && !options.stopAfter.empty())
    throw UsageError("give one of --kernel and --stop-after");
  if (!options.module.empty() && options.validate != Validate::Nothing)
    throw UsageError("--validate checks the compilation of a model from its import on, and " + options.module +
                     " is a module: leave it out");
  if (!options.tuningFile.empty() && options.validate != Validate::Nothing)
    throw UsageError("--validate compiles a small model like this one, whose kernels are not those of --tuning " +
                     options.tuningFile + ": leave it out");
  if (!options.kernel.empty() && options.validate != Validate::Nothing)
    throw UsageError("--validate checks the whole compilation: leave --kernel out");
  if (options.hashWeights && !isPlan)
    throw UsageError("--hash-weights goes with --emit plan or executable");
  if (options.keepIr && options.emit == Emit::Mlir)
    throw UsageError("--keep-ir goes with plans, executables and code: not with --emit mlir");
  if (options.bundle && options.emit != Emit::Plan)
    throw UsageError("--bundle goes with --emit plan");
  if (options.emit == Emit::Executable && options.output == "-")
    throw UsageError("--emit executable writes a file that can be run: -o must name one");
  if (!options.quantize.empty() && options.target.starts_with("cuda"))
    throw UsageError("--quantize " + options.quantize +
                     " is for CPUs; kernels for GPUs read weights of f32, f16 and "
                     "bf16; leave it out, or give --target cpu");
  if (!options.quantize.empty() && isPlan && !options.bundle && options.output == "-")
    throw UsageError("--quantize " + options.quantize +
                     " writes the weights beside the plan, and standard output has no place for them: name a file "
                     "with -o, or give --bundle");
  checkTuningNumbers(options.tuning);
  if (!options.tuning.empty() && !options.tuningFile.empty())
    throw UsageError("give one of --llama-select-schedules and --tuning: both say how kernels are scheduled");
  if (!reproducer.empty()) {
    options.reproducing = true;
    options.dumpFolder = reproducer;
    if (!options.output.empty())
      options.output = "/dev/null";
  }
  return options;
}

} // namespace quipu::tool
