//===- LinearRegion.cpp - What a linear kernel computes ----------------------===//

#include "codegen/common/LinearRegion.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

/// The forms of an epilogue that emitters generate: the stages of a section side by side, sections divided by commas. A
/// bias may stand in front of each section.
static constexpr llvm::StringLiteral kForms[] = {
    "store", "add store", "gate store", "arg_max store", "log_prob", "rotate store, rotate kv_append, kv_append"};

/// The forms of the family, for diagnostics.
static constexpr llvm::StringLiteral kFamily = "its forms are [gather_rows] [rms_norm] [quantize] linear [add | gate | "
                                               "sample | log_prob | split rotate rotate kv_append]";

/// Whether `value` comes from outside of the kernel.
static bool isArgument(Value value) { return isa_and_nonnull<BlockArgument>(value); }

static int64_t widthOf(Value activation) { return cast<RankedTensorType>(activation.getType()).getDimSize(1); }

namespace {

/// Reads the ops of a kernel in order. Each becomes a stage behind those before it.
class StageMatcher {
public:
  explicit StageMatcher(LinearRegion &region) : region(region) {}

  LogicalResult run() {
    Block &body = region.kernel.getBody().front();
    for (Operation &op : body.without_terminator()) {
      Fit fit = llvm::TypeSwitch<Operation *, Fit>(&op)
                    .Case<GatherRowsOp, RMSNormOp, QuantizeOp, LinearOp, AddOp, GateOp, SampleOp, LogProbOp, SplitOp,
                          RotateOp, KVAppendOp>([&](auto stage) { return add(stage); })
                    .Default([](Operation *) { return Fit::NoPlace; });
      if (failed(diagnose(fit, &op)))
        return failure();
    }
    if (!region.linear)
      return region.kernel.emitOpError()
             << "is not a linear kernel: it needs one linear and at most one of add, gate, sample, log_prob and split";
    return finish(body.getTerminator());
  }

private:
  enum class Fit { Yes, NoPlace, Astray };

  LogicalResult diagnose(Fit fit, Operation *op) {
    switch (fit) {
    case Fit::Yes:
      return success();
    case Fit::NoPlace:
      return region.kernel.emitOpError() << "holds " << op->getName()
                                         << " where the linear kernel family has no place for it; " << kFamily;
    case Fit::Astray:
      return region.kernel.emitOpError()
             << "holds " << op->getName()
             << ", which reads or yields something else than the linear kernel family computes; " << kFamily
             << ", each of which reads the one before and arguments, and the last one's result is the kernel's";
    }
    llvm_unreachable("all fits are listed");
  }

  /// Whether `value` is what a stage of the prologue reads: the stage before, or an argument.
  bool isInput(Value value) { return input ? value == input : isArgument(value); }
  static Fit fitIf(bool holds) { return holds ? Fit::Yes : Fit::Astray; }

  //===--------------------------------------------------------------------===//
  // Prologue and product
  //===--------------------------------------------------------------------===//

  Fit add(GatherRowsOp op) {
    if (region.linear || !region.prologue.empty())
      return Fit::NoPlace;
    region.prologue.push_back(GatherStage{op});
    region.rows = RowDim::Outputs;
    Fit fit = fitIf(isInput(op.getInput()) && isArgument(op.getRows()));
    input = op.getResult();
    return fit;
  }

  Fit add(RMSNormOp op) {
    if (region.linear || region.norm() || region.quantize())
      return Fit::NoPlace;
    region.prologue.push_back(NormStage{op});
    Fit fit = fitIf(isInput(op.getInput()) && isArgument(op.getWeight()));
    input = op.getResult();
    return fit;
  }

  Fit add(QuantizeOp op) {
    if (region.linear || region.quantize())
      return Fit::NoPlace;
    region.prologue.push_back(QuantizeStage{op});
    Fit fit = fitIf(isInput(op.getInput()));
    input = op.getResult();
    return fit;
  }

  Fit add(LinearOp op) {
    if (region.linear)
      return Fit::NoPlace;
    region.linear = op;
    LinearSection section{0, region.outputs()};
    if (op.getBias())
      section.stages.push_back(BiasStage{op.getBias()});
    region.sections.push_back(section);
    sums.push_back(op.getResult());
    return fitIf(isInput(op.getInput()) && isArgument(op.getWeight()) && (!op.getBias() || isArgument(op.getBias())));
  }

