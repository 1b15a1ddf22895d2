//===- SplitScores.cpp - llama-split-scores -------------------------------===//
//
//   @p:  logits = launch @p.lm_head(...), scores = log_prob(logits, targets)
//
//     =  @p:        logits = launch @p.lm_head(...)
//        @p_score:  scores = launch @p_score.lm_head(..., targets)
//
// where @p.lm_head ends in a product with a weight, and @p_score.lm_head is that kernel with log_prob at its end.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Provenance.h"
#include "passes/Passes.h"
#include "runtime/abi/ProgramValues.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"

#define DEBUG_TYPE "llama-split-scores"

namespace quipu::llama {
#define GEN_PASS_DEF_SPLITSCORESPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

namespace {

/// Keeps the results of a program for which `isKept` is true, and the arguments and ops that these need.
void keepResults(func::FuncOp program, function_ref<bool(Value)> isKept) {
  Operation *end = program.getBody().front().getTerminator();
  BitVector dropped(end->getNumOperands());
  for (OpOperand &result : end->getOpOperands())
    dropped[result.getOperandNumber()] = !isKept(result.get());
  end->eraseOperands(dropped);
  (void)program.eraseResults(dropped);
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(program.getBody().front())))
    if (isa<SampleOp, LogProbOp>(op) && op.use_empty())
      op.erase();
}

/// Takes away the inputs that nothing reads, of those that only some results need.
void eraseUnread(func::FuncOp program) {
  BitVector unread(program.getNumArguments());
  for (BlockArgument argument : program.getArguments()) {
    auto name = program.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kValueNameAttrName);
    std::optional<size_t> input = name ? quipu::findValue(quipu::kStepInputs, name.getValue().str()) : std::nullopt;
    unread[argument.getArgNumber()] = argument.use_empty() && input && *input >= quipu::kNumRowInputs;
  }
  (void)program.eraseArguments(unread);
}

struct SplitScoresPass : quipu::llama::impl::SplitScoresPassBase<SplitScoresPass> {
  using SplitScoresPassBase::SplitScoresPassBase;

  void runOnOperation() override {
    if (!llvm::is_contained({"all", "prefill", "none"}, kinds.getValue())) {
      emitError(getOperation().getLoc()) << "llama-split-scores: kinds is '" << kinds.getValue()
                                         << "', expected all, prefill or none";
      return signalPassFailure();
    }
    SmallVector<func::FuncOp> programs(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp program : programs)
      if (program->hasAttr(kProgramAttrName) && !program.isExternal())
        if (auto scores = scoresOf(program); scores && failed(split(program, scores)))
          return signalPassFailure();
  }

private:
  /// The result of a program that gives probabilities. Null if there is none, or nothing else.
  static LogProbOp scoresOf(func::FuncOp program) {
    Operation *end = program.getBody().front().getTerminator();
    LogProbOp found;
    for (Value result : end->getOperands())
      if (auto scores = result.getDefiningOp<LogProbOp>())
        found = scores;
    return end->getNumOperands() > 1 ? found : LogProbOp();
  }

  LogicalResult split(func::FuncOp program, LogProbOp scores) {
    SymbolTable symbols(getOperation());
    std::string reason = whyNot(program, scores, symbols);
    if (!reason.empty()) {
      QUIPU_DECISION(program, scores) << "@" << program.getSymName() << ": no program that scores: " << reason;
    } else {
      std::string name = program.getSymName().str() + "_score";
      if (symbols.lookup(name))
        return program.emitError() << "cannot make program @" << name << ": the name is taken";
      makeScores(program, name, symbols);
      ++numSplit;
    }
    keepResults(program, [](Value result) { return !result.getDefiningOp<LogProbOp>(); });
    eraseUnread(program);
    return success();
  }

  /// Why no kernel can have the log_prob. Empty if one can.
  std::string whyNot(func::FuncOp program, LogProbOp scores, SymbolTable &symbols) {
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    if (kinds == "none" || (kinds == "prefill" && attribute.getKind() != ProgramKind::Prefill))
      return "kinds=" + kinds.getValue();
    auto launch = scores.getLogits().getDefiningOp<LaunchOp>();
    if (!launch)
      return "no launch gives its logits";
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    Operation *yield = kernel.getBody().front().getTerminator();
    if (yield->getNumOperands() != 1 || !yield->getOperand(0).getDefiningOp<LinearOp>())
      return ("@" + kernel.getSymName() + " does not end in a product alone").str();
    if (!getElementTypeOrSelf(scores.getLogits()).isF32())
      return "its logits are rounded";
    if (RowCounts(program).of(scores.getLogits()) != RowCount::Outputs)
      return "its rows are those of all tokens";
    if (!isa<BlockArgument>(scores.getTargets()))
      return "its targets are no argument of the program";
    return "";
  }

  /// Makes the program @name that gives the probabilities alone, behind all others.
  void makeScores(func::FuncOp program, StringRef name, SymbolTable &symbols) {
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    auto copy = cast<func::FuncOp>(builder.clone(*program));
    copy.setSymName(name);
    LogProbOp scores = scoresOf(copy);
    auto launch = scores.getLogits().getDefiningOp<LaunchOp>();
    auto head = symbols.lookup<KernelOp>(launch.getKernel());
    StringRef word = head.getSymName();
    word.consume_front((program.getSymName() + ".").str());
    builder.setInsertionPoint(copy);
    KernelOp kernel = makeHead(head, scores, (name + "." + word).str(), builder);
    symbols.insert(kernel);

    keepResults(copy, [](Value result) { return bool(result.getDefiningOp<LogProbOp>()); });
    builder.setInsertionPoint(launch);
    SmallVector<Value> operands(launch.getOperands());
    operands.push_back(scores.getTargets());
    Location loc = namePlace(&getContext(), getPlace(launch.getLoc()), {launch.getLoc(), scores.getLoc()});
    auto fused = LaunchOp::create(builder, loc, kernel.getResultTypes(), kernel.getSymName(), operands,
                                  DenseI64ArrayAttr(), DenseI64ArrayAttr());
    scores.getResult().replaceAllUsesWith(fused.getResult(0));
    scores.erase();
    launch.erase();
    eraseUnread(copy);
    QUIPU_DECISION(copy, kernel) << "@" << name << ": @" << kernel.getSymName() << " is @" << head.getSymName()
                                 << " with log_prob";
  }

  /// The kernel of the logits with log_prob at its end.
  KernelOp makeHead(KernelOp head, LogProbOp scores, const std::string &name, OpBuilder &builder) {
    auto kernel = cast<KernelOp>(builder.clone(*head));
    kernel.setSymName(name);
    Block &body = kernel.getBody().front();
    Value targets = body.addArgument(scores.getTargets().getType(), kernel.getLoc());
    Operation *yield = body.getTerminator();
    OpBuilder inner(yield);
    // A kernel's ops keep the last words of their places.
    StringRef word = getLastWord(getPlace(scores.getLoc()));
    Location loc = word.empty() ? kernel.getLoc() : shareAmongLayers(scores.getLoc(), word);
    auto last = LogProbOp::create(inner, loc, scores.getResult().getType(), yield->getOperand(0), targets);
    yield->setOperands(ValueRange(last.getResult()));
    kernel.setFunctionType(FunctionType::get(&getContext(), body.getArgumentTypes(), yield->getOperandTypes()));
    return kernel;
  }
};

} // namespace
