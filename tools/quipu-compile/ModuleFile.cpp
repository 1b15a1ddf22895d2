//===- ModuleFile.cpp - A module that was printed after a phase ------------===//

#include "tools/quipu-compile/ModuleFile.h"

#include "codegen/common/CodeModule.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cuda/CudaTarget.h"
#include "ir/Llama/Llama.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"
#include "tools/quipu-compile/Phases.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <algorithm>
#include <iterator>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::tool {

OwningOpRef<ModuleOp> readModule(MLIRContext &context, const std::string &path) {
  noteInput(path);
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    fail(path, ": cannot read: ", buffer.getError().message());
  context.loadDialect<LlamaDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect,
                      math::MathDialect, NVVM::NVVMDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect,
                      x86vector::X86VectorDialect>();
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    fail(path, ": is no module of the llama dialect");
  return module;
}

namespace {
/// What tells phases apart.
struct Signs {
  explicit Signs(ModuleOp module);

  Operation *semantic = nullptr;
  KernelOp kernel, scheduled, unscheduled;
  func::FuncOp forward, specialized;
  bool isPlanned = false, hasCode = false;
};

/// The phases after which a module has the same signs, and what they are.
struct Stage {
  const char *first, *last, *sign;
};
} // namespace

Signs::Signs(ModuleOp module) : hasCode(codegen::codeOf(module) != nullptr) {
  for (auto func : module.getOps<func::FuncOp>()) {
    auto program = func->getAttrOfType<ProgramAttr>(kProgramAttrName);
    if (!program)
      continue;
    (program.getKind() == ProgramKind::Forward ? forward : specialized) = func;
    isPlanned |= func->hasAttr(kArenaBytesAttrName);
    func.walk([&](Operation *op) {
      if (isa<GatedMLPOp, LMHeadOp, RotaryOp>(op))
        semantic = op;
    });
  }
  for (auto each : module.getOps<KernelOp>()) {
    kernel = each;
    (each.getScheduleAttr() ? scheduled : unscheduled) = each;
  }
}

static Stage stageOf(const Signs &signs) {
  if (signs.hasCode)
    return {kCodegenPhase, kCodegenPhase, "it has code of kernels"};
  if (signs.isPlanned)
    return {"llama-plan-memory", "llama-plan-memory", "its programs have an arena"};
  if (signs.scheduled)
    return {kSelectionPhase, kSelectionPhase, "its kernels have schedules"};
  if (signs.specialized)
    return {"llama-specialize", "llama-quantize-activations", "it has programs for ranges of rows, without schedules"};
  if (signs.kernel)
    return {"llama-form-kernels", "llama-form-kernels", "it has kernels and a program of kind forward"};
  if (signs.semantic)
    return {kImportPhase, kImportPhase, "it has ops that llama-expand takes apart"};
  return {"llama-expand", "llama-fuse-gate-up", "it has a program of primitives, without kernels"};
}

std::string phaseOf(ModuleOp module, const std::string &path, const std::string &asked) {
  Signs signs(module);
  if (!signs.forward && !signs.specialized)
    fail(path, ": has no function with the attribute ", kProgramAttrName.str(),
         "; give what quipu compile --emit mlir or quipu inspect --phase printed");
  if (signs.scheduled && signs.unscheduled && !signs.hasCode)
    fail(path, ": kernel @", signs.unscheduled.getSymName().str(), " has no schedule, and @",
         signs.scheduled.getSymName().str(), " has one; give all of them one, or take all away to have them chosen");
  Stage stage = stageOf(signs);
  if (asked.empty())
    return stage.first;
  std::vector<std::string> names = phaseNames();
  auto number = [&](const std::string &name) { return std::ranges::find(names, name) - names.begin(); };
  if (number(asked) < number(stage.first) || number(asked) > number(stage.last)) {
    bool isOne = std::string_view(stage.first) == stage.last;
    fail("--from ", asked, ": ", path, " is not a module after this phase: ", stage.sign, ", as after ", stage.first,
         isOne ? "" : concat(" to ", stage.last));
  }
  return asked;
}