  //===--------------------------------------------------------------------===//
  // Epilogue
  //===--------------------------------------------------------------------===//

  /// The section whose sums `value` is, or null.
  LinearSection *sectionOf(Value value) {
    auto found = llvm::find(sums, value);
    return found == sums.end() ? nullptr : &region.sections[found - sums.begin()];
  }
  /// The sums of `section` are `value` from now on; null where they have left the kernel.
  void replaceSums(LinearSection &section, Value value) { sums[&section - region.sections.data()] = value; }

  Fit add(AddOp op) {
    if (!region.linear || region.has<ResidualStage>())
      return Fit::NoPlace;
    LinearSection *section = sectionOf(op.getLhs());
    Value other = section ? op.getRhs() : op.getLhs();
    if (!section)
      section = sectionOf(op.getRhs());
    if (!section || !isArgument(other))
      return Fit::Astray;
    section->stages.push_back(ResidualStage{op, other});
    replaceSums(*section, op.getResult());
    return Fit::Yes;
  }

  Fit add(GateOp op) {
    if (!region.linear || region.has<GateStage>() || op.getUp())
      return Fit::NoPlace;
    LinearSection *section = sectionOf(op.getGate());
    if (!section)
      return Fit::Astray;
    section->stages.push_back(GateStage{op});
    replaceSums(*section, op.getResult());
    return Fit::Yes;
  }

  Fit add(SampleOp op) {
    if (!region.linear || region.has<ArgMaxStage>() || op.getMode() != SampleMode::Greedy)
      return Fit::NoPlace;
    LinearSection *section = sectionOf(op.getLogits());
    if (!section)
      return Fit::Astray;
    section->stages.push_back(ArgMaxStage{op});
    return Fit::Yes;
  }

  Fit add(LogProbOp op) {
    if (!region.linear || region.has<LogProbStage>())
      return Fit::NoPlace;
    LinearSection *section = sectionOf(op.getLogits());
    if (!section || !isArgument(op.getTargets()))
      return Fit::Astray;
    section->stages.push_back(LogProbStage{op});
    replaceSums(*section, op.getResult());
    return Fit::Yes;
  }

  Fit add(SplitOp op) {
    if (!region.linear || region.sections.size() > 1)
      return Fit::NoPlace;
    if (!sectionOf(op.getInput()))
      return Fit::Astray;
    LinearSection whole = region.sections.front();
    region.sections.clear();
    sums.clear();
    int64_t row = 0;
    for (Value part : op.getParts()) {
      region.sections.push_back({row, widthOf(part), whole.stages});
      sums.push_back(part);
      row += widthOf(part);
    }
    return Fit::Yes;
  }

  Fit add(RotateOp op) {
    if (region.sections.size() < 2)
      return Fit::NoPlace;
    LinearSection *section = sectionOf(op.getInput());
    if (!section || !isArgument(op.getTable()))
      return Fit::Astray;
    section->stages.push_back(RotateStage{op});
    replaceSums(*section, op.getResult());
    return Fit::Yes;
  }

  Fit add(KVAppendOp op) {
    if (region.sections.size() < 2 || region.has<AppendStage>())
      return Fit::NoPlace;
    LinearSection *keys = sectionOf(op.getKeys()), *values = sectionOf(op.getValues());
    if (!keys || !values || keys == values ||
        !llvm::all_of(ArrayRef<Value>{op.getKv(), op.getPositions(), op.getSequences()}, isArgument))
      return Fit::Astray;
    keys->stages.push_back(AppendStage{op, /*isKeys=*/true});
    values->stages.push_back(AppendStage{op, /*isKeys=*/false});
    replaceSums(*keys, {});
    replaceSums(*values, {});
    return Fit::Yes;
  }

  //===--------------------------------------------------------------------===//
  // The whole
  //===--------------------------------------------------------------------===//

