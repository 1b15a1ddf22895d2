//===- SelectCudaLinear.cpp - Schedules of linear kernels for GPUs ------------===//
//
// Steps of up to 8 rows spend their time on reading the weight. The warps of a block divide a tile of 16 weight rows.
// For one row each multiprocessor may instead stream an equal share of the weight through a ring in shared memory. It
// is fastest for the short kernels of small models. Wide matrices have tiles of wgmma for one row as for more.
//
// Steps of up to 64 rows still spend it on the weight, but need tensor cores at full rate. Each multiprocessor takes an
// equal share of the weight's rows. With wgmma this is so from two rows on, and up to 128.
//
// Larger steps spend it on arithmetic, in tiles of 128 rows of the input.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/linear/ManyTiles.h"
#include "codegen/cuda/linear/RowSoftmax.h"
#include "codegen/schedule/ChosenNumber.h"
#include "codegen/schedule/RowBounds.h"
#include "codegen/schedule/SelectCuda.h"
#include "ir/Llama/Decisions.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// Rows of operand A in a tile of wgmma.
constexpr int64_t kTileRows = 128;
/// Most rows of operand B in a tile of wgmma.
constexpr int64_t kMaxTileWidth = 256;
/// Elements of a row in a stage of many rows: 128 bytes, the width of a swizzle.
constexpr int64_t kStageElements = 64;
/// Most rows of a step whose stages have twice as many elements.
constexpr int64_t kDeepRows = 32;
/// The thread that requests copies needs up to 0.3 us for a stage, in which an H200 reads 10 KiB for each
/// multiprocessor. So a stage that has fewer bytes of the weight than this has twice as many elements: with up to
/// kFewRows rows, and with up to kOneTileRows, where the input needs room too.
constexpr int64_t kFewRowsStageBytes = 16 * 1024, kOneTileStageBytes = 8 * 1024;
/// Weights that a block requests at once while the kernel in front still works, in KiB: with up to kDeepRows rows, and
/// with up to kOneTileRows.
constexpr int64_t kDeepBurst = 64, kOneTileBurst = 32;
/// Shared memory of a block that stages and sums may take. The barriers of the stages have the rest.
constexpr int64_t kTileSharedBytes = 224 * 1024;
/// Shared memory through which the sums of one warp leave its registers.
constexpr int64_t kWarpSumBytes = 4 * 1024;

/// The ring of one row. These numbers were measured on an H100 (docs/performance.md). Elements of a weight row in a
/// stage, and the numbers of stages that CudaLinearRingScheduleAttr explains:
constexpr int64_t kRingDepth = 1024, kRingStages = 6, kRingAfterWait = 2, kRingInFlightBeforeWait = 2,
                  kRingInFlight = 3, kRingWarps = 8;
/// From so many rows and so many columns on, one row of the input has a tile of wgmma. On an H200 the ring takes up to
/// a third longer there at some numbers of cached positions (docs/performance.md).
constexpr int64_t kWideMatrix = 4096;
/// Weight rows of a stage of the ring.
constexpr int64_t kRingRows = 8;
/// Most bytes that the emitter adds to a row in shared memory (rowStride in LinearRing.h).
constexpr int64_t kRingPaddingBytes = 128;
/// Shared memory of the ring's emitter for sums and barriers.
constexpr int64_t kRingSumBytes = 10 * 1024;
/// Shared memory that the driver takes of each block.
constexpr int64_t kDriverBytes = 1024;

class LinearSelector {
public:
  LinearSelector(LinearRegion &region, const CudaProgram &program)
      : region(region), program(program), target(program.target), tuning(program.tuning),
        context(region.kernel.getContext()), maxRows(program.maxRows), inputs(region.inputs()),
        outputs(region.outputs()), inputType(getElementTypeOrSelf(region.linear.getInput())),
        weightType(getElementTypeOrSelf(region.linear.getWeight())) {}