static frontend::DType dtypeOf(Type type, const std::string &path) {
  if (type.isF32())
    return frontend::DType::f32;
  if (type.isBF16())
    return frontend::DType::bf16;
  if (type.isF16())
    return frontend::DType::f16;
  std::string text;
  llvm::raw_string_ostream(text) << type;
  fail(path, ": attends in ", text, "; f32, bf16 and f16 are supported");
}

ModuleTypes typesOf(ModuleOp module, const std::string &path) {
  AttentionOp attention;
  module.walk([&](AttentionOp op) { attention = op; });
  if (!attention)
    fail(path, ": has no llama.attention, which says the type that a model computes in");
  return {dtypeOf(getElementTypeOrSelf(attention->getResult(0)), path),
          dtypeOf(attention.getKv().getType().getElementType(), path)};
}

std::string targetOf(ModuleOp module) {
  auto attribute = module->getAttrOfType<TargetAttrInterface>(kTargetAttrName);
  return attribute ? attribute.getTargetText() : "";
}

/// The attribute of a target that was checked before, and rows to which its programs align sequences. `own`: the
/// target of the module, if that is to be taken.
static std::pair<Attribute, int64_t> describeTarget(MLIRContext *context, const std::string &target, Attribute own) {
  if (auto cpu = dyn_cast_or_null<CpuTargetAttr>(own))
    return {own, codegen::cpu::CpuTarget(cpu).lanes()};
  if (codegen::cuda::isCudaTarget(target))
    return {llvm::cantFail(codegen::cuda::parseCudaTarget(target)).attribute(context), 1};
  auto cpu = llvm::cantFail(codegen::cpu::parseCpuTarget(target));
  return {cpu.attribute(context), cpu.lanes()};
}

void checkTarget(ModuleOp module, const std::string &path, const std::string &phase, const std::string &target,
                 bool isOwn) {
  Attribute own = module->getAttr(kTargetAttrName);
  auto [attribute, lanes] = describeTarget(module.getContext(), target, isOwn ? own : Attribute());
  if (own && own != attribute) {
    std::string ownText, text;
    llvm::raw_string_ostream(ownText) << own;
    llvm::raw_string_ostream(text) << attribute;
    fail(path, ": was scheduled for ", ownText, ", and --target ", target, " is ", text,
         "; give a module from before llama-select-schedules, or schedule it again for this target");
  }
  for (auto func : module.getOps<func::FuncOp>()) {
    auto program = func->getAttrOfType<ProgramAttr>(kProgramAttrName);
    if (program && program.getKind() == ProgramKind::Prefill && program.getRowAlign() != lanes)
      fail(path, ": program @", func.getSymName().str(), " aligns sequences to ", program.getRowAlign(),
           " rows; programs for --target ", target, " align them to ", lanes, ": give a module after ",
           "llama-form-kernels or before, or the target that this one (after ", phase, ") was made for");
  }
}

void checkConfig(ModuleOp module, const std::string &path, const frontend::Model &model, const std::string &modelPath) {
  KVCacheType cache;
  for (auto func : module.getOps<func::FuncOp>())
    if (func->hasAttr(kProgramAttrName))
      for (Type type : func.getArgumentTypes())
        if (auto found = dyn_cast<KVCacheType>(type))
          cache = found;
  if (!cache)
    fail(path, ": its programs take no !llama.kv_cache");
  const frontend::ModelConfig &config = model.config;
  for (auto [name, own, other] : {std::tuple("layers", cache.getLayers(), int64_t(config.numLayers)),
                                  std::tuple("key/value heads", cache.getKvHeads(), int64_t(config.numKvHeads)),
                                  std::tuple("elements of a head", cache.getHeadDim(), int64_t(config.headDim))})
    if (own != other)
      fail(path, ": has ", own, " ", name, ", and ", modelPath, " has ", other, ": it is of another model");
}

} // namespace quipu::tool
