//===- Compilation.cpp - From a model to a plan ---------------------------===//

#include "tools/quipu-compile/Compilation.h"

#include "codegen/Passes.h"
#include "codegen/common/CodeModule.h"
#include "codegen/plan/PlanWriter.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/RopeLength.h"
#include "ir/Llama/DebugLog.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Provenance.h"
#include "passes/Passes.h"
#include "runtime/plan/Bundle.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"
#include "runtime/support/TemporaryName.h"
#include "runtime/support/WeightIdentity.h"
#include "tools/common/Console.h"
#include "tools/common/Process.h"
#include "tools/quipu-compile/KernelRecord.h"
#include "tools/quipu-compile/KernelText.h"
#include "tools/quipu-compile/ModuleFile.h"
#include "tools/quipu-compile/ModuleOptions.h"
#include "tools/quipu-compile/PhaseRecord.h"
#include "tools/quipu-compile/validate/Validation.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iterator>
#include <unistd.h>

namespace fs = std::filesystem;

namespace quipu::tool {

static void writeText(OutputFile &file, const std::string &text) {
  file.write(text.data(), text.size());
  file.commit();
}

static std::string print(mlir::Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  // Print locations: they name places in the model and are part of the result.
  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo(true, /*prettyForm=*/false);
  op->print(stream, flags);
  stream << "\n";
  return text;
}

/// The place of a diagnostic: in the model, or else in a file.
static std::string placeText(mlir::Location loc) {
  if (auto file = mlir::dyn_cast<mlir::FileLineColLoc>(loc))
    return concat(file.getFilename().str(), ":", file.getLine(), ":", file.getColumn());
  std::string text;
  llvm::raw_string_ostream(text) << placeForUser(loc);
  return text;
}

Compilation::Compilation(const CompileOptions &given, PhaseEdit edit) : options(given), edit(std::move(edit)) {
  context.setThreadPool(threads);
  if (options.passStatistics)
    statistics.emplace([](llvm::StringRef text) { printText(text.str()); });
  if (options.keepIr) {
    insight.emplace();
    llama::DecisionListener::attach(context, [this](llama::Decision decision) { decisions.add(std::move(decision)); });
  }
  switchDebug();
  if (!options.stopAfter.empty())
    options.stopAfter = findPhase(options.stopAfter);
  if (!options.from.empty())
    options.from = findPhase(options.from);
  // Diagnostics without the op: a printed kernel does not help somebody who wrote a config.
  context.printOpOnDiagnostic(options.verbose);
  context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
    bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    if (!isError && !options.verbose)
      return mlir::success();
    saidError |= isError;
    std::string text;
    llvm::raw_string_ostream stream(text);
    stream << placeText(diagnostic.getLocation()) << ": " << diagnostic.str();
    for (mlir::Diagnostic &note : diagnostic.getNotes())
      stream << "\n  " << placeText(note.getLocation()) << ": " << note.str();
    isError ? printError(text) : printNote(text);
    return mlir::success();
  });
  if (!options.module.empty())
    openModule();
  backend = Backend::create(options, timing);
  backend->statistics = statistics ? &*statistics : nullptr;
  checkTuning(options.target, options.tuning);
  if (!options.tuningFile.empty())
    tuningFile.emplace(options.tuningFile, *backend, options.target);
  if (!module)
    return;
  checkTarget(*module, options.module, begin, options.target, hasOwnTarget);
  if (hasOwnTarget)
    backend->takeTarget(*module);
}

/// Puts what a module says in the place of "auto".
static void takeType(std::string &option, const char *name, frontend::DType own, const std::string &path) {
  std::optional<frontend::DType> given = frontend::dtypeNamed(option);
  if (given && *given != own)
    throw UsageError(concat(name, " ", option, ": ", path, " has the type ", frontend::name(own),
                            "; leave the option out, or compile from the model"));
  option = frontend::name(own);
}

