//===- Pointwise.cpp - Reference of norms, gates, sums and what follows logits ===//

#include "ir/Reference/Patterns.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>
#include <numbers>

using namespace mlir;

namespace quipu::llama {

Value normalise(ReferenceBuilder &b, Value input, Value weight, double eps, RankedTensorType type) {
  int64_t count = widthOf(input);
  RankedTensorType scaleType = b.floats({type.getDimSize(0)});
  Value scale = b.generate(scaleType, b.rowsOf(input, scaleType), [&](ReferenceBuilder::Indices at) {
    Value squares = b.sum(b.index(0), b.index(count), [&](Value k) {
      Value x = b.extract(input, {at[0], k});
      return b.mul(x, x);
    });
    Value mean = b.add(b.div(squares, b.f32(static_cast<double>(count))), b.f32(eps));
    return b.div(b.f32(1), math::SqrtOp::create(b, mean));
  });
  return b.generate(type, b.rowsOf(input, type), [&](ReferenceBuilder::Indices at) {
    Value normalised = b.mul(b.extract(input, at), b.extract(scale, at[0]));
    return b.mul(b.extract(weight, at[1]), normalised);
  });
}

static Value activate(ReferenceBuilder &b, Activation activation, Value x) {
  switch (activation) {
  case Activation::Silu:
    return b.div(x, b.add(b.f32(1), b.exp(b.sub(b.f32(0), x))));
  case Activation::GeluTanh: {
    Value cube = b.mul(b.mul(x, x), x);
    Value inner = b.mul(b.f32(std::sqrt(2 / std::numbers::pi)), b.add(x, b.mul(b.f32(0.044715), cube)));
    return b.mul(b.mul(b.f32(0.5), x), b.add(b.f32(1), b.tanh(inner)));
  }
  case Activation::Relu:
    return arith::MaximumFOp::create(b, x, b.f32(0));
  }
  llvm_unreachable("all activations are listed");
}

Value gate(ReferenceBuilder &b, Activation activation, Value gate, Value up, int64_t shift, RankedTensorType type) {
  return b.generate(type, b.rowsOf(gate, type), [&](ReferenceBuilder::Indices at) {
    Value activated = activate(b, activation, b.extract(gate, at));
    return b.mul(activated, b.extract(up, {at[0], shift ? b.add(at[1], b.index(shift)) : at[1]}));
  });
}

static Values lowerRMSNorm(RMSNormOp op, RMSNormOp::Adaptor in, ReferenceBuilder &b) {
  return {normalise(b, in.getInput(), in.getWeight(), op.getEps().convertToDouble(), loweredTensor(op.getResult()))};
}

/// The scale of each block is computed once, and then each value.
static Values lowerQuantize(QuantizeOp op, QuantizeOp::Adaptor in, ReferenceBuilder &b) {
  Value input = in.getInput();
  RankedTensorType type = loweredTensor(op.getResult());
  auto block = static_cast<int64_t>(op.getBlock());
  RankedTensorType blocks = b.floats({type.getDimSize(0), type.getDimSize(1) / block});
  Value magnitudes = b.generate(blocks, b.rowsOf(input, blocks), [&](ReferenceBuilder::Indices at) {
    Value first = b.mul(at[1], b.index(block));
    return b.fold(first, b.add(first, b.index(block)), ValueRange{b.f32(0)},
                  [&](Value k, ValueRange carried) -> Values {
                    Value magnitude = math::AbsFOp::create(b, b.extract(input, {at[0], k}));
                    return {b.max(carried[0], magnitude)};
                  })[0];
  });
  return {b.generate(type, b.rowsOf(input, type), [&](ReferenceBuilder::Indices at) {
    Value magnitude = b.extract(magnitudes, {at[0], b.div(at[1], b.index(block))});
    Value isZero = b.compare(arith::CmpFPredicate::OEQ, magnitude, b.f32(0));
    Value inverse = b.select(isZero, b.f32(0), b.div(b.f32(127), magnitude));
    Value integer = math::RoundEvenOp::create(b, b.mul(b.extract(input, at), inverse));
    return b.mul(integer, b.div(magnitude, b.f32(127)));
  })};
}

static Values lowerGate(GateOp op, GateOp::Adaptor in, ReferenceBuilder &b) {
  RankedTensorType type = loweredTensor(op.getResult());
  Value up = in.getUp();
  return {gate(b, op.getActivation(), in.getGate(), up ? up : in.getGate(), up ? 0 : type.getDimSize(1), type)};
}

static Values lowerAdd(AddOp op, AddOp::Adaptor in, ReferenceBuilder &b) {
  RankedTensorType type = loweredTensor(op.getResult());
  return {b.generate(type, b.rowsOf(in.getLhs(), type), [&](ReferenceBuilder::Indices at) {
    return b.add(b.extract(in.getLhs(), at), b.extract(in.getRhs(), at));
  })};
}

static Values lowerSample(SampleOp op, SampleOp::Adaptor in, ReferenceBuilder &b) {
  Value logits = in.getLogits();
  RankedTensorType type = loweredTensor(op.getResult());
  return {b.generate(type, b.rowsOf(logits, type), [&](ReferenceBuilder::Indices at) {
    // The largest logit so far and its index; and a sum of zeros, or a NaN if there was a NaN or infinity.
    Value first = b.extract(logits, {at[0], b.index(0)}), zero = b.f32(0);
    auto best = b.fold(b.index(1), b.index(widthOf(logits)), ValueRange{first, b.i32(0), b.mul(first, zero)},
                       [&](Value token, ValueRange carried) -> Values {
                         Value logit = b.extract(logits, {at[0], token});
                         Value better = b.compare(arith::CmpFPredicate::OGT, logit, carried[0]);
                         return {b.select(better, logit, carried[0]), b.select(better, b.toI32(token), carried[1]),
                                 b.add(carried[2], b.mul(logit, zero))};
                       });
    Value isFinite = b.compare(arith::CmpFPredicate::OEQ, best[2], zero);
    return b.select(isFinite, best[1], b.i32(-1));
  })};
}

static Values lowerLogProb(LogProbOp op, LogProbOp::Adaptor in, ReferenceBuilder &b) {
  Value logits = in.getLogits();
  RankedTensorType type = loweredTensor(op.getResult());
  Value vocabulary = b.index(widthOf(logits));
  return {b.generate(type, b.rowsOf(logits, type), [&](ReferenceBuilder::Indices at) {
    auto logitOf = [&](Value token) { return b.extract(logits, {at[0], token}); };
    Value lowest = b.f32(std::numeric_limits<float>::lowest());
    Value largest = b.fold(b.index(0), vocabulary, ValueRange{lowest}, [&](Value token, ValueRange carried) -> Values {
      return {b.max(carried[0], logitOf(token))};
    })[0];
    Value sum = b.sum(b.index(0), vocabulary, [&](Value token) { return b.exp(b.sub(logitOf(token), largest)); });
    Value ofTarget = b.sub(logitOf(b.extractIndex(in.getTargets(), at[0], vocabulary)), largest);
    Value score = b.sub(ofTarget, math::LogOp::create(b, sum));
    Value hasTarget = b.compare(arith::CmpIPredicate::sge, b.extract(in.getTargets(), at[0]), b.i32(0));
    return b.select(hasTarget, score, b.f32(0));
  })};
}

namespace {
/// The greedy choice alone has a reference: what is drawn depends on how a sampler rounds.
struct SamplePattern : ReferencePattern<SampleOp> {
  using ReferencePattern::ReferencePattern;

  LogicalResult matchAndRewrite(SampleOp op, SampleOp::Adaptor in, ConversionPatternRewriter &rewriter) const override {
    if (op.getMode() != SampleMode::Greedy)
      return rewriter.notifyMatchFailure(op, "only the greedy choice has a reference");
    return ReferencePattern::matchAndRewrite(op, in, rewriter);
  }
};
} // namespace

void addPointwisePatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  addPattern<RMSNormOp>(patterns, types, lowerRMSNorm);
  addPattern<QuantizeOp>(patterns, types, lowerQuantize);
  addPattern<GateOp>(patterns, types, lowerGate);
  addPattern<AddOp>(patterns, types, lowerAdd);
  addPattern<LogProbOp>(patterns, types, lowerLogProb);
  patterns.add<SamplePattern>(types, patterns.getContext(), lowerSample);
}

} // namespace quipu::llama
