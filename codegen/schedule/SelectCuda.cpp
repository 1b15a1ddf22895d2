//===- SelectCuda.cpp - Schedules for GPUs ------------------------------------===//
//
// What decides is the bound on a program's rows. Up to 8: reading weights dominates, a tile of 16 weight rows is
// divided among the warps of a block; for one row, and with copies past the registers, each multiprocessor streams an
// equal share of the weight through a ring. Up to 64: still weights, but the products need tensor cores at full rate,
// so each multiprocessor takes an equal share of the weight's rows. Beyond: arithmetic, in tiles of 128 rows of the
// input.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/DenseWeights.h"
#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/attention/AttentionWorkspace.h"
#include "codegen/schedule/RowBounds.h"
#include "codegen/schedule/Select.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// Rows of operand A of a tile where there are several.
constexpr int64_t kTileRows = 128;

/// Keys of a tile of attention with wgmma.
constexpr int64_t kWgmmaKeys = 128;

bool is16Bit(Type type) { return type.isF16() || type.isBF16(); }

RowPairing pairingOf(RotaryLayout layout) {
  switch (layout) {
  case RotaryLayout::Half:
    return RowPairing::Halves;
  case RotaryLayout::Interleaved:
    return RowPairing::Alternating;
  }
  llvm_unreachable("all layouts are listed");
}

class CudaSelector {
public:
  CudaSelector(ModuleOp module, const cuda::CudaTarget &target, const LlamaSelectSchedulesOptions &tuning)
      : module(module), context(module.getContext()), target(target), tuning(tuning) {}

  LogicalResult run() {
    for (auto kernel : module.getOps<KernelOp>())
      if (failed(expectDenseWeights(kernel)))
        return failure();
    for (auto program : module.getOps<func::FuncOp>())
      if (program->hasAttr(kProgramAttrName) && failed(schedule(program)))
        return failure();
    return success();
  }

private:
  LogicalResult schedule(func::FuncOp program) {
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    minRows = attribute.getMinRows();
    maxRows = attribute.getMaxRows();
    isDecode = attribute.getKind() == ProgramKind::Decode;
    SymbolTableCollection symbols;
    llvm::SetVector<KernelOp> kernels;
    SmallVector<LaunchOp> launches(program.getOps<LaunchOp>());
    for (LaunchOp launch : launches) {
      auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
      kernels.insert(kernel);
      if (failed(pairRows(launch, kernel, symbols)))
        return failure();
    }
    program.walk([&](WeightRefOp reference) {
      auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(reference, reference.getWeightAttr());
      reference.getResult().setType(cast<RankedTensorType>(weight.getType()));
    });
    for (LaunchOp launch : launches) {
      auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
      for (auto [argument, operand] : llvm::zip_equal(kernel.getBody().getArguments(), launch.getOperands()))
        argument.setType(operand.getType());
    }
    for (KernelOp kernel : kernels) {
      kernel.setFunctionType(FunctionType::get(context, kernel.getBody().getArgumentTypes(), kernel.getResultTypes()));
      if (failed(scheduleKernel(kernel)))
        return failure();
    }
    return success();
  }