void Compilation::openModule() {
  timing.measure("read the module", [&] { module = readModule(context, options.module); });
  begin = phaseOf(*module, options.module, options.from);
  if (std::string target = targetOf(*module); !options.isTargetGiven && !target.empty()) {
    options.target = target;
    hasOwnTarget = true;
  }
  auto [compute, cache] = typesOf(*module, options.module);
  takeType(options.dtype, "--dtype", compute, options.module);
  takeType(options.kvDtype, "--kv-dtype", cache, options.module);

  std::vector<std::string> names = phaseNames();
  auto isPast = [&](const std::string &phase) {
    return std::ranges::find(names, phase) <= std::ranges::find(names, begin);
  };
  auto refuse = [&](const std::string &option, const std::string &phase) {
    throw UsageError(option + " says what " + phase + " does, and " + options.module + " is a module from behind it");
  };
  if (!options.stopAfter.empty() && isPast(options.stopAfter) && options.stopAfter != begin)
    throw UsageError("--stop-after " + options.stopAfter + ": " + options.module +
                     " is a module from behind it, after " + begin);
  for (auto [option, text] :
       {std::pair("--llama-select-schedules", &options.tuning), std::pair(kTuning, &options.tuningFile)})
    if (!text->empty() && isPast(kSelectionPhase))
      refuse(option, kSelectionPhase);
  if (options.deterministic && isPast(kSelectionPhase) && !module.get()->hasAttr(llama::kDeterministicAttrName))
    refuse(kDeterministic, kSelectionPhase);
  bool isRounded = module->walk([](llama::QuantizeOp) { return mlir::WalkResult::interrupt(); }).wasInterrupted();
  if (options.activations == "exact" && isRounded)
    refuse("--activations exact", "llama-quantize-activations");
  if (begin == kCodegenPhase) {
    if (options.keepIr)
      refuse("--keep-ir", kCodegenPhase);
    if (!options.kernel.empty() && options.emit != Emit::Mlir)
      refuse("--kernel", kCodegenPhase);
  }
  if (options.model.empty() && !isPast(kSelectionPhase))
    throw UsageError(options.module + " is a module from before " + kSelectionPhase +
                     ", which asks the model how long sequences get: say with --model which one it is");
}

void Compilation::switchDebug() {
  if (options.debugOnly.empty())
    return;
  // Whose names are known is registered.
  llama::registerLlamaPasses();
  codegen::registerCodegenPasses();
  std::vector<std::string> passes;
  for (llvm::StringRef pass : llvm::split(options.debugOnly, ','))
    passes.push_back(pass.str());
  if (llvm::Error error = switchDebugLog(passes, [](llvm::StringRef line) { printText(line.str()); }))
    throw UsageError(std::string(kDebugOnly) + ": " + llvm::toString(std::move(error)));
}

void Compilation::openModel() {
  timing.measure("open the model", [&] { model = frontend::openModel(options.model); });
  uint32_t context = model.config.maxPositionEmbeddings;
  if (options.maxSeq > context)
    fail("--max-seq ", options.maxSeq, ": ", options.model, " was made for ", context,
         " positions (max_position_embeddings)",
         model.config.positionsReason.empty() ? "" : ": " + model.config.positionsReason);
  maxSeq = options.maxSeq ? options.maxSeq : std::min(context, kDefaultMaxSeq);
  bool hasTwoRopes = model.config.rope.shortContext > 0;
  frontend::chooseRopeFor(maxSeq, model.config);
  for (const frontend::Note &note : model.config.notes)
    if (options.verbose || note.kind == frontend::Note::Kind::warning)
      printNote(concat(note.kind == frontend::Note::Kind::warning ? "warning: " : "", options.model, ": ", note.field,
                       ": ", note.text));

  if (module) {
    checkConfig(*module, options.module, model, options.model);
    checkModuleOptions(*module, options, begin, model, hasTwoRopes, maxSeq, computeDType());
  }
}

void Compilation::run() {
  Progress whole("compile " + options.subject());
  if (!options.model.empty())
    openModel();
  openOutputs();
  if (options.validate != Validate::Nothing) {
    validateModel();
    if (options.output.empty() && options.dumpFolder.empty())
      return;
  }

  std::string last = options.stopAfter;
  if (last.empty())
    last = options.emit == Emit::Mlir && options.kernel.empty() && options.dumpFolder.empty() ? phaseNames().rbegin()[1]
                                                                                              : kCodegenPhase;
  bool isPlan = writesPlan();
  // The system reads the samples from disk while code is generated.
  if (isPlan && model.weights && newFormats.empty())
    frontend::prefetchSamples(*model.weights);
  std::vector<std::string> targets = backend->targets();
  if (!isPlan)
    targets.resize(1);
  module ? adoptModule() : importModel();
  runPhases(targets, last);
  if (!options.output.empty()) {
    if (isPlan)
      emitPlan();
    else if (options.emit != Emit::Mlir)
      writeText(*output, backend->emit(variants.front()));
    else if (!options.kernel.empty())
      emitKernel();
    else
      emitModule();
  }
  if (options.timing)
    timing.print();
}