  LogicalResult schedule() {
    KernelOp kernel = region.kernel;
    // Rows of matrices are read in pieces of 16 bytes, so they begin at multiples of that.
    int64_t elementBytes = std::min(inputType.getIntOrFloatBitWidth(), weightType.getIntOrFloatBitWidth()) / 8;
    int64_t multiple = 16 / elementBytes;
    if (inputs % multiple)
      return kernel.emitOpError() << "multiplies rows of " << inputs << " elements; CUDA kernels need a multiple of "
                                  << multiple << " for this type";
    overwriteResidual();
    bool tensorCores = suitTensorCores(inputType, weightType);
    if (!tensorCores)
      QUIPU_CHOICE(Refused, kernel, "products", "tensor cores")
          << "it multiplies " << inputType << " by " << weightType;
    std::string noRing = whyNoRing(tensorCores);
    if (!noRing.empty()) {
      QUIPU_CHOICE(Refused, kernel, kWeights, "ring") << noRing;
    } else {
      if (CudaLinearRingScheduleAttr ring = ringSchedule()) {
        QUIPU_CHOICE(Chosen, kernel, kWeights, "a ring") << "the program has one row";
        kernel.setScheduleAttr(ring);
        return success();
      }
      QUIPU_CHOICE(Refused, kernel, kWeights, "ring")
          << "an input of " << inputs << " elements leaves no room in shared memory";
      if (asksForRing())
        return kernel.emitOpError() << "has no room for a ring beside an input of " << inputs
                                    << " elements in shared memory; leave the ring-* options out, or make ring-depth "
                                       "smaller";
    }
    int64_t few = target.hasWgmma() ? kFewRowsBesideWgmma : kFewRows;
    if (!tensorCores || (maxRows <= few && !tuning.deterministic && !isWide())) {
      QUIPU_CHOICE(Chosen, kernel, kWeights, "the weight comes into registers")
          << (tensorCores ? ("at most " + Twine(few) + (few == 1 ? " row" : " rows")).str()
                          : std::string("there are no tensor cores for it"));
      kernel.setScheduleAttr(fewSchedule(tensorCores ? CudaDot::Mma : CudaDot::Fma));
      return success();
    }
    // A prompt asks for the logits of its last row. So of a long step about as many rows are selected as there are
    // sequences, seldom more. A program that scores selects all.
    bool scores = region.has<LogProbStage>();
    if (region.gather() && !program.isDecode && !scores)
      maxRows = std::min(maxRows, std::max(program.maxSequences, kOneTileRows));
    bool oneTile = maxRows <= (target.hasWgmma() ? kHighTileRows : kOneTileRows);
    QUIPU_CHOICE(Refused, kernel, kWeights, "registers for the weight")
        << (maxRows > few
                ? ("the program has up to " + Twine(maxRows) + " rows, of which they serve " + Twine(few)).str()
            : tuning.deterministic ? kOneOrder.str()
                                   : std::string("wide matrices have tiles"));
    QUIPU_CHOICE(Chosen, kernel, "tiles", oneTile ? "one tile" : "tiles of rows")
        << (!oneTile                    ? "the program has many"
            : maxRows < program.maxRows ? "of a long step few rows are selected"
                                        : "the program has few rows");
    QUIPU_CHOICE(Chosen, kernel, "products", target.hasWgmma() ? "wgmma" : "mma")
        << "the target has" << (target.hasWgmma() ? " it" : " no wgmma");
    CudaLinearManyScheduleAttr schedule = target.hasWgmma() ? wgmmaSchedule(oneTile) : mmaSchedule(oneTile);
    kernel.setScheduleAttr(schedule);
    SmallVector<Attribute> workspaces;
    if (RMSNormOp norm = region.norm())
      workspaces.push_back(TypeAttr::get(norm.getResult().getType()));
    if (scores)
      workspaces.push_back(TypeAttr::get(cuda::RowSoftmax::workspace(region, schedule)));
    if (!workspaces.empty())
      kernel.setWorkspaceAttr(ArrayAttr::get(context, workspaces));
    return success();
  }

private:
  /// How the weight comes to the products, as a choice is called.
  static constexpr StringLiteral kWeights{"weights"};
  /// What is operand A of wgmma, as a choice is called.
  static constexpr StringLiteral kFirst{"first operand"};
  /// Why kernels of a deterministic module are all of one kind.
  static constexpr StringLiteral kOneOrder{"a row has one order of sums in all programs"};