  /// Gives the fused weight (and bias) of a launch the order of rows that the kernel's epilogue wants.
  LogicalResult pairRows(LaunchOp launch, KernelOp kernel, SymbolTableCollection &symbols) {
    if (!find<LinearOp>(kernel))
      return success();
    FailureOr<LinearRegion> region = LinearRegion::match(kernel);
    if (failed(region))
      return failure();
    // Rows of the parts that the kernel takes apart: those of the sources.
    SmallVector<int64_t> wanted = region->combinedRows();
    if (wanted.empty())
      return success();
    SmallVector<SourceRowsAttr> sources;
    auto add = [&](RowPairing pairing, int64_t group = 0) {
      sources.push_back(SourceRowsAttr::get(context, pairing, group));
    };
    if (region->has<GateStage>()) {
      if (int64_t features = region->outputs() / 2; features % 8)
        return kernel.emitOpError()
               << "has " << features
               << " features of a gated MLP (intermediate_size); CUDA kernels need a multiple of 8";
      add(RowPairing::First);
      add(RowPairing::Second);
    } else {
      if (int64_t head = region->headDim(); head % 16)
        return kernel.emitOpError() << "has heads of " << head
                                    << " elements (head_dim); CUDA kernels need a multiple of 16";
      for (const LinearSection &section : region->sections) {
        const auto *rotate = section.find<RotateStage>();
        rotate ? add(pairingOf(RotateOp(rotate->op).getLayout()), region->headDim()) : add(RowPairing::Plain);
      }
    }
    for (Value operand : {region->linear.getWeight(), region->linear.getBias()}) {
      if (!operand)
        continue;
      Value value = launch.getOperands()[cast<BlockArgument>(operand).getArgNumber()];
      auto reference = value.getDefiningOp<WeightRefOp>();
      if (!reference)
        return kernel.emitOpError() << "has a fused weight that is no llama.weight";
      auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(reference, reference.getWeightAttr());
      if (weight.getSources().size() != sources.size())
        return weight.emitOpError() << "has " << weight.getSources().size()
                                    << " sources where the kernel pairs rows of " << sources.size()
                                    << "; only projections joined by the fuse passes run on CUDA";
      if (SmallVector<int64_t> found(*weight.getRows()); found != wanted)
        return weight.emitOpError() << "has sources of " << ArrayRef<int64_t>(found)
                                    << " rows where the kernel takes rows apart into " << ArrayRef<int64_t>(wanted)
                                    << "; each source must be one of these parts";
      auto type = cast<RankedTensorType>(weight.getType());
      weight.setTypeAttr(TypeAttr::get(
          RankedTensorType::get(type.getShape(), type.getElementType(), PairedRowsAttr::get(context, sources))));
    }
    return success();
  }

  LogicalResult scheduleKernel(KernelOp kernel) {
    if (find<LinearOp>(kernel))
      return scheduleLinear(kernel);
    if (auto attention = find<AttentionOp>(kernel))
      return scheduleAttention(kernel, attention);
    kernel.setScheduleAttr(CudaPointwiseScheduleAttr::get(context, 256));
    return success();
  }

