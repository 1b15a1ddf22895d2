//===- QuantizeActivations.cpp - llama-quantize-activations ---------------===//
//
//   linear(x, blocks)  =  linear(quantize(x), blocks), up to the rounding of x
//
// in every kernel: a prologue of the kernel, so that no rounded row is stored where kernels compute it for themselves.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/WeightTypes.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#define DEBUG_TYPE "llama-quantize-activations"

namespace quipu::llama {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

namespace {

/// What integers are multiplied by, at once.
constexpr int64_t kPart = 32;

struct QuantizeActivationsPass : quipu::llama::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;

  void runOnOperation() override {
    if (block < kPart || block % kPart) {
      emitError(getOperation().getLoc()) << "llama-quantize-activations needs a block of a multiple of " << kPart
                                         << " elements, found " << block.getValue();
      return signalPassFailure();
    }
    SmallVector<LinearOp> linears;
    for (auto kernel : getOperation().getOps<KernelOp>())
      kernel.walk([&](LinearOp linear) {
        auto weight = dyn_cast<BlockType>(cast<RankedTensorType>(linear.getWeight().getType()).getElementType());
        if (!weight || linear.getInput().getDefiningOp<QuantizeOp>())
          return;
        std::string reason = whyNot(linear, weight);
        if (reason.empty())
          linears.push_back(linear);
        QUIPU_DECISION(kernel) << "@" << kernel.getSymName() << ": the input of " << describeOp(linear) << " is "
                               << (reason.empty() ? "rounded to 8 bits" : "not rounded: ") << reason;
      });
    for (LinearOp linear : linears)
      round(linear);
  }

private:
  /// Why the input of a product with blocks stays as it is. Empty if it is rounded.
  std::string whyNot(LinearOp linear, BlockType weight) {
    int64_t inputs = cast<RankedTensorType>(linear.getWeight().getType()).getDimSize(1);
    if (exact)
      return "exact activations are asked for, or the target has no products of integers";
    if (weight.getFormat()->block->codebook)
      return "the weight has a codebook in place of integers";
    if (int64_t run = weight.getFormat()->block->scaleRun; run > block)
      return ("a scale of the weight is for " + Twine(run) + " elements, one of the input for " +
              Twine(block.getValue()))
          .str();
    if (inputs % block)
      return ("rows of " + Twine(inputs) + " elements are no multiple of " + Twine(block.getValue())).str();
    return "";
  }

  void round(LinearOp linear) {
    OpBuilder builder(linear);
    auto input = cast<RankedTensorType>(linear.getInput().getType());
    auto type = RankedTensorType::get(input.getShape(), builder.getF32Type(), input.getEncoding());
    linear.getInputMutable().assign(
        QuantizeOp::create(builder, linear.getLoc(), type, linear.getInput(), static_cast<uint64_t>(block)));
    ++numQuantized;
  }
};

} // namespace