  /// Why a program's weight cannot come through a ring, as far as it is known before room is looked for. Empty if it
  /// can.
  std::string whyNoRing(bool tensorCores) {
    if (!tensorCores)
      return "it has no tensor cores";
    if (tuning.deterministic)
      return kOneOrder.str();
    if (!target.hasRings())
      return target.arch + " has no bulk copies";
    if (maxRows != 1)
      return ("the program has up to " + Twine(maxRows) + " rows").str();
    if (!tuning.ring)
      return "option ring is false";
    if (isWide() && !asksForRing())
      return ("a tile serves matrices of " + Twine(kWideMatrix) + " rows and columns or more better").str();
    if (inputs % 32 != 0)
      return ("rows of " + Twine(inputs) + " elements are no multiple of 32").str();
    return "";
  }

  /// Whether tiles serve one row better than a ring or registers.
  bool isWide() const { return target.hasWgmma() && std::min(inputs, outputs) >= kWideMatrix; }
  bool asksForRing() const {
    return tuning.ringDepth || tuning.ringStages || tuning.ringAfterWait || tuning.ringInFlightBeforeWait ||
           tuning.ringInFlight;
  }

  /// Lets the result overwrite the residual: all linear emitters for CUDA read an element of the residual in the thread
  /// that stores this element of the result.
  void overwriteResidual() {
    const auto *stage = region.find<ResidualStage>();
    if (!stage)
      return;
    auto residual = cast<BlockArgument>(stage->other);
    if (residual.hasOneUse() && residual.getType() == AddOp(stage->op).getType())
      region.kernel.setOverwrites({static_cast<int64_t>(residual.getArgNumber())});
  }

  /// A ring in half of a multiprocessor's shared memory, beside the input. So it fills while the kernel in front still
  /// runs. Null where the input leaves no room for two stages.
  CudaLinearRingScheduleAttr ringSchedule() {
    int64_t depth = std::min<int64_t>(tuning.ringDepth ? tuning.ringDepth : kRingDepth, inputs);
    int64_t blockBytes = (target.sharedBytes() + kDriverBytes) / 2 - kDriverBytes;
    int64_t inputBytes = inputs * 2 + kRingPaddingBytes;
    int64_t roomBytes = blockBytes - kRingSumBytes - inputBytes;
    int64_t stageBytes = kRingRows * (depth * 2 + kRingPaddingBytes);
    if (roomBytes < 2 * stageBytes)
      return {};
    (void)number("depth", tuning.ringDepth ? depth : 0, std::min(kRingDepth, inputs),
                 inputs <= kRingDepth ? "whole rows of the weight fit into a stage"
                                      : "stages of so many elements were fastest on an H100");
    // Where there is less room than an option asks for, the room decides.
    auto fit = [&](int64_t most) { return std::clamp<int64_t>(roomBytes / stageBytes, 2, most); };
    int64_t stages = number("stages", tuning.ringStages ? fit(tuning.ringStages) : 0, fit(kRingStages),
                            "half of the shared memory, without the input, has room for " +
                                Twine(roomBytes / stageBytes) + "; more than " + Twine(kRingStages) + " bring nothing");
    constexpr StringLiteral kMeasured = "it was fastest on an H100; more bytes under way delay the barriers";
    auto atMost = [&](StringRef name, int64_t option, int64_t chosen, int64_t most) {
      return number(name, option ? std::min(option, most) : 0, std::min(chosen, most), kMeasured);
    };
    int64_t inFlight = atMost("inFlight", tuning.ringInFlight, kRingInFlight, stages);
    return CudaLinearRingScheduleAttr::get(
        context, depth, stages, atMost("afterWait", tuning.ringAfterWait, kRingAfterWait, stages - 1),
        atMost("inFlightBeforeWait", tuning.ringInFlightBeforeWait, kRingInFlightBeforeWait, inFlight), inFlight,
        kRingWarps, canScaleAfter());
  }

