//===- ScheduleAttrs.cpp - Which schedules make sense -----------------------===//
//
// A schedule outside of these bounds has no code that ends, or none that is right. Emitters rely on them.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"
#include "ir/Llama/ScheduleLimits.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace {

using EmitError = function_ref<InFlightDiagnostic()>;

struct Number {
  StringRef name;
  int64_t value;
  Limit limit;
};

LogicalResult check(EmitError emitError, ArrayRef<Number> numbers) {
  for (const auto &[name, value, limit] : numbers) {
    if (limit.holds(value))
      continue;
    InFlightDiagnostic diagnostic = emitError() << name << " must be ";
    if (limit.low == limit.high)
      return diagnostic << limit.low << ", found " << value;
    if (limit.multiple > 1)
      diagnostic << "a multiple of " << limit.multiple << " from ";
    return diagnostic << limit.low << " to " << limit.high << ", found " << value;
  }
  return success();
}

/// A number that counts only in schedules of another form is what it is there by default.
constexpr Limit only(int64_t value) { return {value, value}; }

LogicalResult checkLanes(EmitError emitError, int64_t lanes) {
  if (!kLanesLimit.holds(lanes) || !llvm::isPowerOf2_64(lanes))
    return emitError() << "lanes must be a power of two up to " << kLanesLimit.high << ", found " << lanes;
  return success();
}

/// Dot products of bf16 come in registers of 128, 256 and 512 bits, those of integers in the two larger ones, and
/// those of bytes in pairs in registers of 256 bits.
LogicalResult checkDotLanes(EmitError emitError, int64_t lanes, DotKind dot) {
  if (failed(checkLanes(emitError, lanes)))
    return failure();
  if (dot == DotKind::Bf16 && lanes < 4)
    return emitError() << "dot = bf16 needs 4, 8 or 16 lanes, found " << lanes;
  if ((dot == DotKind::Int8 || dot == DotKind::Int16) && lanes < 8)
    return emitError() << "dot = " << stringifyDotKind(dot) << " needs 8 or 16 lanes, found " << lanes;
  if (dot == DotKind::Int8Pairs && lanes != 8)
    return emitError() << "dot = int8_pairs needs 8 lanes, found " << lanes;
  if (usesTiles(dot) && lanes != kTileLanes)
    return emitError() << "dot = " << stringifyDotKind(dot) << " needs " << kTileLanes << " lanes, found " << lanes;
  return success();
}

} // namespace

//===----------------------------------------------------------------------===//
// CPU
//===----------------------------------------------------------------------===//

LogicalResult CpuLinearScheduleAttr::verify(EmitError emitError, RowRegime rows, int64_t lanes, int64_t run,
                                            int64_t vectors, int64_t rowTiles, DotKind dot, int64_t prefetch,
                                            int64_t streams, SumOrder sums) {
  bool many = rows == RowRegime::Many;
  if (usesTiles(dot) && !many)
    return emitError() << "dot = " << stringifyDotKind(dot) << " is for many rows";
  if (sums == SumOrder::InOrder && many)
    return emitError() << "sums = in_order is for few rows: over many rows products are added in order anyway";
  Limit vectorsLimit = !many ? only(1) : usesTiles(dot) ? Limit{1, mostTileVectors(dot)} : kVectorsLimit;
  if (failed(checkDotLanes(emitError, lanes, dot)) ||
      failed(check(emitError, {{"run", run, many ? kRunLimit : kFewRunLimit},
                               {"vectors", vectors, vectorsLimit},
                               {"rowTiles", rowTiles, many ? kRowTilesLimit : only(1)},
                               {"prefetch", prefetch, many ? only(0) : kPrefetchLimit},
                               {"streams", streams, many ? only(0) : Limit{0, run}}})))
    return failure();
  if (run * vectors > kMostRunTimesVectors)
    return emitError() << "run times vectors must be at most " << kMostRunTimesVectors << ", found " << run << " times "
                       << vectors;
  return success();
}

LogicalResult CpuAttentionScheduleAttr::verify(EmitError emitError, RowRegime, int64_t lanes, int64_t keys,
                                               DotKind dot) {
  if (failed(checkDotLanes(emitError, lanes, dot)))
    return failure();
  return check(emitError, {{"keys", keys, kPageKeysLimit}});
}

LogicalResult CpuPointwiseScheduleAttr::verify(EmitError emitError, RowRegime, int64_t lanes, int64_t rowsPerBlock) {
  if (failed(checkLanes(emitError, lanes)))
    return failure();
  return check(emitError, {{"rowsPerBlock", rowsPerBlock, kRowsPerBlockLimit}});
}

//===----------------------------------------------------------------------===//
// CUDA
//===----------------------------------------------------------------------===//

LogicalResult CudaLinearFewScheduleAttr::verify(EmitError emitError, int64_t tokens, int64_t warps, int64_t ahead,
                                                CudaDot dot, bool) {
  if (dot == CudaDot::Wgmma)
    return emitError() << "dot must be fma or mma, found wgmma";
  return check(emitError,
               {{"tokens", tokens, kFewTokensLimit}, {"warps", warps, kWarpsLimit}, {"ahead", ahead, kAheadLimit}});
}

