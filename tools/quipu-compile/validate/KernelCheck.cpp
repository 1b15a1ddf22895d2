//===- KernelCheck.cpp - Whether generated code does what kernels say -----===//

#include "tools/quipu-compile/validate/KernelCheck.h"

#include "codegen/cpu/CpuTarget.h"
#include "codegen/cuda/CudaTarget.h"
#include "ir/Llama/Provenance.h"
#include "runtime/cpu/CpuCode.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/support/AmxPermission.h"
#include "runtime/support/Error.h"
#include "tools/quipu-compile/validate/Difference.h"
#include "tools/quipu-compile/validate/KernelInputs.h"
#include "tools/quipu-compile/validate/KernelRun.h"
#include "tools/quipu-compile/validate/KernelTolerance.h"
#include "tools/quipu-compile/validate/KernelWindow.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace mlir;

namespace quipu::tool {

std::string whyKernelsCannotRun(const std::string &target) {
  if (codegen::cuda::isCudaTarget(target))
    return "code for a GPU is compared on a machine that has one (test/gpu/README.md)";
  auto cpu = codegen::cpu::parseCpuTarget(target);
  if (!cpu)
    return llvm::toString(cpu.takeError());
  std::vector<std::string> missing;
  llvm::copy_if(cpu->features, std::back_inserter(missing),
                [](const std::string &feature) { return !hasCpuFeature(feature); });
  if (!missing.empty())
    return "this CPU has no " + llvm::join(missing, ", ");
  if ((cpu->hasAmxBf16() || cpu->hasAmxInt8()) && !requestAmx())
    return "the system does not let this program use AMX tiles";
  return "";
}

/// "#llama.cpu_linear<...>".
static std::string textOf(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

namespace {

/// An element of a result, or of the cache, that is another one.
struct Fault {
  std::string where;
  double expected = 0, found = 0, tolerance = 0;
  /// The difference divided by the tolerance.
  double excess = 0;
};

/// A kernel of a module and a launch of it.
struct LaunchedKernel {
  llama::KernelOp kernel;
  llama::LaunchOp launch;
  func::FuncOp program;
};

class KernelChecker {
public:
  KernelChecker(const SmallCompilation &compilation, Widths widths)
      : compilation(compilation), widths(widths), module(*compilation.modules().back().module), weights(module) {}

  KernelCheckResult check() {
    std::vector<LaunchedKernel> launched = launchedKernels(module);
    std::unique_ptr<CpuCode> code = compile(module);
    std::vector<llama::KernelOp> kernels;
    for (const LaunchedKernel &each : launched)
      kernels.push_back(each.kernel);
    ReferenceKernels reference(kernels);
    for (auto [index, each] : llvm::enumerate(launched)) {
      llama::RowCounts counts(each.program);
      for (const StepRows &rows : stepsOf(each.program)) {
        KernelInputs inputs = makeInputs(each.launch, each.kernel, counts, rows, weights);
        std::optional<Fault> fault =
            worstOf(each.kernel, inputs, reference.run(index, inputs), runGenerated(each.kernel, *code, inputs));
        ++result.runs;
        if (fault && fault->excess > 1)
          report(each, inputs, *fault);
        if (fault && fault->excess >= result.worst) {
          result.worst = fault->excess;
          result.worstKernel = each.kernel.getSymName().str();
        }
      }
      ++result.kernels;
    }
    return result;
  }

private:
  /// Each kernel that programs launch, with its first launch.
  static std::vector<LaunchedKernel> launchedKernels(ModuleOp module) {
    SymbolTable symbols(module);
    std::set<StringRef> seen;
    std::vector<LaunchedKernel> launched;
    for (auto program : module.getOps<func::FuncOp>())
      program.walk([&](llama::LaunchOp launch) {
        if (seen.insert(launch.getKernel()).second)
          launched.push_back({symbols.lookup<llama::KernelOp>(launch.getKernel()), launch, program});
      });
    return launched;
  }

  /// The code of all kernels of a module. The module is another one afterwards.
  std::unique_ptr<CpuCode> compile(ModuleOp emitted) const {
    std::vector<Variant> variants(1);
    variants.front().target = compilation.target;
    variants.front().module = cast<ModuleOp>(emitted->clone());
    std::vector<codegen::PlanVariant> compiled = compilation.input.backend.compile(variants);
    const std::vector<char> &bytes = compiled.front().code.front().bytes;
    return std::make_unique<CpuCode>(std::span(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()),
                                     "--validate");
  }

  /// Few rows and one, or prompts of two sequences.
  std::vector<StepRows> stepsOf(func::FuncOp program) {
    auto attribute = program->getAttrOfType<llama::ProgramAttr>(llama::kProgramAttrName);
    int64_t vocabulary = weights.vocabulary(), align = attribute.getRowAlign();
    if (attribute.getKind() == llama::ProgramKind::Prefill)
      return {widths == Widths::Small ? makeRows(19, 7, align, vocabulary) : makeRows(5, 3, align, vocabulary)};
    std::vector<StepRows> steps = {makeRows(1, 0, align, vocabulary)};
    if (attribute.getMaxRows() >= 5)
      steps.push_back(makeRows(3, 2, align, vocabulary));
    return steps;
  }

  /// The element that lies farthest from what the reference says.
  static std::optional<Fault> worstOf(llama::KernelOp kernel, const KernelInputs &inputs, const KernelOutputs &expected,
                                      const KernelOutputs &found) {
    std::optional<Fault> worst;
    auto compare = [&](ArrayRef<float> right, ArrayRef<float> other, KernelTolerance tolerance, auto where) {
      double greatest = 0;
      for (float value : right)
        greatest = std::max(greatest, std::abs(double(value)));
      for (size_t i = 0; i < right.size(); ++i) {
        double allowed = tolerance.at(std::abs(double(right[i])), greatest);
        double distance = std::abs(double(right[i]) - double(other[i])), excess = distance / allowed;
        if (right[i] == other[i])
          excess = 0;
        else if (!(distance <= allowed))
          excess = std::isnan(distance) ? HUGE_VAL : std::max(excess, std::nextafter(1.0, 2.0));
        if (!worst || excess > worst->excess)
          worst = Fault{where(i), right[i], other[i], allowed, excess};
      }
    };
    for (auto [index, type] : llvm::enumerate(kernel.getResultTypes())) {
      auto tensor = cast<RankedTensorType>(type);
      const std::vector<float> &values = found.results[index];
      auto columns = tensor.getRank() == 2 ? size_t(tensor.getDimSize(1)) : 1;
      auto where = [&, index = index](size_t i) {
        std::string text = kernel.getResultTypes().size() > 1 ? "result " + std::to_string(index) + ", " : "";
        return concat(text, "row ", i / columns, tensor.getRank() == 2 ? concat(", feature ", i % columns) : "");
      };
      if (tensor.getElementType().isInteger(32))
        compareTokens(found, values, worst);
      else
        compare(expected.results[index], values, toleranceOf(kernel, tensor.getElementType()), where);
    }
    for (Type type : kernel.getArgumentTypes())
      if (auto layer = dyn_cast<llama::KVLayerType>(type))
        compare(expected.cache, found.cache, toleranceOf(kernel, layer.getElementType()), [&](size_t i) {
          size_t k = i % size_t(layer.getHeadDim()), head = i / size_t(layer.getHeadDim());
          size_t place = head / size_t(layer.getKvHeads()), row = place % size_t(inputs.positions);
          place /= size_t(inputs.positions);
          return concat(place / kCacheSequences ? "value" : "key", " of head ", head % size_t(layer.getKvHeads()),
                        " at position ", row, " of sequence ", place % kCacheSequences, ", feature ", k);
        });
    return worst;
  }

  /// A token that was chosen must have the greatest of the logits, which are the result in front.
  static void compareTokens(const KernelOutputs &found, ArrayRef<float> tokens, std::optional<Fault> &worst) {
    const std::vector<float> &logits = found.results.front();
    size_t columns = logits.size() / tokens.size();
    for (auto [row, token] : llvm::enumerate(tokens)) {
      auto begin = logits.begin() + ptrdiff_t(row * columns);
      auto best = float(std::max_element(begin, begin + ptrdiff_t(columns)) - begin);
      if (token != best)
        worst = Fault{concat("token of row ", row), best, token, 0, HUGE_VAL};
    }
  }

  /// Throws the Error.
  [[noreturn]] void report(const LaunchedKernel &wrong, const KernelInputs &inputs, const Fault &fault) {
    auto kernel = wrong.kernel;
    std::string text =
        concat("the code of kernel @", kernel.getSymName().str(),
               " computes something else than the kernel says: ", fault.where, ": ", shortNumber(fault.found),
               ", the reference lowering gives ", shortNumber(fault.expected), " (tolerance ",
               shortNumber(fault.tolerance), "), in a step of ", inputs.rows.real.size(),
               inputs.rows.real.size() == 1 ? " row" : " rows", "\nschedule: ", textOf(*kernel.getSchedule()));
    if (std::string op = findWrongOp(wrong, inputs.rows); !op.empty())
      text += "\n" + op;
    text += "\nto see the code: quipu inspect MODEL --kernel " + kernel.getSymName().str() + " --as asm --with-source";
    throw Error(text);
  }

  /// Compiles parts of the kernel, from single ops to more and more of them in a row, until some are wrong. The op that
  /// most of these have, and no right part of this length, is the one at fault.
  std::string findWrongOp(const LaunchedKernel &wrong, const StepRows &rows) {
    llama::KernelOp kernel = wrong.kernel;
    ModuleOp unscheduled = compilation.moduleBefore("llama-select-schedules");
    auto whole = unscheduled.lookupSymbol<llama::KernelOp>(kernel.getSymName());
    if (!whole)
      return "";
    SmallVector<Operation *> ops;
    for (Operation &op : whole.getBody().front().without_terminator())
      ops.push_back(&op);
    size_t count = ops.size();
    // Of each op, the number of wrong parts that it is in; the whole kernel is one.
    std::vector<unsigned> wrongParts(count, count == 1);
    // A product that is right alone is right: its code is the same in every kernel. A pointwise op has other code
    // alone.
    std::vector<bool> isInnocent(count, false);
    for (size_t length = 1; length < count && !*llvm::max_element(wrongParts); ++length) {
      std::vector<bool> isInRight(count, false);
      for (size_t begin = 0; begin + length <= count; ++begin)
        if (std::optional<bool> isRight = isPartRight(wrong, whole, begin, begin + length, rows))
          for (size_t op = begin; op < begin + length; ++op) {
            isInRight[op] = isInRight[op] || *isRight;
            wrongParts[op] += !*isRight;
            isInnocent[op] = isInnocent[op] || (length == 1 && *isRight && isa<llama::LinearOp>(ops[op]));
          }
      std::vector<unsigned> alone = wrongParts;
      for (size_t op = 0; op < count; ++op)
        if (isInRight[op])
          alone[op] = 0;
      if (*llvm::max_element(alone))
        wrongParts = alone;
    }
    unsigned most = *llvm::max_element(wrongParts);
    auto isSuspect = [&](size_t op, bool trustsProducts) {
      return wrongParts[op] == most && !(trustsProducts && isInnocent[op]);
    };
    bool trustsProducts = llvm::any_of(llvm::seq<size_t>(0, count), [&](size_t op) { return isSuspect(op, true); });
    std::string text;
    for (auto [number, op] : llvm::enumerate(ops))
      if (isSuspect(number, trustsProducts))
        text += concat(text.empty() ? "wrong op: " : " or ", op->getName().getStringRef().str(), " of ",
                       llama::placeOf(op).str());
    return text;
  }

  /// Nothing where there is no code for such a kernel.
  std::optional<bool> isPartRight(const LaunchedKernel &wrong, llama::KernelOp whole, size_t begin, size_t end,
                                  const StepRows &rows) {
    std::optional<KernelWindow> part = makeWindow(whole, wrong.launch, begin, end);
    if (!part || !compilation.runPhasesFrom("llama-select-schedules", {"llama-plan-memory"}, *part->module))
      return std::nullopt;
    LaunchedKernel launched = launchedKernels(*part->module).front();
    KernelInputs inputs =
        makeInputs(launched.launch, launched.kernel, llama::RowCounts(launched.program), rows, weights);
    for (auto [argument, number] : llvm::zip_equal(inputs.arguments, part->arguments)) {
      if (argument.kind != KernelArgument::Kind::Weight)
        continue;
      llama::LaunchOp launch = wrong.launch;
      argument.weight = weights.of(launch.getOperand(*number).getDefiningOp<llama::WeightRefOp>().getWeight());
    }
    std::unique_ptr<CpuCode> code = compile(*part->module);
    std::optional<Fault> fault = worstOf(launched.kernel, inputs, ReferenceKernels(launched.kernel).run(0, inputs),
                                         runGenerated(launched.kernel, *code, inputs));
    return !fault || fault->excess <= 1;
  }

  const SmallCompilation &compilation;
  Widths widths;
  ModuleOp module;
  RandomWeightMemory weights;
  KernelCheckResult result;
};

} // namespace

KernelCheckResult checkKernels(const SmallCompilation &compilation, Widths widths) {
  return KernelChecker(compilation, widths).check();
}

} // namespace quipu::tool
