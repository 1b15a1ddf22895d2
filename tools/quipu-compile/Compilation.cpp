//===- Compilation.cpp - From a model to a plan ---------------------------===//

#include "tools/quipu-compile/Compilation.h"

#include "codegen/plan/PlanWriter.h"
#include "frontends/common/GraphBuilder.h"
#include "ir/Llama/Llama.h"
#include "runtime/core/Error.h"
#include "runtime/core/MappedFile.h"
#include "runtime/core/OutputFile.h"
#include "runtime/plan/Bundle.h"
#include "runtime/plan/PlanFile.h"
#include "tools/common/Console.h"
#include "tools/common/Process.h"
#include "tools/quipu-compile/Phases.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
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

/// The value, or an Error with the message of LLVM.
template <typename T> static T take(llvm::Expected<T> value) {
  if (!value)
    throw Error(llvm::toString(value.takeError()));
  return std::move(*value);
}

Compilation::Compilation(const CompileOptions &options) : options(options) {
  if (!options.stopAfter.empty())
    this->options.stopAfter = findPhase(options.stopAfter);
  auto parse = [&](auto parsed) {
    if (!parsed)
      throw UsageError(llvm::toString(parsed.takeError()));
    return std::move(*parsed);
  };
  if (codegen::isCudaTarget(options.target))
    cudaTarget = parse(codegen::parseCudaTarget(options.target));
  else
    target = parse(codegen::parseCpuTarget(options.target));
  bool isCudaCode = options.emit == Emit::Ptx || options.emit == Emit::Cubin;
  if (isCudaCode && !cudaTarget)
    throw UsageError("--emit ptx and --emit cubin go with a CUDA target (--target cuda), not with --target " +
                     options.target);
  if (options.emit == Emit::Asm && cudaTarget)
    throw UsageError("--emit asm goes with a CPU target; for --target " + options.target + " there are ptx and cubin");
  context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
    bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    if (!isError && !this->options.verbose)
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

  std::string last = options.stopAfter;
  if (last.empty())
    last = options.emit == Emit::Mlir && options.kernel.empty() && options.dumpFolder.empty() ? phaseNames().rbegin()[1]
                                                                                              : kCodegenPhase;
  importModel();
  runPasses(last);
  if (last == kCodegenPhase)
    generateCode();
  if (!options.output.empty()) {
    if (!options.kernel.empty() && options.emit == Emit::Mlir)
      emitKernel();
    else if (options.emit == Emit::Mlir)
      emitModule();
    else if (options.emit == Emit::Plan || options.emit == Emit::Executable)
      emitPlan();
    else if (cudaTarget)
      emitCudaCode();
    else
      emitLlvmOrAssembly();
  }
  if (options.timing)
    timing.print();
}

void Compilation::importModel() {
  frontend::GraphOptions graph;
  graph.computeDType = parseDType(options.dtype);
  graph.kvDType = parseDType(options.kvDtype);
  timing.measure(kImportPhase, [&] { module = frontend::buildGraph(context, model, graph); });
  if (!module)
    fail(options.model, ": the graph could not be built");
  dumpPhase(kImportPhase, *module);
}

void Compilation::runPasses(const std::string &last) {
  if (last == kImportPhase)
    return;
  std::optional<frontend::DType> dtype = parseDType(options.dtype);
  for (const CompilePhase &phase :
       compilePhases(options.target, dtype ? *dtype : frontend::resolveComputeDType(model))) {
    mlir::LogicalResult result = timing.measure(phase.name, [&] {
      mlir::PassManager manager(&context);
      phase.add(manager);
      return manager.run(*module);
    });
    if (failed(result))
      fail(options.model, ": phase ", phase.name, " failed");
    dumpPhase(phase.name, *module);
    if (phase.name == last)
      return;
  }
}

void Compilation::generateCode() {
  if (!options.kernel.empty())
    checkKernelName();
  timing.measure("generate code", [&] {
    mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> emitted =
        cudaTarget ? codegen::emitCudaKernels(*module, *cudaTarget, kernels, options.kernel)
                   : codegen::emitCpuKernels(*module, target, kernels);
    if (failed(emitted))
      fail(options.model, ": no code could be generated for the kernels");
    code = std::move(*emitted);
  });
  dumpPhase(kCodegenPhase, *code);
}

std::unique_ptr<llvm::Module> Compilation::lowerCode(llvm::LLVMContext &llvmContext) {
  if (failed(timing.measure("lower to LLVM", [&] { return codegen::lowerToLLVMDialect(*code, target); })))
    fail(options.model, ": the kernels could not be lowered to LLVM");
  return timing.measure("optimise LLVM IR", [&] { return take(codegen::translateToLLVM(*code, target, llvmContext)); });
}

void Compilation::checkKernelName() {
  std::string names;
  for (llama::KernelOp kernel : module->getOps<llama::KernelOp>()) {
    if (kernel.getSymName() == options.kernel)
      return;
    names += (names.empty() ? "" : ", ") + kernel.getSymName().str();
  }
  fail("--kernel ", options.kernel, ": no such kernel; kernels: ", names);
}

const codegen::GeneratedKernel &Compilation::findKernel() const {
  return *llvm::find_if(kernels, [&](const codegen::GeneratedKernel &kernel) { return kernel.name == options.kernel; });
}

void Compilation::emitModule() {
  writeText(options.output, print(options.stopAfter == kCodegenPhase ? code->getOperation() : module->getOperation()));
}

