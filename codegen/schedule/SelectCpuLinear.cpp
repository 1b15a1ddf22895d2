//===- SelectCpuLinear.cpp - Schedules of linear kernels for CPUs ------------===//
//
// Over few rows a kernel reads its weight once, and a run of weight rows makes a vector of results. Over many rows
// accumulators of a tile fill the registers, and the tiles of input that a pass over the weight serves fill the L2.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Arguments.h"
#include "codegen/common/LinearRegion.h"
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/ArgMax.h"
#include "codegen/cpu/LogProb.h"
#include "codegen/cpu/NumberProduct.h"
#include "codegen/schedule/ChosenNumber.h"
#include "codegen/schedule/Select.h"
#include "codegen/schedule/SelectCpu.h"

#include "ir/Llama/Decisions.h"
#include "ir/Llama/ScheduleLimits.h"
#include "mlir/IR/TypeUtilities.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// Features of a tile over few rows that an epilogue computes in one vector.
constexpr int64_t kFewRun = 8;
/// The same where the rows lie interleaved and a run is long.
constexpr int64_t kLongRun = 32;
/// Rows of each run that a kernel over few rows reads side by side. Two rows of one run often begin in the same page
/// of 4 KiB, where hardware follows one stream only.
constexpr int64_t kStreams = 1;
/// Groups of interleaved rows that are read side by side where hardware reads ahead within pages (docs/performance.md).
constexpr int64_t kStreamsWithinPages = 4;
/// The same where hardware reads ahead a little too late (docs/performance.md).
constexpr int64_t kStreamsWhereLittleLate = 2;
/// The distance of prefetch in bytes: of weights in large blocks, and of all weights where hardware reads ahead within
/// pages, or too late (docs/performance.md). Where it reads ahead within pages, rows of large blocks that lie in order
/// gain by more. Where it reads ahead too late, so do all weights whose bytes take many instructions. Where it is a
/// little too late, near requests are enough, and those of two streams of small blocks are nearer.
constexpr int64_t kPrefetchOfBlocks = 2560, kPrefetchWithinPages = 2048, kPrefetchOfBlocksWithinPages = 3072,
                  kPrefetchWhereLate = 4096, kPrefetchOfWorkWhereLate = 6144, kPrefetchWhereLittleLate = 1024,
                  kPrefetchOfWorkWhereLittleLate = 2048;
/// Packed input rows that one pass over a weight serves fill half of the L2. Where processors have no AVX-512, only
/// products of f32 ask for that, since they read most bytes for their work.
constexpr int64_t kLeastInputBytes = 512 * 1024;
/// Vectors of input in a tile, beside as many accumulators as fill 32 registers with them.
constexpr int64_t kVectors = 3;
constexpr const char *kTilesAreForMany = "tiles of the hardware are for many rows";

/// A kind of dot product. `whyNot` is empty if the kernel can have it; else it has the next one of a list.
struct DotCandidate {
  DotKind dot;
  StringRef whyNot, why;
};

/// Rows of a run, and vectors of the input, of a tile over many rows.
struct Tile {
  int64_t run, vectors;
  StringRef why;
};

class CpuLinearSelector {
public:
  CpuLinearSelector(KernelOp kernel, LinearOp linear, const CpuProgram &program)
      : kernel(kernel), linear(linear), program(program), target(program.target), tuning(program.tuning),
        lanes(target.lanes()), input(cast<RankedTensorType>(linear.getInput().getType())),
        // Output rows are few even in prefill.
        many(program.tokenLanes && getTokenLanes(linear.getResult().getType())) {}