/// The program that an executable is a copy of.
static std::string executableBase() {
  return siblingPath("quipu", "an executable is a copy of it: install it beside quipu-compile");
}

bool Compilation::writesPlan() const {
  return !options.output.empty() && (options.emit == Emit::Plan || options.emit == Emit::Executable);
}

/// A bundle's weights lie there until the bundle is written.
std::string Compilation::weightsPath() const {
  bool isStream = options.output == "-" || options.output.starts_with("/dev/");
  return isStream ? temporaryFolder() + "/quipu" + std::string(kWeightsSuffix)
                  : options.output + std::string(kWeightsSuffix);
}

void Compilation::openOutputs() {
  if (options.emit == Emit::Executable)
    noteInput(executableBase());
  if (!options.dumpFolder.empty()) {
    std::error_code error;
    fs::create_directories(options.dumpFolder, error);
    if (error)
      fail(options.dumpFolder, ": cannot create the folder: ", error.message());
  }
  if (!options.output.empty())
    output.emplace(options.output);
  if (writesPlan() && !options.quantize.empty() && model.weights)
    newFormats = convert::formatsOf(model, *frontend::QuantizeMix::find(options.quantize));
  if (!newFormats.empty())
    weightsOutput.emplace(weightsPath());
  if (!options.passReproducer.empty())
    reproducer.emplace(options.passReproducer);
}

frontend::DType Compilation::computeDType() const {
  std::optional<frontend::DType> dtype = frontend::dtypeNamed(options.dtype);
  return dtype ? *dtype : frontend::resolveComputeDType(model, graphOptions());
}

frontend::GraphOptions Compilation::graphOptions() const {
  frontend::GraphOptions graph;
  graph.computeDType = frontend::dtypeNamed(options.dtype);
  graph.kvDType = frontend::dtypeNamed(options.kvDtype);
  if (!options.quantize.empty())
    graph.quantize = frontend::QuantizeMix::find(options.quantize);
  backend->describeBlocks(graph);
  return graph;
}

void Compilation::validateModel() {
  frontend::GraphOptions graph = graphOptions();
  graph.computeDType = computeDType();
  // Tuning is for the target that was asked for.
  auto phases = [this](const std::string &target) { return phasesOf(target, /*isTuned=*/target == options.target); };
  // What is compiled for it is not what the user asked for: it has no lines and no statistics.
  CompileOptions own = options;
  own.emit = Emit::Plan;
  own.keepIr = false;
  Timing unused;
  std::unique_ptr<Backend> ownBackend = Backend::create(own, unused);
  std::string summary = timing.measure(
      "validate", [&] { return tool::validate({options, model, std::move(graph), *ownBackend, std::move(phases)}); });
  printNote(summary);
}

void Compilation::importModel() {
  frontend::GraphOptions graph = graphOptions();
  if (graph.quantize) {
    if (std::string fallbacks = frontend::describeFallbacks(model.config, *graph.quantize); !fallbacks.empty())
      printNote(concat(options.model, ": ", fallbacks));
  }
  // A type that the user asked for needs no remark. But auto must not lose precision silently.
  if (std::string conversions = frontend::describeConversions(model, computeDType(), graph);
      !graph.computeDType && !conversions.empty())
    printNote(concat("warning: ", options.model, ": ", conversions));
  if (std::string expansions = frontend::describeExpansions(model, computeDType(), graph); !expansions.empty())
    printNote(concat(options.model, ": ", expansions));
  mlir::OwningOpRef<mlir::ModuleOp> imported;
  timing.measure(kImportPhase, [&] { imported = frontend::buildGraph(context, model, graph); });
  if (!imported)
    fail(options.model, ": the graph could not be built");
  dumpPhase(kImportPhase, *imported, nullptr);
  variants.emplace_back();
  variants.front().module = std::move(imported);
}