LogicalResult CudaLinearRingScheduleAttr::verify(EmitError emitError, int64_t depth, int64_t stages, int64_t afterWait,
                                                 int64_t inFlightBeforeWait, int64_t inFlight, int64_t warps, bool) {
  return check(emitError, {{"depth", depth, kRingDepthLimit},
                           {"stages", stages, kStagesLimit},
                           {"afterWait", afterWait, {kRingAfterWaitLimit.low, stages - 1}},
                           {"inFlight", inFlight, {kRingInFlightLimit.low, stages}},
                           {"inFlightBeforeWait", inFlightBeforeWait, {kRingInFlightLimit.low, inFlight}},
                           {"warps", warps, kRingWarpsLimit}});
}

LogicalResult CudaLinearManyScheduleAttr::verify(EmitError emitError, int64_t tokens, int64_t rows, int64_t depth,
                                                 int64_t stages, int64_t warps, CudaDot dot, bool weightFirst,
                                                 bool persistent, bool ahead, int64_t cluster, int64_t burst) {
  switch (dot) {
  case CudaDot::Fma:
    return emitError() << "dot must be mma or wgmma, found fma";
  case CudaDot::Mma:
    if (weightFirst || persistent)
      return emitError() << "dot = mma has neither weight_first nor persistent";
    return check(emitError, {{"tokens", tokens, kTileLimit},
                             {"rows", rows, kTileLimit},
                             {"depth", depth, kMmaDepthLimit},
                             {"stages", stages, kStagesLimit},
                             {"warps", warps, kWarpsLimit},
                             {"cluster", cluster, only(1)},
                             {"burst", burst, only(0)}});
  case CudaDot::Wgmma:
    if (cluster > 1 && (!persistent || ahead))
      return emitError() << "clusters of " << cluster << " must be persistent and request nothing ahead";
    if (failed(check(emitError, {{"warps", warps, kWgmmaWarpsLimit}})))
      return failure();
    // Operand A has 16 rows a warp, operand B as many as an instruction takes.
    Limit first = only(16 * warps), second = weightFirst ? kWeightFirstTileLimit : kTileLimit;
    return check(emitError, {{"tokens", tokens, weightFirst ? second : first},
                             {"rows", rows, weightFirst ? first : second},
                             {"depth", depth, kWgmmaDepthLimit},
                             {"stages", stages, kStagesLimit},
                             {"cluster", cluster, kClusterLimit},
                             {"burst", burst, ahead ? kBurstLimit : only(0)}});
  }
  llvm_unreachable("all instructions are listed");
}

LogicalResult CudaAttentionScheduleAttr::verify(EmitError emitError, RowRegime regime, int64_t tokens, int64_t heads,
                                                int64_t warps, int64_t keys, int64_t splits, CudaDot dot,
                                                Attribute lone, int64_t stages, int64_t part) {
  bool many = regime == RowRegime::Many;
  if (lone) {
    auto single = dyn_cast<CudaAttentionScheduleAttr>(lone);
    if (!many || tokens == 1 || !single || single.getTokens() != 1)
      return emitError()
             << "lone must be a schedule #llama.cuda_attention<..., tokens = 1, ...> in one of many tokens, "
                "found "
             << lone << " in one of " << stringifyRowRegime(regime) << " rows and " << tokens << " tokens";
  }
  if (dot == (many ? CudaDot::Fma : CudaDot::Wgmma))
    return emitError() << "dot must be " << (many ? "mma or wgmma" : "fma or mma") << ", found "
                       << stringifyCudaDot(dot);
  // With mma the heads of one token may be the rows of a product.
  bool isOne = !many || (tokens == 1 && dot == CudaDot::Mma);
  if (many && splits > 1 && !(isOne && part > 0))
    return emitError() << "many rows have splits > 1 only with tokens = 1, dot = mma and part > 0, found splits = "
                       << splits << ", tokens = " << tokens << ", part = " << part;
  if (failed(check(emitError, {{"tokens", tokens, isOne ? only(1) : kManyTokensLimit},
                               {"heads", heads, kHeadsLimit},
                               {"warps", warps, kWarpsLimit},
                               {"keys", keys, many ? kManyKeysLimit : kFewKeysLimit},
                               {"splits", splits, kSplitsLimit},
                               {"stages", stages, many && dot == CudaDot::Mma ? kStagesLimit : only(2)},
                               {"part", part, many ? kPartLimit : only(0)}})))
    return failure();
  if (part % keys)
    return emitError() << "part must be a multiple of keys (" << keys << "), found " << part;
  return success();
}

CudaAttentionScheduleAttr CudaAttentionScheduleAttr::withLone(CudaAttentionScheduleAttr lone) const {
  return get(getContext(), getRegime(), getTokens(), getHeads(), getWarps(), getKeys(), getSplits(), getDot(), lone,
             getStages(), getPart());
}

LogicalResult CudaPointwiseScheduleAttr::verify(EmitError emitError, int64_t threads) {
  return check(emitError, {{"threads", threads, kThreadsLimit}});
}