/// The kernel as it was scheduled, and the vector code made of it.
void Compilation::emitKernel() {
  const codegen::GeneratedKernel &kernel = findKernel();
  std::string text;
  for (llama::KernelOp op : module->getOps<llama::KernelOp>())
    if (op.getSymName() == kernel.name)
      text += print(op);
  text += "\n// -----\n\n";
  code->walk([&](mlir::LLVM::LLVMFuncOp function) {
    if (llvm::any_of(kernel.entries,
                     [&](const codegen::GeneratedEntry &entry) { return entry.symbol == function.getSymName(); }))
      text += print(function);
  });
  writeText(options.output, text);
}

/// Leaves the functions of one kernel, and what they call.
static void keepEntries(llvm::Module &module, const codegen::GeneratedKernel &kernel) {
  auto isEntry = [&](const llvm::Function &function) {
    return llvm::any_of(kernel.entries,
                        [&](const codegen::GeneratedEntry &entry) { return entry.symbol == function.getName(); });
  };
  bool changed = true;
  while (changed) {
    changed = false;
    for (llvm::Function &function : llvm::make_early_inc_range(module)) {
      if (isEntry(function) || !function.use_empty())
        continue;
      function.eraseFromParent();
      changed = true;
    }
  }
}

void Compilation::emitLlvmOrAssembly() {
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule = lowerCode(llvmContext);
  if (!options.kernel.empty())
    keepEntries(*llvmModule, findKernel());
  std::string text;
  if (options.emit == Emit::Llvm)
    llvm::raw_string_ostream(text) << *llvmModule;
  else
    text = timing.measure("assemble", [&] { return take(codegen::emitAssembly(*llvmModule, target)); });
  writeText(options.output, text);
}

void Compilation::emitCudaCode() {
  llvm::LLVMContext llvmContext;
  if (failed(timing.measure("lower to LLVM", [&] { return codegen::lowerCudaToLLVMDialect(*code); })))
    fail(options.model, ": the kernels could not be lowered to LLVM");
  codegen::prepareCudaTranslation(context);
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> joined = codegen::joinCudaParts(*code);
  if (failed(joined))
    fail(options.model, ": the parts of the kernels could not be joined");
  std::unique_ptr<llvm::Module> llvmModule = timing.measure(
      "optimise LLVM IR", [&] { return take(codegen::translateCudaToLLVM(**joined, *cudaTarget, llvmContext)); });
  if (!options.kernel.empty())
    keepEntries(*llvmModule, findKernel());
  std::string text;
  if (options.emit == Emit::Llvm)
    llvm::raw_string_ostream(text) << *llvmModule;
  else
    text = timing.measure("generate PTX", [&] { return take(codegen::emitPtx(*llvmModule, *cudaTarget)); });
  if (options.emit == Emit::Cubin) {
    std::optional<codegen::Cubin> cubin =
        timing.measure("assemble", [&] { return take(codegen::assemblePtx(text, *cudaTarget)); });
    if (!cubin)
      fail("--emit cubin: this machine has neither ptxas nor libnvJitLink; install one of them, name a ptxas in "
           "QUIPU_PTXAS, or use --emit ptx");
    if (options.verbose)
      printNote(cubin->assembler + ":\n" + cubin->log);
    text.assign(cubin->bytes.begin(), cubin->bytes.end());
  }
  writeText(options.output, text);
}

void Compilation::emitPlan() {
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule = lowerCode(llvmContext);
  llvm::SmallVector<char, 0> library =
      timing.measure("assemble and link", [&] { return take(codegen::emitSharedLibrary(*llvmModule, target)); });

  codegen::PlanOptions planOptions;
  planOptions.maxSeq = maxSeq;
  planOptions.maxBatch = options.maxBatch;
  std::optional<frontend::DType> dtype = parseDType(options.dtype);
  planOptions.computeDType = dtype ? *dtype : frontend::resolveComputeDType(model);
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
    timing.measure("hash the weights", [&] { frontend::hashContents(*model.weights); });
    for (const frontend::WeightFile &file : model.weights->files)
      weightFiles.push_back(file.path);
  }
  timing.measure("write the plan", [&] {
    mlir::FailureOr<std::vector<uint8_t>> plan =
        codegen::buildPlan(*module, kernels, library, target, model, planOptions);
    if (failed(plan))
      fail(options.model, ": the plan could not be written");
    if (options.emit == Emit::Executable)
      writeBundle(options.output,
                  siblingPath("quipu", "an executable is a copy of it: install it beside quipu-compile"), *plan,
                  weightFiles);
    else if (options.bundle)
      writeBundle(options.output, "", *plan, weightFiles);
    else
      writePlanFile(options.output, *plan);
  });
}

void Compilation::writeText(const std::string &path, const std::string &text) const {
  OutputFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

void Compilation::dumpPhase(const std::string &name, mlir::ModuleOp op) {
  if (options.dumpFolder.empty())
    return;
  std::error_code error;
  fs::create_directories(options.dumpFolder, error);
  if (error)
    fail(options.dumpFolder, ": cannot create the folder: ", error.message());
  char number[16];
  snprintf(number, sizeof(number), "%02u-", dumped++);
  writeText((fs::path(options.dumpFolder) / (number + name + ".mlir")).string(), print(op));
}

} // namespace quipu::tool
