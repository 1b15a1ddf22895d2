//===- Compilation.cpp - From a model to a plan ---------------------------===//

#include "tools/quipu-compile/Compilation.h"

#include "codegen/common/CodeModule.h"
#include "codegen/plan/PlanWriter.h"
#include "frontends/common/GraphBuilder.h"
#include "ir/Llama/Llama.h"
#include "runtime/plan/Bundle.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/WeightIdentity.h"
#include "tools/common/Console.h"
#include "tools/common/Process.h"
#include "tools/quipu-compile/Phases.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::tool {

static std::optional<frontend::DType> parseDType(const std::string &name) {
  if (name == "f32")
    return frontend::DType::f32;
  if (name == "bf16")
    return frontend::DType::bf16;
  if (name == "f16")
    return frontend::DType::f16;
  return std::nullopt;
}

static void writeText(OutputFile &file, const std::string &text) {
  file.write(text.data(), text.size());
  file.commit();
}

static std::string print(mlir::Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  // Places in the model are part of the result.
  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo(true, /*prettyForm=*/false);
  op->print(stream, flags);
  stream << "\n";
  return text;
}

Compilation::Compilation(const CompileOptions &given) : options(given), backend(Backend::create(options, timing)) {
  context.setThreadPool(threads);
  if (!options.stopAfter.empty())
    options.stopAfter = findPhase(options.stopAfter);
  checkTuning(options.target, options.tuning);
  // A whole kernel says nothing to who wrote a config.
  context.printOpOnDiagnostic(options.verbose);
  context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
    bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    if (!isError && !options.verbose)
      return mlir::success();
    std::string text;
    llvm::raw_string_ostream stream(text);
    stream << diagnostic.getLocation() << ": " << diagnostic.str();
    for (mlir::Diagnostic &note : diagnostic.getNotes())
      stream << "\n  " << note.getLocation() << ": " << note.str();
    isError ? printError(text) : printNote(text);
    return mlir::success();
  });
}

void Compilation::run() {
  Progress whole("compile " + options.model);
  timing.measure("open the model", [&] { model = frontend::openModel(options.model); });
  uint32_t context = model.config.maxPositionEmbeddings;
  if (options.maxSeq > context)
    fail("--max-seq ", options.maxSeq, ": ", options.model, " was made for ", context,
         " positions (max_position_embeddings)");
  maxSeq = options.maxSeq ? options.maxSeq : std::min(context, kDefaultMaxSeq);
  for (const frontend::Note &note : model.config.notes)
    if (options.verbose || note.kind == frontend::Note::Kind::warning)
      printNote(concat(note.kind == frontend::Note::Kind::warning ? "warning: " : "", options.model, ": ", note.field,
                       ": ", note.text));

  openOutputs();

  std::string last = options.stopAfter;
  if (last.empty())
    last = options.emit == Emit::Mlir && options.kernel.empty() && options.dumpFolder.empty() ? phaseNames().rbegin()[1]
                                                                                              : kCodegenPhase;
  bool isPlan = !options.output.empty() && (options.emit == Emit::Plan || options.emit == Emit::Executable);
  // The disk works while code is generated.
  if (isPlan && model.weights)
    frontend::prefetchSamples(*model.weights);
  std::vector<std::string> targets = backend->targets();
  if (!isPlan)
    targets.resize(1);
  importModel();
  runPasses(targets, last);
  if (last == kCodegenPhase)
    generateCode();
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
}

frontend::DType Compilation::computeDType() const {
  std::optional<frontend::DType> dtype = parseDType(options.dtype);
  return dtype ? *dtype : frontend::resolveComputeDType(model);
}

void Compilation::importModel() {
  frontend::GraphOptions graph;
  graph.computeDType = parseDType(options.dtype);
  graph.kvDType = parseDType(options.kvDtype);
  // Who asked for a type gets it; auto is to lose nothing without a word.
  if (std::string conversions = frontend::describeConversions(model, computeDType());
      !graph.computeDType && !conversions.empty())
    printNote(concat("warning: ", options.model, ": ", conversions));
  mlir::OwningOpRef<mlir::ModuleOp> module;
  timing.measure(kImportPhase, [&] { module = frontend::buildGraph(context, model, graph); });
  if (!module)
    fail(options.model, ": the graph could not be built");
  dumpPhase(kImportPhase, *module);
  variants.emplace_back();
  variants.front().module = std::move(module);
}