void Compilation::adoptModule() {
  std::vector<std::string> names = phaseNames();
  dumped = static_cast<unsigned>(std::ranges::find(names, begin) - names.begin());
  dumpPhase(begin, *module, nullptr);
  variants.emplace_back();
  variants.front().module = std::move(module);
}

CompilePhases Compilation::phasesOf(const std::string &target, bool isTuned) {
  PhaseOptions given{maxSeq, options.maxBatch, options.activations == "exact", options.deterministic};
  if (isTuned)
    given.tuning = options.tuning;
  if (isTuned && tuningFile)
    given.tuned = tuningFile->tuned();
  CompilePhases phases = compilePhases(target, computeDType(), given);
  phases.ofTarget.emplace_back(kCodegenPhase, backend->createEmission(target));
  if (edit)
    edit(phases);
  return phases;
}

void Compilation::runPhases(const std::vector<std::string> &targets, const std::string &last) {
  // The first one goes through its phases while others are added.
  variants.reserve(targets.size());
  variants.front().target = targets.front();
  if (last == begin)
    return;
  auto [phases, ofTarget] = phasesOf(targets.front(), /*isTuned=*/true);
  size_t common = phases.size();
  PhaseCalls calls;
  // Only the phases of the first target are dumped.
  calls.after = [&](const std::string &phase, mlir::ModuleOp module, const mlir::Pass &pass) {
    dumpPhase(phase, module, &pass);
  };
  // From here on the variants are different.
  calls.before = [&, fork = ofTarget.front().name](const std::string &phase, mlir::ModuleOp module) {
    if (phase == fork)
      for (const std::string &target : llvm::drop_begin(targets))
        variants.push_back({target, module.clone()});
    if (phase != kSelectionPhase)
      return;
    if (insight)
      insight->section("tunable") = TuningFile::subject(module, *backend);
    if (tuningFile)
      tuningFile->check(module);
  };
  llvm::move(ofTarget, std::back_inserter(phases));
  if (auto done = std::ranges::find(phases, begin, &CompilePhase::name); done != phases.end()) {
    if (targets.size() > 1 && static_cast<size_t>(done - phases.begin()) >= common)
      printNote(concat(options.module, ": is for ", targets.front(),
                       " alone: the plan has no code for other GPUs, as one from the model or an earlier phase has"));
    phases.erase(phases.begin(), done + 1);
  }
  runPhases(std::move(phases), last, variants.front(), std::move(calls));
  for (Variant &variant : llvm::drop_begin(variants)) {
    decisions.setPrefix(llvm::StringRef(variant.target).split(':').second.str() + ".");
    runPhases(phasesOf(variant.target, /*isTuned=*/false).ofTarget, last, variant, {});
  }
}

void Compilation::runPhases(std::vector<CompilePhase> phases, const std::string &last, Variant &variant,
                            PhaseCalls calls) {
  mlir::PassManager manager(&context);
  std::string current;
  // MLIR is built without exceptions, so no exception may pass through it.
  std::exception_ptr refusal;
  auto guarded = [&](auto call) {
    return [&, call = std::move(call)](const auto &...arguments) {
      try {
        if (call)
          call(arguments...);
      } catch (...) {
        refusal = refusal ? refusal : std::current_exception();
      }
    };
  };
  auto watch = std::make_unique<PhaseWatch>(
      timing, current, PhaseCalls{guarded(std::move(calls.before)), guarded(std::move(calls.after))});
  for (CompilePhase &phase : phases) {
    watch->add(phase.pass.get(), phase.name);
    manager.addPass(std::move(phase.pass));
    if (phase.name == last)
      break;
  }
  manager.addInstrumentation(std::move(watch));
  observe(manager, variant);
  mlir::LogicalResult result = manager.run(*variant.module);
  if (refusal)
    std::rethrow_exception(refusal);
  if (failed(result))
    reportFailure(current, variant);
}

/// Whether a module obeys the rules of its ops. Says nothing.
static bool isValid(mlir::ModuleOp module) {
  mlir::ScopedDiagnosticHandler quiet(module.getContext(), [](mlir::Diagnostic &) { return mlir::success(); });
  return succeeded(mlir::verify(module));
}