  void schedule() {
    QUIPU_CHOICE(Chosen, kernel, "rows", many ? "rows = many" : "rows = few")
        << (many                 ? "rows of tokens lie in lanes"
            : program.tokenLanes ? "it has output rows, which are few in each program"
                                 : "the program has few rows");
    if (lanes < kLanesLimit.high)
      QUIPU_CHOICE(Refused, kernel, "lanes", "lanes = " + Twine(kLanesLimit.high)) << "the target has no avx512f";
    QUIPU_CHOICE(Chosen, kernel, "lanes", "lanes = " + Twine(lanes)) << "f32 elements of the widest vector register";
    DotKind dot = chooseDot();
    auto schedule = many ? manyRows(dot) : fewRows(dot);
    kernel.setScheduleAttr(schedule);
    if (many)
      setWorkspaces(dot);
    else if (find<SampleOp>(kernel))
      setTileWorkspace<cpu::BestOfTiles>(schedule);
    else if (find<LogProbOp>(kernel))
      setTileWorkspace<cpu::SoftmaxOfTiles>(schedule);
  }

private:
  CpuLinearScheduleAttr fewRows(DotKind dot) {
    if (interleaveOf(linear.getWeight().getType()) > 1)
      return interleavedRows(dot);
    int64_t run = number("run", tuning.fewRun, kFewRun, "the features that an epilogue computes in one vector");
    QUIPU_CHOICE(Refused, kernel, "streams", "streams > " + Twine(kStreams))
        << "rows of a run often begin in one page, where hardware follows one stream";
    int64_t streams = number("streams", tuning.streams, kStreams, "rows are read one after the other");
    int64_t prefetch = choosePrefetch(dot, streams);
    SumOrder sums = program.inOrder ? SumOrder::InOrder : SumOrder::Lanes;
    if (program.inOrder)
      QUIPU_CHOICE(Chosen, kernel, "sums", "sums = in_order")
          << "an option asks for the same bits over few and over many rows";
    return CpuLinearScheduleAttr::get(kernel.getContext(), RowRegime::Few, lanes, run, /*vectors=*/1, /*rowTiles=*/1,
                                      dot, prefetch, std::min(streams, run), sums);
  }

  /// Few rows where a lane has a row of the weight. Hardware reads ahead best where a run is followed by the next one
  /// in memory. So a run of a rotation is half of a head, whose halves are neighbours. Gate and up are far apart, so
  /// their runs are long. Other runs follow each other anyway, and short ones balance the threads. But where hardware
  /// stops looking ahead at the end of each page, several groups of rows are read side by side, each in pages of its
  /// own. And where it is a little too late, the two runs of a tile are parts of two streams, which give more than one.
  CpuLinearScheduleAttr interleavedRows(DotKind dot) {
    int64_t run = lanes;
    StringRef why = "a lane has a row of the weight";
    if (find<GateOp>(kernel)) {
      run = kLongRun;
      why = "gate and up are far apart, and hardware looks ahead in long runs";
    } else if (target.readsAheadWithinPages() && linear.getWeight().getType().getDimSize(0) % kLongRun == 0) {
      run = kLongRun;
      why = "its groups of rows are read side by side";
    }
    if (auto rotate = find<RotateOp>(kernel)) {
      run = runOfHalf(rotate.getHeadDim() / 2);
      why = "runs are neighbours where they have half of a head";
    }
    run = number("run", tuning.fewRun, run, why);
    int64_t streams = 1;
    why = "hardware follows one stream";
    if (target.readsAheadWithinPages()) {
      streams = kStreamsWithinPages;
      why = "hardware looks ahead within a page, and each group of rows has its own";
    } else if (target.readsAheadLittleTooLate()) {
      streams = kStreamsWhereLittleLate;
      why = "hardware looks ahead a little too late, and gives more of two long streams";
    }
    streams = number("streams", tuning.streams, streams, why);
    return CpuLinearScheduleAttr::get(kernel.getContext(), RowRegime::Few, lanes, run, /*vectors=*/1, /*rowTiles=*/1,
                                      dot, choosePrefetch(dot, streams), std::min(streams, run), SumOrder::Lanes);
  }

  static bool isLarge(BlockType block) { return block.getFormat()->blockElements > cpu::kIntegersTogether; }

  /// The longest run of whole vectors that divides half of a head.
  int64_t runOfHalf(int64_t half) {
    int64_t run = std::min(half, kFewRunLimit.high) / lanes * lanes;
    while (half % run)
      run -= lanes;
    return run;
  }

  CpuLinearScheduleAttr manyRows(DotKind dot) {
    Tile tile = chooseTile(dot);
    int64_t run = number("run", tuning.run, tile.run, tile.why);
    int64_t vectors = number("vectors", tuning.vectors, tile.vectors, tile.why);
    if (usesTiles(dot))
      vectors = std::min(vectors, mostTileVectors(dot));
    int64_t inputBits = dot == DotKind::Int16          ? 16
                        : cpu::multipliesIntegers(dot) ? 8
                        : dot == DotKind::Fma          ? 32 // It is widened first.
                                                       : input.getElementType().getIntOrFloatBitWidth();
    int64_t tileBytes = cpu::NumberProduct::inputsOfPart(input.getDimSize(1), dot) * lanes * inputBits / 8;
    int64_t blockBytes = target.l2Bytes() / 2;
    if (dot != DotKind::Fma)
      blockBytes = std::max(blockBytes, kLeastInputBytes);
    int64_t rowTiles = std::max<int64_t>(blockBytes / tileBytes / vectors, 1) * vectors;
    rowTiles = number("rowTiles", tuning.rowTiles, rowTiles,
                      "its input fills half of an L2 of " + std::to_string(2 * blockBytes / 1024) + " KiB");
    return CpuLinearScheduleAttr::get(kernel.getContext(), RowRegime::Many, lanes, run, vectors, rowTiles, dot,
                                      /*prefetch=*/0, /*streams=*/0, SumOrder::Lanes);
  }

