//===- LinearManyInput.cpp - The input of linear kernels for many rows --------===//
//
// An entry of its own, which divides the rows among threads: normalises them, or rounds them to integers, or both.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/OpLocation.h"
#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/QuantizedInput.h"
#include "codegen/cpu/TokenLanes.h"
#include "codegen/cpu/WeightOperand.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

/// A tile of rows of the kernel's input, normalised where the kernel has a norm.
class InputTile {
public:
  InputTile(KernelBuilder &b, const LinearRegion &region, const KernelFrame &frame, Value rowTile, int64_t lanes)
      : b(b), norm(region.norm()), from(region.source().getType()), lanes(lanes), inputs(region.inputs()) {
    source = b.at(frame.argument(region.source()), b.mul(rowTile, from.strideBytes()));
    if (!norm)
      return;
    OpLocation location(b, norm);
    gain = frame.argument(norm.getWeight());
    // In the order of a kernel over few rows, which has neighbouring features in the lanes of a vector.
    int64_t parts = widestVector(inputs, lanes);
    KernelBuilder::Values zeros(static_cast<size_t>(parts), b.splat(0.0f, lanes));
    KernelBuilder::Values sums = b.loop(b.i64(0), b.i64(inputs), parts, zeros, [&](Value k, ValueRange carried) {
      KernelBuilder::Values next;
      for (auto [i, sum] : llvm::enumerate(carried)) {
        Value x = load(b.add(k, static_cast<int64_t>(i)));
        next.push_back(b.fma(x, x, sum));
      }
      return next;
    });
    Value mean = b.mulf(b.sumHalves(sums), b.splat(1.0f / static_cast<float>(inputs), lanes));
    scale = b.rsqrt(b.addf(mean, b.splat(static_cast<float>(norm.getEps().convertToDouble()), lanes)));
  }

  /// Feature `k` of all rows.
  Value feature(Value k) const {
    if (!norm)
      return load(k);
    OpLocation location(b, RMSNormOp(norm));
    WeightOperand gains(b, RMSNormOp(norm).getWeight().getType());
    Value g = gains.run(gain, k).broadcast(0, lanes);
    return b.mulf(b.mulf(load(k), scale), g);
  }

private:
  Value load(Value k) const { return b.loadF32(from.element, b.at(source, from.featureOffset(b, k)), lanes); }

  KernelBuilder &b;
  RMSNormOp norm;
  ActivationLayout from;
  int64_t lanes, inputs;
  Value source, gain, scale;
};

} // namespace

void emitLinearManyNorm(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  OpLocation location(b, region.norm());
  KernelFrame frame(b, region.kernel, symbol);
  ActivationLayout to(region.workspaceType());
  b.loop(frame.begin, frame.end, 1, [&](Value rowTile) {
    InputTile input(b, region, frame, rowTile, schedule.getLanes());
    Value target = b.at(frame.workspace(0), b.mul(rowTile, to.strideBytes()));
    b.loop(b.i64(0), b.i64(region.inputs()), to.pack, [&](Value k) {
      SmallVector<Value> values;
      SmallVector<int64_t> features;
      for (int64_t i = 0; i < to.pack; ++i) {
        values.push_back(input.feature(b.add(k, i)));
        features.push_back(i);
      }
      storeFeatures(b, to, target, features, values, k);
    });
  });
}

void emitLinearManyQuantize(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  OpLocation location(b, region.quantize());
  KernelFrame frame(b, region.kernel, symbol);
  auto block = static_cast<int64_t>(region.quantize().getBlock());
  Type element = getElementTypeOrSelf(region.exactInputType());
  b.loop(frame.begin, frame.end, 1, [&](Value rowTile) {
    InputTile input(b, region, frame, rowTile, schedule.getLanes());
    QuantizedTile target(b, region, schedule.getDot(), schedule.getLanes(), frame, rowTile);
    b.loop(b.i64(0), b.i64(region.inputs()), block, [&](Value k) {
      SmallVector<Value> values;
      for (int64_t i = 0; i < block; ++i) {
        // A norm rounds its result to the type that it has.
        Value value = input.feature(b.add(k, i));
        values.push_back(b.widenToF32(b.roundTo(element, value)));
      }
      target.store(k, values);
    });
  });
}

} // namespace quipu::codegen::cpu