  LogicalResult finish(Operation *yield) {
    if (region.gather() && !region.norm())
      return region.kernel.emitOpError()
             << "selects rows that no norm reads; a linear kernel selects the rows that it normalises";
    // The tokens that are chosen are a result behind the sums.
    const auto *argMax = region.find<ArgMaxStage>();
    unsigned results = argMax ? 2 : 1;
    LinearSection *stored = yield->getNumOperands() == results ? sectionOf(yield->getOperand(0)) : nullptr;
    if (argMax && (!stored || yield->getOperand(1) != SampleOp(argMax->op).getResult()))
      return diagnose(Fit::Astray, yield);
    // Probabilities are a column of results, which the stage itself makes.
    bool scores = region.has<LogProbStage>();
    if (scores && !stored)
      return diagnose(Fit::Astray, yield);
    if (stored && !scores)
      stored->stages.push_back(StoreStage{});
    // Where the sums of another section are dropped, kForms does not have the form.
    std::string form = describeForm();
    if (!llvm::is_contained(kForms, form)) {
      if (!stored)
        return diagnose(Fit::Astray, yield);
      return region.kernel.emitOpError() << "has an epilogue of the stages '" << form
                                         << "', which no emitter of the linear kernel family generates; " << kFamily;
    }
    return checkRotates();
  }

  std::string describeForm() {
    std::string form;
    for (const LinearSection &section : region.sections) {
      form += form.empty() ? "" : ",";
      for (const EpilogueStage &stage : section.stages)
        if (!std::holds_alternative<BiasStage>(stage))
          form += (form.empty() ? "" : " ") + std::visit([](const auto &kind) { return kind.kName.str(); }, stage);
    }
    return form;
  }

  /// Queries and keys are turned by one table, in heads of one size and layout.
  LogicalResult checkRotates() {
    const auto *append = region.find<AppendStage>();
    if (!append)
      return success();
    RotateOp queries = region.sections[0].find<RotateStage>()->op, keys = region.sections[1].find<RotateStage>()->op;
    auto refuse = [&] { return region.kernel.emitOpError() << "turns queries and keys "; };
    StringRef advice = "; a kernel does both alike: leave them apart, as llama-form-kernels does";
    // One table has one width, which is that of a head.
    KVAppendOp appendOp = append->op;
    int64_t head = queries.getHeadDim(), cacheHead = appendOp.getKv().getType().getHeadDim();
    if (queries.getTable() != keys.getTable())
      return refuse() << "by different tables" << advice;
    if (queries.getLayout() != keys.getLayout())
      return refuse() << "in different layouts, " << stringifyRotaryLayout(queries.getLayout()) << " and "
                      << stringifyRotaryLayout(keys.getLayout()) << advice;
    if (head != cacheHead)
      return refuse() << "in heads of " << head << " elements, with " << cacheHead << " in the cache" << advice;
    auto table = cast<RankedTensorType>(queries.getTable().getType());
    if (!table.getElementType().isF32())
      return refuse() << "by a table of type " << table << "; generated code reads tables of f32";
    return success();
  }

  LinearRegion &region;
  /// What the last stage of the prologue gives; null before the first.
  Value input;
  /// For each section what its last stage gives; null where the sums have left the kernel.
  SmallVector<Value> sums;
};

} // namespace

FailureOr<LinearRegion> LinearRegion::match(KernelOp kernel) {
  LinearRegion region{kernel};
  if (failed(StageMatcher(region).run()))
    return failure();
  return region;
}

Value LinearRegion::source() const {
  if (GatherRowsOp op = gather())
    return op.getInput();
  if (RMSNormOp op = norm())
    return op.getInput();
  if (QuantizeOp op = quantize())
    return op.getInput();
  return LinearOp(linear).getInput();
}

SmallVector<int64_t> LinearRegion::combinedRows() const {
  if (has<GateStage>())
    return {outputs() / 2, outputs() / 2};
  SmallVector<int64_t> rows;
  if (sections.size() > 1)
    for (const LinearSection &section : sections)
      rows.push_back(section.rows);
  return rows;
}

int64_t LinearRegion::headDim() const { return RotateOp(find<RotateStage>()->op).getHeadDim(); }

Type LinearRegion::workspaceType() const { return cast<TypeAttr>((*KernelOp(kernel).getWorkspace())[0]).getValue(); }

} // namespace quipu::codegen