void Compilation::runPhase(const CompilePhase &phase, mlir::ModuleOp module) {
  mlir::LogicalResult result = timing.measure(phase.name, [&] { return tool::runPasses(module, phase.add); });
  if (failed(result))
    fail(options.model, ": phase ", phase.name, " failed");
}

void Compilation::runPasses(const std::vector<std::string> &targets, const std::string &last) {
  variants.front().target = targets.front();
  if (last == kImportPhase)
    return;
  for (const CompilePhase &phase :
       compilePhases(targets.front(), computeDType(), {maxSeq, options.maxBatch}, options.tuning)) {
    // From here on the variants differ.
    if (phase.name == kFirstTargetPhase)
      for (size_t i = 1; i < targets.size(); ++i)
        variants.push_back({targets[i], variants.front().module->clone()});
    runPhase(phase, *variants.front().module);
    dumpPhase(phase.name, *variants.front().module);
    if (phase.name == last)
      return;
  }
  for (Variant &variant : llvm::drop_begin(variants)) {
    // Tuning is for the target that was asked for.
    std::vector<CompilePhase> phases = compilePhases(variant.target, computeDType(), {maxSeq, options.maxBatch});
    auto first = llvm::find_if(phases, [](const CompilePhase &phase) { return phase.name == kFirstTargetPhase; });
    for (const CompilePhase &phase : llvm::make_range(first, phases.end()))
      runPhase(phase, *variant.module);
  }
}

void Compilation::generateCode() {
  if (!options.kernel.empty())
    checkKernelName();
  for (Variant &variant : variants)
    runPhase({kCodegenPhase, "", [&](mlir::OpPassManager &passes) { backend->addEmission(passes, variant.target); }},
             *variant.module);
  dumpPhase(kCodegenPhase, *variants.front().module);
}

void Compilation::checkKernelName() {
  std::string names;
  for (llama::KernelOp kernel : variants.front().module->getOps<llama::KernelOp>()) {
    if (kernel.getSymName() == options.kernel)
      return;
    names += (names.empty() ? "" : ", ") + kernel.getSymName().str();
  }
  fail("--kernel ", options.kernel, ": no such kernel; kernels: ", names);
}

void Compilation::emitModule() { writeText(*output, print(*variants.front().module)); }

/// The kernel as it was scheduled, and the code made of it.
void Compilation::emitKernel() {
  Variant &variant = variants.front();
  std::string text;
  for (llama::KernelOp op : variant.module->getOps<llama::KernelOp>())
    if (op.getSymName() == options.kernel)
      text += print(op);
  text += "\n// -----\n\n";
  codegen::codeOf(*variant.module).walk([&](mlir::LLVM::LLVMFuncOp function) {
    if (!function.isExternal())
      text += print(function);
  });
  writeText(*output, text);
}

void Compilation::emitPlan() {
  std::vector<codegen::PlanVariant> compiled = backend->compile(variants);

  codegen::PlanOptions planOptions;
  planOptions.maxSeq = maxSeq;
  planOptions.maxBatch = options.maxBatch;
  planOptions.computeDType = computeDType();
  if (options.output != "-") {
    fs::path folder = fs::absolute(options.output).parent_path();
    planOptions.folder = folder.string();
  }
  if (const std::string &path = model.tokenizer.sentencePieceModel; !path.empty()) {
    std::shared_ptr<MappedFile> file = MappedFile::open(path, "tokenizer");
    planOptions.tokenizer.assign(reinterpret_cast<const char *>(file->data()), file->size());
  }
  std::vector<std::string> weightFiles;
  if (model.weights) {
    uint64_t bytes = 0;
    for (const frontend::WeightFile &file : model.weights->files) {
      weightFiles.push_back(file.path);
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
    // What no runtime would take is not written.
    checkPayload(*plan, options.model,
                 "that is more than plans are made for: change the model's config, --max-seq or "
                 "--max-batch");
    if (options.emit == Emit::Executable)
      writeBundle(*output, executableBase(), *plan, weightFiles);
    else if (options.bundle)
      writeBundle(*output, "", *plan, weightFiles);
    else
      writePlanFile(*output, *plan);
  });
}

void Compilation::dumpPhase(const std::string &name, mlir::ModuleOp op) {
  if (options.dumpFolder.empty())
    return;
  char number[16];
  snprintf(number, sizeof(number), "%02u-", dumped++);
  OutputFile file((fs::path(options.dumpFolder) / (number + name + ".mlir")).string());
  writeText(file, print(op));
}

} // namespace quipu::tool