  /// A number of the schedule: what an option asks for, or else what is chosen.
  int64_t number(StringRef name, int64_t option, int64_t chosen, StringRef why, int64_t unsaid = 0) {
    return chosenNumber(kernel, program.isTuned, name, option, chosen, why, unsaid);
  }

  DotKind chooseDot() {
    SmallVector<DotCandidate> candidates = linear.getInput().getDefiningOp<QuantizeOp>() ? integerDots() : floatDots();
    for (const auto &[dot, whyNot, why] : candidates) {
      std::string candidate = ("dot = " + stringifyDotKind(dot)).str();
      if (whyNot.empty()) {
        QUIPU_CHOICE(Chosen, kernel, "dot", candidate) << why;
        return dot;
      }
      QUIPU_CHOICE(Refused, kernel, "dot", candidate) << whyNot;
    }
    llvm_unreachable("the last kind is for all kernels");
  }

  /// Of a kernel whose input is rounded to integers. Without instructions for dot products of bytes, signed bytes take
  /// two more instructions for each product, which many rows feel.
  SmallVector<DotCandidate> integerDots() {
    auto block = cast<BlockType>(getElementTypeOrSelf(linear.getWeight()));
    bool isSigned = block.getFormat()->block->integers.isSigned;
    return {{DotKind::AmxInt8,
             !many                 ? kTilesAreForMany
             : target.hasAmxInt8() ? ""
                                   : "the target has no tiles of integers (amx-int8)",
             "a tile of the hardware makes the most products at once"},
            {DotKind::Int8, target.hasInt8Dot() ? "" : "the target has no dot products of bytes (avx512vnni, avxvnni)",
             "one instruction multiplies four bytes and adds"},
            {DotKind::Int8Pairs,
             lanes != 8         ? "pairs of bytes have 8 lanes"
             : many && isSigned ? "signed bytes take two more instructions for each product"
                                : "",
             "one instruction multiplies pairs of bytes"},
            {DotKind::Int16, "", "one instruction multiplies pairs of words"}};
  }

  SmallVector<DotCandidate> floatDots() {
    auto weight = cast<RankedTensorType>(linear.getWeight().getType());
    const char *noPairs = !target.hasBf16Dot() ? "the target has no dot products of bf16 (avx512bf16)"
                          : !input.getElementType().isBF16() || !weight.getElementType().isBF16()
                              ? "it does not multiply bf16 by bf16"
                          : !program.hasPairs || (many && !program.packed) ? "pairs of bf16 are not packed"
                                                                           : "";
    const char *noTiles = !many                  ? kTilesAreForMany
                          : program.inOrder      ? "they add in an order that few rows do not have"
                          : !target.hasAmxBf16() ? "the target has no tiles of bf16 (amx-bf16)"
                          : weight.getDimSize(1) % cpu::kBf16InTile != 0 ? "rows do not divide into tiles"
                                                                         : noPairs;
    return {{DotKind::AmxBf16, noTiles, "a tile of the hardware makes the most products at once"},
            {DotKind::Bf16, noPairs, "one instruction multiplies pairs of bf16 and adds"},
            {DotKind::Fma, "", "numbers are multiplied as f32"}};
  }

  Tile chooseTile(DotKind dot) {
    if (usesTiles(dot))
      return {kRunLimit.high, mostTileVectors(dot), "as many rows as a tile of the hardware has"};
    bool few = target.vectorRegisters() != 32;
    // Products of integers have two accumulators each, of i32 and of f32.
    if (cpu::multipliesIntegers(dot)) {
      if (few)
        return {2, 2, "sums of i32 fill the 16 registers; sums of f32 wait in memory"};
      return {2, kVectors, "sums of i32 and f32 fill the 32 registers"};
    }
    if (few)
      return {2, kVectors, "4 x 3 sums fill the 16 registers"};
    if (dot == DotKind::Fma) {
      const char *noThrees = find<RotateOp>(kernel) ? "rows of heads do not divide by three"
                             : program.packed       ? "three features do not divide into pairs"
                                                    : nullptr;
      if (!noThrees)
        return {3, 4, "6 x 4 sums load less for each product than 8 x 3"};
      QUIPU_CHOICE(Refused, kernel, "run", "run = 3 and vectors = 4") << noThrees;
    }
    return {4, kVectors, "8 x 3 sums fill the 32 registers beside a vector of weights and 3 of input"};
  }