  LogicalResult scheduleLinear(KernelOp kernel) {
    FailureOr<LinearRegion> region = LinearRegion::match(kernel);
    if (failed(region))
      return failure();
    int64_t inputs = region->inputs(), outputs = region->outputs();
    Type input = getElementTypeOrSelf(region->linear.getInput()),
         weight = getElementTypeOrSelf(region->linear.getWeight());
    // Rows of matrices begin at multiples of 16 bytes, since they are read in such pieces.
    int64_t multiple = 16 / std::min(input.getIntOrFloatBitWidth() / 8, weight.getIntOrFloatBitWidth() / 8);
    if (inputs % multiple)
      return kernel.emitOpError() << "multiplies rows of " << inputs << " elements; CUDA kernels need a multiple of "
                                  << multiple << " for this type";
    bool tensorCores = input == weight && is16Bit(input);
    overwriteResidual(*region);
    if (tensorCores && target.hasRings() && maxRows == 1 && tuning.ring && inputs % 32 == 0) {
      if (CudaLinearRingScheduleAttr ring = ringSchedule(*region)) {
        kernel.setScheduleAttr(ring);
        return success();
      }
      if (tuning.ringDepth || tuning.ringStages || tuning.ringHeld || tuning.ringFirst || tuning.ringUnderWay)
        return kernel.emitOpError() << "has no room for a ring beside an input of " << inputs
                                    << " elements in shared memory; leave the ring-* options out, or make ring-depth "
                                       "smaller";
    }
    if (!tensorCores || maxRows <= kFewRows) {
      int64_t steps = llvm::divideCeil(inputs, tensorCores ? 32 : 16);
      int64_t warps = std::min<int64_t>(tuning.warps ? tuning.warps : 8, steps);
      // A short row is requested whole. Of a long one 64 KiB are under way in the two blocks of a multiprocessor; more
      // would only stand in the way of the input when it is ready at last.
      int64_t loads = 2 * llvm::divideCeil(steps, warps), ahead = loads <= 16 ? 16 : 8;
      kernel.setScheduleAttr(CudaLinearFewScheduleAttr::get(
          context, /*tokens=*/8, warps, tuning.ahead ? tuning.ahead : ahead, tensorCores ? CudaDot::Mma : CudaDot::Fma,
          // f16 could overflow before the scale.
          /*scaleAfter=*/!input.isF16()));
      return success();
    }
    if (RMSNormOp norm = region->norm())
      kernel.setWorkspaceAttr(ArrayAttr::get(context, {TypeAttr::get(norm.getResult().getType())}));
    // Few rows are wanted even of a long prompt, but one of each sequence.
    bool oneTile = maxRows <= kOneTileRows || (region->gather() && !isDecode);
    if (!target.hasWgmma()) {
      // 64 x 64 for a warp reads the least of shared memory for each product; with 48 KiB two blocks share a
      // multiprocessor, of sm_86 and sm_89 too.
      kernel.setScheduleAttr(
          oneTile ? CudaLinearManyScheduleAttr::get(context, 64, 64, 64, 4, 4, CudaDot::Mma, false, false, true, 1)
                  : CudaLinearManyScheduleAttr::get(context, 128, 128, 32, 3, 4, CudaDot::Mma, false, false, false, 1));
      return success();
    }
    // The weight is operand A where prompts are long: rows of a prompt may be alike, and then it takes less energy.
    bool weightFirst = !oneTile && maxRows > kMediumRows && tuning.weightFirst;
    int64_t cluster = clusterOf(oneTile), tokens = oneTile ? kOneTileRows : kTileRows, rows = kTileRows;
    if (weightFirst)
      tokens = tuning.rows ? tuning.rows : persistentWidth(outputs, maxRows, cluster);
    else
      rows = tuning.rows ? tuning.rows : oneTile ? evenShare(outputs) : persistentWidth(maxRows, outputs, cluster);
    int64_t warps = oneTile ? 4 : 8, stageBytes = (tokens + rows) * kDepth * 2;
    int64_t room = kSharedBytes - warps * kWarpBytes;
    int64_t stages = tuning.stages ? tuning.stages : std::clamp<int64_t>(room / stageBytes, 2, 32);
    stages = std::min(stages, std::max<int64_t>(llvm::divideCeil(inputs, kDepth), 2));
    // Where a multiprocessor has several tiles, the next one's weights arrive during the epilogue.
    bool persistent = !oneTile || outputs > rows * target.multiprocessors();
    kernel.setScheduleAttr(CudaLinearManyScheduleAttr::get(context, tokens, rows, kDepth, stages, warps, CudaDot::Wgmma,
                                                           weightFirst, persistent, /*ahead=*/oneTile, cluster));
    return success();
  }

  /// All linear emitters for CUDA read elements of the residual in the thread that stores those of the result.
  void overwriteResidual(LinearRegion &region) {
    const auto *stage = region.find<ResidualStage>();
    if (!stage)
      return;
    auto residual = cast<BlockArgument>(stage->other);
    if (residual.hasOneUse() && residual.getType() == AddOp(stage->op).getType())
      region.kernel.setOverwrites({static_cast<int64_t>(residual.getArgNumber())});
  }