void Compilation::reportFailure(const std::string &phase, const Variant &variant) {
  // A pass that refuses a model says why, and leaves a module that others could read.
  if (!options.passReproducer.empty() || (saidError && isValid(*variant.module)))
    fail(options.subject(), ": phase ", phase, " failed");
  std::string file = writeReproducer(phase, variant);
  fail(options.subject(), ": phase ", phase,
       saidError ? " failed: it left a module that is not valid" : " failed and did not say why",
       ". That is a fault of the compiler. The reproducer lies in ", file, ": quipu-opt --run-reproducer ", file,
       " does the same again; please report it with this file");
}

std::string Compilation::writeReproducer(const std::string &last, const Variant &variant) {
  mlir::OwningOpRef<mlir::ModuleOp> input = options.module.empty()
                                                ? frontend::buildGraph(context, model, graphOptions())
                                                : readModule(context, options.module);
  auto [phases, ofTarget] = phasesOf(variant.target, /*isTuned=*/&variant == &variants.front());
  llvm::move(ofTarget, std::back_inserter(phases));
  if (auto done = std::ranges::find(phases, begin, &CompilePhase::name); done != phases.end())
    phases.erase(phases.begin(), done + 1);
  mlir::PassManager manager(&context, mlir::ModuleOp::getOperationName());
  for (CompilePhase &phase : phases) {
    manager.addPass(std::move(phase.pass));
    if (phase.name == last)
      break;
  }
  // The same as mlir::makeReproducer writes, but modules are verified: that is what fails.
  std::string pipeline, text;
  llvm::raw_string_ostream pipelineStream(pipeline);
  manager.printAsTextualPipeline(pipelineStream);
  mlir::AsmState state(*input);
  state.attachResourcePrinter("mlir_reproducer", [&](mlir::Operation *, mlir::AsmResourceBuilder &builder) {
    builder.buildString("pipeline", pipeline);
    builder.buildBool("disable_threading", true);
    builder.buildBool("verify_each", true);
  });
  llvm::raw_string_ostream stream(text);
  input->print(stream, state);
  std::string path = temporaryFolder() + "/quipu-fault-XXXXXX.mlir";
  int descriptor = mkstemps(path.data(), sizeof(".mlir") - 1);
  if (descriptor < 0)
    fail(path, ": cannot create the file", errnoSuffix(errno));
  close(descriptor);
  OutputFile file(path);
  writeText(file, text);
  return path;
}

namespace {
/// What MLIR writes into an output that was opened before. After a crash it does so twice; the first text is whole.
class ReproducerText : public mlir::ReproducerStream {
public:
  ReproducerText(const std::string &path, std::optional<OutputFile> &file) : path(path), file(file) {}
  ~ReproducerText() override {
    if (!file)
      return;
    // MLIR is built without exceptions.
    try {
      writeText(*file, text);
    } catch (const std::exception &error) {
      printError(error.what());
    }
    file.reset();
  }
  llvm::StringRef description() override { return path; }
  llvm::raw_ostream &os() override { return stream; }

private:
  const std::string &path;
  std::optional<OutputFile> &file;
  std::string text;
  llvm::raw_string_ostream stream{text};
};
} // namespace

void Compilation::observe(mlir::PassManager &manager, const Variant &variant) {
  if (options.passTiming)
    manager.enableTiming();
  if (statistics)
    manager.addInstrumentation(
        std::make_unique<PassStatisticsWatch>(*statistics, reportedTarget(options, variant.target)));
  if (options.printAfterAll)
    manager.enableIRPrinting([](mlir::Pass *, mlir::Operation *) { return false; },
                             [](mlir::Pass *, mlir::Operation *) { return true; }, /*printModuleScope=*/false,
                             /*printAfterOnlyOnChange=*/false);
  if (reproducer)
    manager.enableCrashReproducerGeneration(
        [this](std::string &) { return std::make_unique<ReproducerText>(options.passReproducer, reproducer); });
  // In this run the crash shall happen again. So the text is written before it.
  if (options.reproducing)
    mlir::makeReproducer(manager.getOpAnchorName(), manager.getPasses(), *variant.module,
                         (fs::path(options.dumpFolder) / "passes.mlir").string());
}

void Compilation::emitModule() { writeText(*output, print(*variants.front().module)); }

void Compilation::emitKernel() {
  mlir::ModuleOp module = *variants.front().module;
  for (llama::KernelOp op : module.getOps<llama::KernelOp>())
    if (op.getSymName() == options.kernel)
      writeText(*output, kernelText(op, module));
}

