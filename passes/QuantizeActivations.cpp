//===- QuantizeActivations.cpp - llama-quantize-activations ---------------===//
//
//   linear(x, blocks)  =  linear(quantize(x), blocks), up to the rounding of x
//
// in every kernel: a prologue of the kernel, so that no rounded row is stored where kernels compute it for themselves.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"
#include "ir/Llama/WeightTypes.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

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
    if (exact)
      return;
    SmallVector<LinearOp> linears;
    for (auto kernel : getOperation().getOps<KernelOp>())
      kernel.walk([&](LinearOp linear) {
        if (isRounded(linear))
          linears.push_back(linear);
      });
    for (LinearOp linear : linears)
      round(linear);
  }

private:
  bool isRounded(LinearOp linear) {
    auto weight = cast<RankedTensorType>(linear.getWeight().getType());
    auto element = dyn_cast<BlockType>(weight.getElementType());
    return element && !element.getFormat()->block->codebook && weight.getDimSize(1) % block == 0 &&
           !linear.getInput().getDefiningOp<QuantizeOp>();
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