  /// A ring in half of a multiprocessor's shared memory, beside the input, so that it fills while the kernel in front
  /// still runs; null where the input leaves no room for one. The numbers were measured on an H100
  /// (docs/performance.md).
  CudaLinearRingScheduleAttr ringSchedule(LinearRegion &region) {
    constexpr int64_t kDepth = 1024, kStages = 6, kHeld = 2, kFirst = 2, kUnderWay = 3, kWarps = 8;
    // Sums and barriers of the emitter, and what the driver takes of each block.
    constexpr int64_t kRest = 10 * 1024, kReserved = 1024;
    auto chosen = [](int64_t tuned, int64_t value) { return tuned > 0 ? tuned : value; };
    int64_t depth = std::min<int64_t>(chosen(tuning.ringDepth, kDepth), region.inputs());
    int64_t room = (target.sharedBytes() + kReserved) / 2 - kReserved - kRest - (region.inputs() * 2 + 128);
    int64_t stageBytes = 8 * (depth * 2 + 128);
    if (room < 2 * stageBytes)
      return {};
    int64_t stages = std::clamp<int64_t>(room / stageBytes, 2, chosen(tuning.ringStages, kStages));
    int64_t underWay = std::min(chosen(tuning.ringUnderWay, kUnderWay), stages);
    return CudaLinearRingScheduleAttr::get(context, depth, stages, std::min(chosen(tuning.ringHeld, kHeld), stages - 1),
                                           std::min(chosen(tuning.ringFirst, kFirst), underWay), underWay, kWarps,
                                           // f16 could overflow before the scale.
                                           /*scaleAfter=*/!getElementTypeOrSelf(region.linear.getInput()).isF16());
  }

  /// Weight rows of a block such that every multiprocessor has as many tiles, in multiples of 16 up to 256.
  int64_t evenShare(int64_t outputs) {
    int64_t multiprocessors = target.multiprocessors();
    int64_t waves = llvm::divideCeil(outputs, multiprocessors * 256);
    return std::min<int64_t>(llvm::alignTo(llvm::divideCeil(outputs, multiprocessors * waves), 16), 256);
  }

  /// Blocks that read a tile of the weight together. An odd number of row tiles costs one more, too much where there
  /// may be one or three.
  int64_t clusterOf(bool oneTile) {
    if (oneTile || maxRows <= kTileRows || !target.has(cuda::CudaFeature::Clusters))
      return 1;
    return tuning.cluster ? tuning.cluster : maxRows > kMediumRows ? 2 : 1;
  }

  /// Rows of operand B in a tile, of `second` in all, that walk the product in the least time: rounds of all
  /// multiprocessors, each as long as the tile is wide, and kTileCost more for its beginning and end. `first`: rows of
  /// operand A.
  int64_t persistentWidth(int64_t first, int64_t second, int64_t cluster) {
    constexpr int64_t kTileCost = 12;
    int64_t best = 256, bestCost = INT64_MAX;
    for (int64_t width = 256; width >= 96; width -= 32) {
      int64_t tiles = llvm::alignTo(llvm::divideCeil(first, kTileRows), cluster) * llvm::divideCeil(second, width);
      int64_t cost = llvm::divideCeil(tiles, target.multiprocessors()) * (width + kTileCost);
      if (cost < bestCost)
        best = width, bestCost = cost;
    }
    return best;
  }