  CudaLinearFewScheduleAttr fewSchedule(CudaDot dot) {
    int64_t steps = llvm::divideCeil(inputs, dot == CudaDot::Mma ? 32 : 16);
    QUIPU_CHOICE(Chosen, region.kernel, "dot", "dot = " + stringifyCudaDot(dot))
        << (dot == CudaDot::Mma ? "16 rows of the weight are an operand of mma"
                                : "tensor cores do not multiply these types");
    int64_t warps =
        number("warps", tuning.warps ? std::min<int64_t>(tuning.warps, steps) : 0, std::min<int64_t>(8, steps),
               "they divide the sum over " + Twine(inputs) + " elements, " + Twine(steps) + " steps of it");
    // All loads of a short row are requested at once. Of a long row the two blocks of a multiprocessor request 64 KiB;
    // more would delay the input when it is ready.
    int64_t loads = 2 * llvm::divideCeil(steps, warps), ahead = loads <= 16 ? 16 : 8;
    ahead = number("ahead", tuning.ahead, ahead,
                   loads <= 16 ? "all loads of a row are requested at once"
                               : "of a long row more loads at once would delay the input");
    return CudaLinearFewScheduleAttr::get(context, /*tokens=*/8, warps, ahead, dot, canScaleAfter());
  }

  /// Whether the scale of the norm may be applied to the sums. In f16 the products could overflow before it.
  bool canScaleAfter() const { return !inputType.isF16(); }

  /// Many rows with mma.sync.
  CudaLinearManyScheduleAttr mmaSchedule(bool oneTile) {
    QUIPU_CHOICE(Chosen, region.kernel, "size of tiles", oneTile ? "64 x 64" : "128 x 128")
        << (oneTile ? "narrow tiles of the weight give all multiprocessors one"
                    : "a warp has 64 x 64 sums, which reads the least of shared memory for each product");
    if (oneTile)
      return CudaLinearManyScheduleAttr::get(context, /*tokens=*/64, /*rows=*/64, /*depth=*/64, /*stages=*/4,
                                             /*warps=*/4, CudaDot::Mma, /*weight_first=*/false, /*persistent=*/false,
                                             /*ahead=*/true, /*cluster=*/1, /*burst=*/0);
    // A warp has 64 x 64 sums, which reads the least of shared memory for each product. A block takes 48 KiB, so two
    // blocks share a multiprocessor, of sm_86 and sm_89 too.
    return CudaLinearManyScheduleAttr::get(context, /*tokens=*/128, /*rows=*/128, /*depth=*/32, /*stages=*/3,
                                           /*warps=*/4, CudaDot::Mma, /*weight_first=*/false, /*persistent=*/false,
                                           /*ahead=*/false, /*cluster=*/1, /*burst=*/0);
  }

