//===- Decisions.cpp - What passes decide, for people and as data ----------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Provenance.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace mlir;

namespace quipu::llama {

void DecisionListener::attach(MLIRContext &context, Callback call) {
  context.getOrLoadDialect<LlamaDialect>()->addInterface<DecisionListener>(std::move(call));
}

const DecisionListener *DecisionListener::of(MLIRContext &context) {
  auto *dialect = context.getLoadedDialect<LlamaDialect>();
  return dialect ? dialect->getRegisteredInterface<DecisionListener>() : nullptr;
}

static void addName(Decision &decision, StringRef name) {
  if (!name.empty() && !llvm::is_contained(decision.names, name))
    decision.names.push_back(name.str());
}

static void addNamesOf(Decision &decision, Operation *op) {
  if (auto kernel = dyn_cast<KernelOp>(op)) {
    decision.kernel = kernel.getSymName().str();
    return;
  }
  if (auto program = dyn_cast<func::FuncOp>(op)) {
    decision.program = program.getSymName().str();
    return;
  }
  if (auto weight = dyn_cast<WeightOp>(op))
    addName(decision, weight.getSymName());
  op->getLoc()->walk([&](Location part) {
    if (auto name = dyn_cast<NameLoc>(part))
      addName(decision, name.getName());
    return WalkResult::advance();
  });
  for (StringRef tensor : tensorsOf(op->getLoc()))
    addName(decision, tensor);
  for (Value operand : op->getOperands())
    if (auto reference = operand.getDefiningOp<WeightRefOp>())
      addName(decision, reference.getWeight());
}

OpenDecision::OpenDecision(const char *pass, ArrayRef<Operation *> ops, Verdict verdict, StringRef aspect,
                           const Twine &candidate)
    : listener(DecisionListener::of(*ops.front()->getContext())), pass(pass),
      isPrinted(llvm::DebugFlag && isDebugged(pass)), isOpen(listener || isPrinted) {
  if (!isOpen)
    return;
  decision.pass = pass;
  decision.verdict = verdict;
  decision.aspect = aspect.str();
  decision.candidate = candidate.str();
  for (Operation *op : ops)
    addNamesOf(decision, op);
}

OpenDecision::~OpenDecision() {
  if (decision.pass.empty())
    return;
  if (isPrinted) {
    DebugLine line(pass);
    if (decision.verdict != Verdict::None)
      line.stream() << "@" << decision.kernel << ": " << (decision.verdict == Verdict::Refused ? "no " : "")
                    << decision.candidate << ": ";
    line.stream() << decision.text;
  }
  if (listener)
    listener->note(std::move(decision));
}

} // namespace quipu::llama
