//===- FuseSample.cpp - llama-fuse-sample ---------------------------------===//
//
//   ids = sample(launch @head(...))  =  logits, ids = launch @head'(...)
//
// where @head ends in a product with a weight, and @head' also chooses the largest of its sums.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Provenance.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"

#define DEBUG_TYPE "llama-fuse-sample"

namespace quipu::llama {
#define GEN_PASS_DEF_FUSESAMPLEPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

namespace {

struct FuseSamplePass : quipu::llama::impl::FuseSamplePassBase<FuseSamplePass> {
  using FuseSamplePassBase::FuseSamplePassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto program : getOperation().getOps<func::FuncOp>()) {
      if (!program->hasAttr(kProgramAttrName))
        continue;
      SmallVector<SampleOp> samples(program.getOps<SampleOp>());
      for (SampleOp sample : samples)
        if (sample.getMode() == SampleMode::Greedy)
          tryFuse(sample, program, symbols);
    }
  }

private:
  void tryFuse(SampleOp sample, func::FuncOp program, SymbolTable &symbols) {
    auto stays = [&](const Twine &reason) {
      QUIPU_DECISION(program, sample) << "@" << program.getSymName() << ": " << describeOp(sample)
                                      << " stays in the program: " << reason;
    };
    if (leave)
      return stays("the target's device has a service that chooses tokens");
    auto launch = sample.getLogits().getDefiningOp<LaunchOp>();
    if (!launch)
      return stays("no launch gives its logits");
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    Operation *yield = kernel.getBody().front().getTerminator();
    if (yield->getNumOperands() != 1 || !yield->getOperand(0).getDefiningOp<LinearOp>())
      return stays("@" + kernel.getSymName() + " does not end in a product alone");
    if (!getElementTypeOrSelf(sample.getLogits()).isF32())
      return stays("its logits are rounded");
    if (RowCounts(program).of(sample.getLogits()) != RowCount::Outputs)
      return stays("its rows are those of all tokens");
    std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(kernel, getOperation());
    if (!uses || !llvm::hasSingleElement(*uses))
      return stays("@" + kernel.getSymName() + " has several launches");
    QUIPU_DECISION(program, kernel, sample)
        << "@" << program.getSymName() << ": @" << kernel.getSymName() << " chooses tokens too";
    fuse(sample, launch, kernel);
    ++numFused;
  }

  /// Makes `sample` part of the kernel, whose only launch is `launch`.
  void fuse(SampleOp sample, LaunchOp launch, KernelOp kernel) {
    MLIRContext *context = &getContext();
    Operation *yield = kernel.getBody().front().getTerminator();
    OpBuilder builder(yield);
    IRMapping mapping;
    mapping.map(sample.getLogits(), yield->getOperand(0));
    Operation *inner = builder.clone(*sample, mapping);
    // A kernel's ops keep the last words of their places.
    if (StringRef word = getLastWord(getPlace(sample.getLoc())); !word.empty())
      inner->setLoc(shareAmongLayers(sample.getLoc(), word));
    yield->insertOperands(1, inner->getResults());
    kernel.setFunctionType(FunctionType::get(context, kernel.getArgumentTypes(), yield->getOperandTypes()));

    builder.setInsertionPoint(launch);
    Location loc = namePlace(context, getPlace(launch.getLoc()), {launch.getLoc(), sample.getLoc()});
    auto both = LaunchOp::create(builder, loc, kernel.getResultTypes(), launch.getKernel(), launch.getOperands(),
                                 DenseI64ArrayAttr(), DenseI64ArrayAttr());
    launch.getResult(0).replaceAllUsesWith(both.getResult(0));
    sample.getResult().replaceAllUsesWith(both.getResult(1));
    sample.erase();
    launch.erase();
  }
};

} // namespace