  /// Many rows with wgmma and copies by tensor maps.
  CudaLinearManyScheduleAttr wgmmaSchedule(bool oneTile) {
    // The weight is operand A where prompts are long. Rows of a prompt may be alike, and then this takes less energy.
    // In a deterministic module all kernels that score have it so, because the logits of a score are added by tiles.
    bool isOrderedScore = tuning.deterministic && region.has<LogProbStage>();
    bool weightFirst = !oneTile && (maxRows > kMediumRows || isOrderedScore) && tuning.weightFirst;
    if (weightFirst)
      QUIPU_CHOICE(Chosen, region.kernel, kFirst, "the weight")
          << (maxRows > kMediumRows ? "rows of a long prompt may be alike, and as operand B they take less energy"
                                    : kOneOrder.data());
    else
      QUIPU_CHOICE(Chosen, region.kernel, kFirst, "the input")
          << (oneTile || maxRows <= kMediumRows ? "the program has no long prompts" : "option weight-first is false");
    int64_t cluster = clusterBlocks(oneTile), rows = kTileRows;
    int64_t tokens = maxRows <= kOneTileRows ? kOneTileRows : kTileRows;
    if (weightFirst)
      tokens = number("tokens", tuning.rows, tileWidth(outputs, maxRows, cluster), "the width of tiles");
    else if (oneTile)
      rows = number("rows", tuning.rows, evenShare(),
                    "so all " + Twine(target.multiprocessors()) + " multiprocessors have equally many tiles of the " +
                        Twine(outputs) + " rows of the weight");
    else
      rows = number("rows", tuning.rows, tileWidth(maxRows, outputs, cluster), "the width of tiles");
    // Each has 16 rows of operand A.
    int64_t warps = (weightFirst ? rows : tokens) / 16;
    int64_t inputRows = cuda::inputRowsOfStage(tokens, weightFirst, cluster, maxRows);
    int64_t depth = stageDepth(rows);
    int64_t stageBytes = (inputRows + rows) * depth * 2, roomBytes = kTileSharedBytes - warps * kWarpSumBytes;
    int64_t mostStages = std::max<int64_t>(llvm::divideCeil(inputs, depth), 2);
    int64_t stages = number("stages", tuning.stages ? std::min<int64_t>(tuning.stages, mostStages) : 0,
                            std::min(std::clamp<int64_t>(roomBytes / stageBytes, 2, 32), mostStages),
                            "shared memory has room for " + Twine(roomBytes / stageBytes) + " of " +
                                Twine(stageBytes / 1024) + " KiB, and a row has " + Twine(mostStages));
    // Where a multiprocessor has several tiles, the weights of the next one arrive during the epilogue.
    bool persistent = !oneTile || outputs > rows * target.multiprocessors();
    QUIPU_CHOICE(Chosen, region.kernel, "blocks", persistent ? "blocks that stay" : "a block for each tile")
        << (persistent ? "a multiprocessor may have several tiles: the next one arrives while sums of this one leave"
                       : "no multiprocessor has more than one tile");
    bool ahead = maxRows <= kTwoTileRows && cluster == 1;
    return CudaLinearManyScheduleAttr::get(context, tokens, rows, depth, stages, warps, CudaDot::Wgmma, weightFirst,
                                           persistent, ahead, cluster, ahead ? burst() : 0);
  }

  /// Elements of a row in a stage of a tile with `rows` rows of the weight.
  int64_t stageDepth(int64_t rows) {
    if (maxRows > kOneTileRows)
      return kStageElements;
    // Steps of few rows are short, so that waiting for a stage counts. It counts half where stages are twice as deep.
    int64_t depth = maxRows <= kDeepRows ? 2 * kStageElements : kStageElements;
    int64_t leastBytes = maxRows <= kFewRows ? kFewRowsStageBytes : kOneTileStageBytes;
    return depth < inputs && rows * depth * 2 < leastBytes ? 2 * depth : depth;
  }

  /// Weights that a block requests at once before its input is there, in KiB. 0: all for which there is room.
  int64_t burst() {
    if (maxRows > kOneTileRows) {
      QUIPU_CHOICE(Chosen, region.kernel, "burst", "no burst") << "the step has more to do than to read the weight";
      return 0;
    }
    int64_t chosen = maxRows <= kDeepRows ? kDeepBurst : kOneTileBurst;
    QUIPU_CHOICE(Chosen, region.kernel, "burst", "burst = " + Twine(chosen))
        << "the kernel in front still uses memory, and waits behind what is requested";
    return chosen;
  }