void Compilation::emitPlan() {
  std::vector<codegen::PlanVariant> compiled = backend->compile(variants);
  if (statistics)
    for (const codegen::PlanVariant &variant : compiled)
      for (const codegen::PlanCode &code : variant.code)
        statistics->add("machine code", concat(plan::EnumNameCodeFormat(code.format), " of ", code.isa),
                        code.bytes.size(), "Bytes in the plan");

  codegen::PlanOptions planOptions;
  planOptions.maxSeq = maxSeq;
  planOptions.maxBatch = options.maxBatch;
  if (options.output != "-") {
    fs::path folder = fs::absolute(options.output).parent_path();
    planOptions.folder = folder.string();
  }
  planOptions.computeDType = computeDType();
  std::optional<plan::InsightT> kept;
  if (insight) {
    // Kernels of the other variants have no lines.
    for (const codegen::PlanVariant &variant : llvm::drop_begin(compiled))
      for (InsightRecord::Json &kernel : kernelRecord(variant.module, variant.isa + "."))
        insight->section("kernels").push_back(std::move(kernel));
    insight->section("decisions") = decisions.json();
    for (const auto &[name, seconds] : timing.ended())
      insight->section("timing").push_back({{"name", name}, {"seconds", seconds}});
    insight->section("source") = {{"model", fs::absolute(options.model).string()}, {"options", modelOptions(options)}};
    planOptions.insight = &kept.emplace(insight->pack());
  }
  if (weightsOutput)
    roundWeights();
  std::vector<std::string> weightFiles;
  if (model.weights) {
    uint64_t bytes = 0;
    for (const frontend::WeightFile &file : model.weights->files) {
      weightFiles.push_back(file.place());
      bytes += file.size;
    }
    if (options.hashWeights || bytes <= kHashedWhole)
      timing.measure("hash the weights", [&] { frontend::hashContents(*model.weights); });
  }
  timing.measure("write the plan", [&] {
    mlir::FailureOr<std::vector<uint8_t>> plan =
        codegen::buildPlan(backend->planTarget(), compiled, model, planOptions);
    if (failed(plan))
      fail(options.model, ": the plan could not be written");
    // A plan that no runtime would accept is not written.
    checkPayload(*plan, options.model,
                 "that is more than plans are made for: change the model's config, --max-seq or "
                 "--max-batch");
    if (options.emit == Emit::Executable)
      writeBundle(*output, executableBase(), *plan, weightFiles);
    else if (options.bundle)
      writeBundle(*output, "", *plan, weightFiles);
    else {
      // The plan is of no use without them, so it comes last.
      if (weightsOutput)
        weightsOutput->commit();
      writePlanFile(*output, *plan);
    }
  });
}

void Compilation::roundWeights() {
  timing.measure("round the weights", [&] {
    convert::RoundedWeights weights = convert::writeRoundedWeights(model, newFormats, *weightsOutput, weightsPath());
    printNote(concat(options.model, ": ", convert::summaryOf(weights.rounded)));
    if (options.verbose)
      printText(convert::tableOf(weights.rounded) + "\n");
    model.weights = std::move(weights.index);
  });
}

void Compilation::keepPhase(const std::string &name, mlir::ModuleOp op, const mlir::Pass *pass) {
  if (!insight)
    return;
  insight->section("phases").push_back(phaseRecord(name, timing.secondsOf(name), pass, op));
  // The text of the last phase before code generation is the source of debug information.
  if (name != phaseNames().rbegin()[1]) {
    insight->addPhase(name, print(op));
    return;
  }
  std::string source = takeSource(op);
  insight->addPhase(name, source);
  insight->setSource(source);
  insight->section("fields") = fieldRecord(op);
  insight->section("steps") = stepRecord(op);
  insight->section("kernels") = kernelRecord(op);
}

void Compilation::dumpPhase(const std::string &name, mlir::ModuleOp op, const mlir::Pass *pass) {
  keepPhase(name, op, pass);
  if (options.dumpFolder.empty())
    return;
  char number[16];
  snprintf(number, sizeof(number), "%02u-", dumped++);
  OutputFile file((fs::path(options.dumpFolder) / (number + name + ".mlir")).string());
  writeText(file, print(op));
}

} // namespace quipu::tool