  /// How many bytes ahead of its use a weight is requested. Hardware follows the two streams of a kernel by itself, and
  /// requests cost time. But some hardware stops at the end of each page, and some looks ahead too late, or a little
  /// too late. Code for a base level may meet either, and has requests where bytes take many instructions. And products
  /// of large blocks whose rows lie in order take so long that hardware stops looking ahead.
  int64_t choosePrefetch(DotKind dot, int64_t streams) {
    auto chosen = [&](int64_t distance, StringRef why) {
      return number("prefetch", tuning.prefetch, distance, why, /*unsaid=*/-1);
    };
    auto block = dyn_cast<BlockType>(getElementTypeOrSelf(linear.getWeight()));
    bool isInterleaved = interleaveOf(linear.getWeight().getType()) > 1;
    bool hasLargeRows = block && isLarge(block) && !isInterleaved;
    if (target.readsAheadWithinPages())
      return hasLargeRows
                 ? chosen(kPrefetchOfBlocksWithinPages,
                          "hardware looks ahead to the end of a page only, and rows of large blocks gain by more")
                 : chosen(kPrefetchWithinPages, "hardware looks ahead to the end of a page only");
    // Rows of small blocks that lie in order would ask for each line several times.
    if (target.readsAheadLittleTooLate() && (!block || hasLargeRows || isInterleaved)) {
      bool isNear = !block || (streams > 1 && !isLarge(block));
      return chosen(isNear ? kPrefetchWhereLittleLate : kPrefetchOfWorkWhereLittleLate,
                    "hardware looks ahead a little too late for products");
    }
    // Integers of 8 bits are multiplied nearly as they lie in memory, if an instruction does so.
    bool isWork = block && (dot != DotKind::Int8 || block.getFormat()->block->integers.bits() < 8);
    if (isWork && target.readsAheadTooLate())
      return chosen(kPrefetchOfWorkWhereLate,
                    "hardware looks ahead too late for products, and bytes of these take many instructions");
    if (isWork && target.tunesForAll())
      return chosen(kPrefetchOfWorkWhereLate, "hardware that looks ahead too late loses half without requests");
    if (target.readsAheadTooLate())
      return chosen(kPrefetchWhereLate, "hardware looks ahead too late for products");
    if (hasLargeRows)
      return chosen(kPrefetchOfBlocks, "products of large blocks take so long that hardware stops looking ahead");
    QUIPU_CHOICE(Refused, kernel, "prefetch", "prefetch = " + Twine(kPrefetchOfBlocks))
        << "requests cost time, and the weight is not in large blocks whose rows lie in order";
    return chosen(0, "hardware looks ahead by itself");
  }

  /// Workspaces of a kernel over many rows.
  void setWorkspaces(DotKind dot) {
    SmallVector<Attribute> types;
    if (cpu::multipliesIntegers(dot)) {
      if (FailureOr<LinearRegion> region = LinearRegion::match(kernel); succeeded(region))
        for (Type type : cpu::quantizedWorkspaces(*region, dot, lanes))
          types.push_back(TypeAttr::get(type));
    } else if (auto norm = find<RMSNormOp>(kernel)) {
      types.push_back(TypeAttr::get(norm.getResult().getType()));
    }
    if (!types.empty())
      kernel.setWorkspaceAttr(ArrayAttr::get(kernel.getContext(), types));
  }

  /// The workspace of a kernel over few rows whose tiles leave something for the whole row: `OfTiles` says what.
  template <typename OfTiles> void setTileWorkspace(CpuLinearScheduleAttr schedule) {
    if (FailureOr<cpu::LinearTiles> region = cpu::LinearTiles::match(kernel); succeeded(region))
      kernel.setWorkspaceAttr(
          ArrayAttr::get(kernel.getContext(), TypeAttr::get(OfTiles::workspace(*region, schedule))));
  }

  KernelOp kernel;
  LinearOp linear;
  const CpuProgram &program;
  const cpu::CpuTarget &target;
  const LlamaSelectSchedulesOptions &tuning;
  int64_t lanes;
  RankedTensorType input;
  bool many;
};

} // namespace

void scheduleCpuLinear(KernelOp kernel, LinearOp linear, const CpuProgram &program) {
  CpuLinearSelector(kernel, linear, program).schedule();
}

} // namespace quipu::codegen
