//===- quipu-translate.cpp - From a module to a plan -----------------------------===//
//
// mlir-translate with --llama-to-plan: the module that llama-plan-memory (or an emission behind it) left becomes a
// plan. quipu-compile does the same from a model on; this way a module that was written or changed by hand can be run.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/CodeModule.h"
#include "codegen/plan/PlanWriter.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Model.h"
#include "frontends/common/RopeLength.h"
#include "ir/Llama/Llama.h"
#include "runtime/plan/PlanFile.h"
#include "tools/common/Startup.h"
#include "tools/quipu-compile/Backend.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
using namespace quipu;

static llvm::cl::opt<std::string> modelPath("model", llvm::cl::value_desc("folder or config.json"),
                                            llvm::cl::desc("The model that the module was made of"));
static llvm::cl::opt<std::string> target("target",
                                         llvm::cl::desc("As for quipu compile: cpu, cpu:x86-64-v4, cuda, cuda:sm_80 "
                                                        "(default: the module's llama.target, or else cpu)"));
static llvm::cl::opt<uint32_t> maxSeq("max-seq", llvm::cl::init(0),
                                      llvm::cl::desc("Most positions of a sequence (0: as quipu compile chooses it)"));
static llvm::cl::opt<uint32_t> maxBatch("max-batch", llvm::cl::init(tool::CompileOptions().maxBatch),
                                        llvm::cl::desc("Most sequences at once"));

static llvm::cl::opt<frontend::DType>
    dtype("dtype", llvm::cl::desc("The type that it was compiled for (default: as quipu compile chooses it)"),
          llvm::cl::values(clEnumValN(frontend::DType::f32, "f32", ""), clEnumValN(frontend::DType::bf16, "bf16", ""),
                           clEnumValN(frontend::DType::f16, "f16", "")));

/// The target that the command line asks for. Without one, the target for which the module was scheduled.
static std::string targetOf(ModuleOp module) {
  if (target.getNumOccurrences())
    return target;
  auto attribute = module->getAttrOfType<llama::TargetAttrInterface>(llama::kTargetAttrName);
  return attribute ? attribute.getTargetText() : "cpu";
}

/// Emits the code of the module if it has none, lowers it and compiles it.
static FailureOr<std::vector<uint8_t>> translate(ModuleOp module) {
  if (modelPath.empty())
    return module.emitError() << "--llama-to-plan needs --model, the folder or config.json of the model";
  frontend::Model model = frontend::openModel(modelPath);
  tool::CompileOptions options;
  options.model = modelPath;
  options.target = targetOf(module);
  // Read all options here, because the linker resets LLVM's options.
  codegen::PlanOptions planOptions;
  planOptions.maxSeq = maxSeq ? maxSeq : std::min(model.config.maxPositionEmbeddings, tool::kDefaultMaxSeq);
  frontend::chooseRopeFor(planOptions.maxSeq, model.config);
  planOptions.maxBatch = maxBatch;
  bool isGiven = dtype.getNumOccurrences() > 0;
  frontend::DType given = dtype;

  tool::Timing timing;
  std::unique_ptr<tool::Backend> backend = tool::Backend::create(options, timing);
  frontend::GraphOptions graph;
  backend->describeBlocks(graph);
  planOptions.computeDType = isGiven ? given : frontend::resolveComputeDType(model, graph);
  if (!codegen::codeOf(module) && failed(tool::runPass(module, backend->createEmission(options.target))))
    return failure();
  std::vector<tool::Variant> variants;
  variants.push_back({options.target, module.clone()});
  std::vector<codegen::PlanVariant> compiled = backend->compile(variants);
  return codegen::buildPlan(backend->planTarget(), compiled, model, planOptions);
}

static LogicalResult translateToPlan(Operation *op, llvm::raw_ostream &output) {
  try {
    FailureOr<std::vector<uint8_t>> payload = translate(cast<ModuleOp>(op));
    if (failed(payload))
      return failure();
    checkPayload(*payload, "the module", "a field of it, or of the model, is more than plans are made for");
    PlanFileHeader header = makePlanFileHeader(*payload);
    output.write(reinterpret_cast<const char *>(&header), sizeof(header));
    output.write(reinterpret_cast<const char *>(payload->data()), payload->size());
    return success();
  } catch (const std::exception &error) {
    return op->emitError() << error.what();
  }
}

int main(int argc, char **argv) {
  tool::startProgram();
  TranslateFromMLIRRegistration toPlan("llama-to-plan", "a planned module of the llama dialect to a plan",
                                       translateToPlan, [](DialectRegistry &registry) {
                                         registerAllDialects(registry);
                                         registry.insert<llama::LlamaDialect>();
                                       });
  return failed(mlirTranslateMain(argc, argv, "Quipu's translations\n"));
}