  /// Weight rows of a block such that all multiprocessors have equally many tiles: a multiple of 16.
  int64_t evenShare() {
    int64_t multiprocessors = target.multiprocessors();
    int64_t waves = llvm::divideCeil(outputs, multiprocessors * kMaxTileWidth);
    return std::min<int64_t>(llvm::alignTo(llvm::divideCeil(outputs, multiprocessors * waves), 16), kMaxTileWidth);
  }

  /// Blocks of a cluster, which read a tile of the weight together. Where the number of row tiles is odd, one tile more
  /// is computed. That is too much for programs of medium steps, which may have one tile or three.
  int64_t clusterBlocks(bool oneTile) {
    auto alone = [&](StringRef why) {
      QUIPU_CHOICE(Chosen, region.kernel, "cluster", "cluster = 1") << why;
      return 1;
    };
    if (!target.has(cuda::CudaFeature::Clusters))
      return alone("the target has no clusters");
    if (oneTile || maxRows <= kTileRows)
      return alone("there is one tile of rows, so no two blocks read the same part of the weight");
    bool isLong = maxRows > kMediumRows;
    return number("cluster", tuning.cluster, isLong ? 2 : 1,
                  isLong ? "two blocks share each tile that they read"
                         : "of few tiles of rows an odd one, which a pair computes too, would be a large part");
  }

  /// Rows of operand B in a tile with which the product takes the least time. Operand A has `rowsA` rows and operand B
  /// `rowsB`. All multiprocessors work in rounds of one tile each. A round takes as long as the tile is wide, and
  /// kEndsCost more for the begin and end of the tile.
  int64_t tileWidth(int64_t rowsA, int64_t rowsB, int64_t cluster) {
    constexpr int64_t kEndsCost = 12, kStep = 32;
    // Narrower tiles read more of shared memory for each product. Where there are few tiles, more of them are worth it.
    int64_t minWidth = maxRows <= kTwoTileRows ? 64 : 96;
    int64_t best = kMaxTileWidth, bestCost = INT64_MAX;
    auto name = [](int64_t width) { return ("tiles of " + Twine(kTileRows) + " x " + Twine(width)).str(); };
    for (int64_t width = kMaxTileWidth; width >= minWidth; width -= kStep) {
      int64_t tiles = llvm::alignTo(llvm::divideCeil(rowsA, kTileRows), cluster) * llvm::divideCeil(rowsB, width);
      int64_t cost = llvm::divideCeil(tiles, target.multiprocessors()) * (width + kEndsCost);
      QUIPU_CHOICE(Considered, region.kernel, "width of tiles", name(width))
          << tiles << (tiles == 1 ? " tile" : " tiles") << ", cost " << cost;
      if (cost < bestCost)
        best = width, bestCost = cost;
    }
    QUIPU_CHOICE(Chosen, region.kernel, "width of tiles", name(best)) << "the least cost, " << bestCost;
    return best;
  }

  int64_t number(StringRef name, int64_t option, int64_t chosen, const Twine &why) {
    return chosenNumber(region.kernel, program.isTuned, name, option, chosen, why);
  }

  LinearRegion &region;
  const CudaProgram &program;
  const cuda::CudaTarget &target;
  const LlamaSelectSchedulesOptions &tuning;
  MLIRContext *context;
  int64_t maxRows;
  /// Elements of an input row and of a result row.
  int64_t inputs, outputs;
  Type inputType, weightType;
};

} // namespace

LogicalResult scheduleCudaLinear(KernelOp kernel, const CudaProgram &program) {
  FailureOr<LinearRegion> region = LinearRegion::match(kernel);
  return failed(region) ? failure() : LinearSelector(*region, program).schedule();
}

} // namespace quipu::codegen