  LogicalResult scheduleAttention(KernelOp kernel, AttentionOp attention) {
    int64_t kvHeads = attention.getNumKvHeads(), group = attention.getNumHeads() / kvHeads;
    int64_t head = attention.getKv().getType().getHeadDim();
    Type query = getElementTypeOrSelf(attention.getQuery()), cache = attention.getKv().getType().getElementType();
    if (head * cache.getIntOrFloatBitWidth() % 128)
      return kernel.emitOpError() << "attends to heads of " << head << " elements of " << cache
                                  << "; CUDA kernels need a multiple of 16 bytes";
    int64_t heads = largestDivisor(group, 8);
    bool tensorCores = query == cache && is16Bit(cache) && head % 16 == 0 && head <= 256;
    if (!tensorCores || maxRows <= kOneTileRows || isDecode) {
      // One row fills the chip at long contexts: a block for each multiprocessor. In very long ones two, where heads
      // are so short that one has not enough bytes under way; at short ones the second would only be in the way. Beside
      // other rows each needs fewer parts; several smaller blocks for a multiprocessor hide the latency of their first
      // loads and end evenly.
      bool isAlone = maxRows <= kFewRows;
      CudaDot dot = cuda::attentionFewDot(attention, heads);
      constexpr int64_t kShortHeadBytes = 128, kLongContext = 16 * 1024;
      bool inPairs = maxRows == 1 && head * cache.getIntOrFloatBitWidth() / 8 <= kShortHeadBytes &&
                     tuning.positions > kLongContext;
      int64_t blocks = kvHeads * (group / heads);
      int64_t fewest = std::max(minRows, kFewRows + 1), atLeast = minRows <= kOneTileRows ? 2 : 1;
      int64_t splits = isAlone ? (inPairs ? 2 : 1) * target.multiprocessors() / blocks
                               : std::max(4 * target.multiprocessors() / (blocks * fewest), atLeast);
      int64_t warps = isAlone && dot == CudaDot::Mma ? 8 : 4, keys = isAlone || dot == CudaDot::Fma ? 64 : 256;
      auto few =
          CudaAttentionScheduleAttr::get(context, RowRegime::Few, 1, heads, warps, tuning.keys ? tuning.keys : keys,
                                         tuning.splits ? tuning.splits : std::clamp<int64_t>(splits, 1, 32), dot);
      kernel.setScheduleAttr(few);
      SmallVector<Attribute> workspaces;
      for (Type type : cuda::attentionFewWorkspaces(attention, few))
        workspaces.push_back(TypeAttr::get(type));
      if (!workspaces.empty())
        kernel.setWorkspaceAttr(ArrayAttr::get(context, workspaces));
      return success();
    }
    // Blocks of 128 pairs of a row and a head, with a multiprocessor each, in groups of four warps.
    int64_t page = attention.getKv().getType().getPage();
    if (target.hasWgmma() && maxRows > kMediumRows && (head == 64 || head == 128) && page % 16 == 0 &&
        (page % kWgmmaKeys == 0 || kWgmmaKeys % page == 0)) {
      heads = std::min<int64_t>(group & -group, 4);
      kernel.setScheduleAttr(CudaAttentionScheduleAttr::get(context, RowRegime::Many, 128 / heads, heads, /*warps=*/8,
                                                            kWgmmaKeys, 1, CudaDot::Wgmma));
      return success();
    }
    // Blocks of 128 pairs of a row and a head: keys and values come from the L2 cache at half the rate that it can
    // give. Two tiles of 16 in a warp halve what ldmatrix reads; with one there are as many warps in half the blocks.
    heads = largestDivisor(group, 4);
    bool isWide = head > 128;
    int64_t tokens = 16 * std::max<int64_t>((isWide ? 4 : 8) / heads, 1);
    int64_t tilesOfWarp = !isWide && maxRows > kMediumRows ? 2 : 1;
    kernel.setScheduleAttr(CudaAttentionScheduleAttr::get(
        context, RowRegime::Many, tokens, heads, heads * tokens / 16 / tilesOfWarp, isWide ? 32 : 64, 1, CudaDot::Mma));
    return success();
  }

  static int64_t largestDivisor(int64_t number, int64_t most) {
    int64_t divisor = std::min(number, most);
    while (number % divisor)
      --divisor;
    return divisor;
  }

  /// Elements of K in a stage (a row of 128 bytes, the width of a swizzle); shared memory of a block, less what the
  /// barriers of the stages take, and the part of it through which a warp's sums leave its registers.
  static constexpr int64_t kDepth = 64, kSharedBytes = 224 * 1024, kWarpBytes = 4 * 1024;

  ModuleOp module;
  MLIRContext *context;
  const cuda::CudaTarget &target;
  const LlamaSelectSchedulesOptions &tuning;
  /// Of the program.
  int64_t minRows = 0, maxRows = 0;
  bool isDecode = false;
};

} // namespace

LogicalResult selectCudaSchedules(ModuleOp module, const cuda::CudaTarget &target,
                                  const LlamaSelectSchedulesOptions &tuning) {
  return CudaSelector(module, target, tuning).run();
}

} // namespace quipu::codegen
