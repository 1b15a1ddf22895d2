//===- CheckSchedule.cpp - Whether a kernel can follow its schedule ------------===//

#include "codegen/cpu/CheckSchedule.h"
#include "codegen/common/Arguments.h"
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/ArgMax.h"
#include "codegen/cpu/InterleavedWeight.h"
#include "codegen/cpu/LogProb.h"

#include "ir/Llama/ScheduleLimits.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

bool readsBlocks(const WeightFormat &format) { return !format.block->codebook; }

namespace {

/// Fails with a diagnostic where a weight of the kernel lies in blocks that no emitter decodes.
LogicalResult expectDecodable(KernelOp kernel) {
  for (Type type : kernel.getArgumentTypes())
    if (auto block = dyn_cast<BlockType>(getElementTypeOrSelf(type)); block && !readsBlocks(*block.getFormat()))
      return kernel.emitOpError() << "has a weight " << type << "; kernels do not look values up in the table of "
                                  << block.getFormat()->name << ": let the runtime convert it";
  return success();
}

/// Fails with a diagnostic where an argument of the kernel has interleaved rows that its emitter cannot read.
/// `multiplied`: the weight that products read in that order (null: none). Embeddings decode any row.
LogicalResult expectReadableRows(KernelOp kernel, Value multiplied = {}) {
  for (Value argument : kernel.getBody().getArguments()) {
    if (interleaveOf(argument.getType()) == 1)
      continue;
    bool isTable = !argument.use_empty() && llvm::all_of(argument.getUsers(), llvm::IsaPred<EmbeddingOp>);
    if (argument != multiplied && !isTable)
      return kernel.emitOpError() << "has a weight " << argument.getType()
                                  << "; products with integers and embeddings alone read interleaved rows";
    if (!InterleavedWeight::canRead(*weightFormatOf(getElementTypeOrSelf(argument))))
      return kernel.emitOpError() << "has a weight " << argument.getType()
                                  << ", of which four neighbours do not lie in a word";
  }
  return success();
}

class ScheduleCheck {
public:
  ScheduleCheck(KernelOp kernel, const CpuTarget &target) : kernel(kernel), target(target) {}

  LogicalResult checkLinear(CpuLinearScheduleAttr schedule) {
    if (failed(expectDecodable(kernel)))
      return failure();
    LinearOp linear = *kernel.getOps<LinearOp>().begin();
    bool many = schedule.getRows() == RowRegime::Many;
    int64_t lanes = many ? schedule.getLanes() : 0;
    if (failed(checkIntegers(linear, schedule)) || failed(checkInterleaved(linear, schedule)) ||
        failed(checkChoice(schedule)) || failed(checkScores(schedule)))
      return failure();
    for (Type type : kernel.getResultTypes())
      if (failed(checkLayout(type, lanes)))
        return failure();
    auto quantize = linear.getInput().getDefiningOp<QuantizeOp>();
    Value input = quantize ? quantize.getInput() : linear.getInput();
    Type source = input.getType();
    auto norm = input.getDefiningOp<RMSNormOp>();
    if (norm) {
      source = norm.getInput().getType();
      if (many && !quantize && (!kernel.getWorkspace() || kernel.getWorkspace()->size() != 1))
        return refuse() << "keeps the normalised input in a workspace; the kernel needs one";
      if (many && !quantize)
        source = cast<TypeAttr>((*kernel.getWorkspace())[0]).getValue();
    }
    // The normalisation of few rows reads either.
    if ((many || !norm) && failed(checkLayout(source, lanes)))
      return failure();
    bool packed = llvm::any_of(kernel.getResultTypes(), isPacked);
    if (packed && schedule.getRun() % 2)
      return refuse() << "divides pairs of features, in which results lie: run must be even";
    auto rotates = kernel.getOps<RotateOp>();
    if (packed && llvm::any_of(rotates, [](RotateOp rotate) { return rotate.getHeadDim() % 4 != 0; }))
      return refuse() << "turns results that lie in pairs of features; heads of " << (*rotates.begin()).getHeadDim()
                      << " elements have an odd half, which ends inside of a pair";
    if (quantize && many && isPacked(source))
      return refuse() << "rounds one feature at a time; the input is " << source << ", in pairs of features";
    if (quantize)
      return success();
    return checkDot(schedule.getDot(),
                    {getElementTypeOrSelf(linear.getInput()), getElementTypeOrSelf(linear.getWeight())}, many,
                    isPacked(source));
  }

  LogicalResult checkAttention(CpuAttentionScheduleAttr schedule) {
    AttentionOp attention = *kernel.getOps<AttentionOp>().begin();
    bool many = schedule.getRows() == RowRegime::Many;
    int64_t lanes = many ? schedule.getLanes() : 0;
    KVLayerType cache = attention.getKv().getType();
    if (schedule.getKeys() != cache.getPage())
      return refuse() << "takes other tiles of keys than pages of " << cache.getPage();
    Type query = attention.getQuery().getType();
    if (failed(checkLayout(query, lanes)) || failed(checkLayout(attention.getResult().getType(), lanes)))
      return failure();
    bool packed = isPacked(query) || isPacked(attention.getResult().getType());
    if (packed && cache.getHeadDim() % 2)
      return refuse() << "has queries or results in pairs of features; heads of " << cache.getHeadDim()
                      << " elements end inside of a pair";
    return checkDot(schedule.getDot(), {getElementTypeOrSelf(attention.getQuery()), cache.getElementType()}, many,
                    isPacked(query));
  }

  /// The other emitters take a block for a row or for a tile of rows.
  LogicalResult checkPointwise(CpuPointwiseScheduleAttr schedule) {
    if (failed(expectDecodable(kernel)) || failed(expectReadableRows(kernel)))
      return failure();
    if (kernel.getBody().front().front().hasTrait<FindsRows>())
      return success();
    bool many = schedule.getRows() == RowRegime::Many;
    for (Type type : llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes()))
      if (isActivation(type) && failed(checkLayout(type, many ? schedule.getLanes() : 0)))
        return failure();
    if (many && schedule.getRowsPerBlock() != schedule.getLanes())
      return refuse() << "has blocks of " << schedule.getRowsPerBlock() << " rows; a block is a tile of "
                      << schedule.getLanes() << " rows, one in each lane";
    return success();
  }

private:
  InFlightDiagnostic refuse() {
    InFlightDiagnostic diagnostic = kernel.emitOpError();
    diagnostic << "has schedule " << kernel.getScheduleAttr() << ", which ";
    return diagnostic;
  }

  /// Products of integers need an input that is rounded to them, and a weight that lies in them.
  LogicalResult checkIntegers(LinearOp linear, CpuLinearScheduleAttr schedule) {
    bool rounded = linear.getInput().getDefiningOp<QuantizeOp>() != nullptr;
    DotKind dot = schedule.getDot();
    if (rounded != multipliesIntegers(dot))
      return refuse() << (rounded ? "multiplies no integers; the input is rounded by llama.quantize, which int8, "
                                    "int8_pairs, int16 and amx_int8 are for"
                                  : "multiplies integers; put llama.quantize in front of the product");
    if (!rounded)
      return success();
    Type weight = linear.getWeight().getType();
    if (!isa<BlockType>(getElementTypeOrSelf(weight)))
      return refuse() << "multiplies integers; the weight " << weight << " does not lie in blocks";
    auto quantize = linear.getInput().getDefiningOp<QuantizeOp>();
    if (quantize.getBlock() % kIntegersTogether)
      return refuse() << "multiplies " << kIntegersTogether << " integers together; the input has a scale for each "
                      << quantize.getBlock();
    if (dot == DotKind::Int8 && !target.hasInt8Dot())
      return refuse()
             << "has dot products of 8-bit integers, which need avx512vnni and avx512vl, or avxvnni in 8 lanes; "
                "the target is cpu:"
             << target.requested;
    if (dot == DotKind::AmxInt8 && !target.hasAmxInt8())
      return refuse() << "has products of tiles of integers, which need amx-int8; the target is cpu:"
                      << target.requested;
    if (dot == DotKind::Int16 && schedule.getLanes() == 16 && !target.has("avx512bw"))
      return refuse() << "has dot products of 16-bit integers in 16 lanes, which need avx512bw; the target is cpu:"
                      << target.requested;
    if (schedule.getRows() == RowRegime::Few)
      return success();
    if (dot == DotKind::Int8Pairs &&
        cast<BlockType>(getElementTypeOrSelf(weight)).getFormat()->block->integers.isSigned)
      return refuse() << "adds products of unsigned integers in pairs, for many rows; those of " << weight
                      << " are signed: use int16";
    FailureOr<LinearRegion> region = LinearRegion::match(kernel);
    if (failed(region))
      return failure();
    SmallVector<Attribute> expected;
    for (Type type : quantizedWorkspaces(*region, dot, schedule.getLanes()))
      expected.push_back(TypeAttr::get(type));
    auto wanted = ArrayAttr::get(kernel.getContext(), expected);
    if (kernel.getWorkspaceAttr() != wanted)
      return refuse() << "keeps integers and scales in the workspaces " << wanted << "; the kernel needs these";
    return success();
  }

  /// A lane has a row of those that lie interleaved. A run is all of them, over many rows a part of them.
  LogicalResult checkInterleaved(LinearOp linear, CpuLinearScheduleAttr schedule) {
    auto weight = cast<RankedTensorType>(linear.getWeight().getType());
    int64_t rows = interleaveOf(weight), run = schedule.getRun();
    DotKind dot = schedule.getDot();
    bool canMultiply = cpu::multipliesIntegers(dot);
    if (failed(expectReadableRows(kernel, canMultiply ? linear.getWeight() : Value())))
      return failure();
    if (rows == 1 && run > kRunLimit.high)
      return refuse() << "has runs of " << run << " rows; those of rows in order have at most " << kRunLimit.high;
    if (rows == 1)
      return success();
    auto rotates = kernel.getOps<RotateOp>();
    int64_t half = rotates.empty() ? 0 : (*rotates.begin()).getHeadDim() / 2;
    if (half % std::max(rows, run))
      return refuse() << "reads a weight with " << rows << " interleaved rows: halves of heads, which have " << half
                      << " rows, must be whole runs and groups of them";
    bool many = schedule.getRows() == RowRegime::Many;
    if (!many && (dot == DotKind::Int16 || usesTiles(dot) || run % rows || schedule.getLanes() != rows))
      return refuse() << "reads a weight with " << rows
                      << " interleaved rows: lanes must be as many, run a multiple of "
                      << "them, and dot = int8 or int8_pairs";
    if (many && usesTiles(dot) && run != rows)
      return refuse() << "reads a weight with " << rows << " interleaved rows: run must be as many";
    if (many && !usesTiles(dot) && (!llvm::isPowerOf2_64(run) || 2 * run > rows))
      return refuse() << "reads a weight with " << rows << " interleaved rows: run must be a power of two up to "
                      << rows / 2;
    return success();
  }

  /// A choice of tokens needs logits as they are stored, and room for the best of each tile.
  LogicalResult checkChoice(CpuLinearScheduleAttr schedule) {
    if (kernel.getOps<SampleOp>().empty())
      return success();
    if (schedule.getRows() == RowRegime::Many)
      return refuse()
             << "is for many rows; kernels over few rows alone choose tokens: leave llama.sample in the program";
    FailureOr<LinearTiles> region = LinearTiles::match(kernel);
    if (failed(region))
      return failure();
    Type logits = kernel.getResultTypes().front();
    if (!getElementTypeOrSelf(logits).isF32())
      return refuse() << "chooses tokens from sums in f32; the logits are " << logits;
    auto wanted = ArrayAttr::get(kernel.getContext(), TypeAttr::get(BestOfTiles::workspace(*region, schedule)));
    if (kernel.getWorkspaceAttr() != wanted)
      return refuse() << "keeps the best logit of each tile in the workspace " << wanted << "; the kernel needs it";
    return success();
  }

  /// Probabilities need logits of full precision, and room for a maximum and a sum of each tile.
  LogicalResult checkScores(CpuLinearScheduleAttr schedule) {
    auto scores = kernel.getOps<LogProbOp>();
    if (scores.empty())
      return success();
    if (schedule.getRows() == RowRegime::Many)
      return refuse() << "is for many rows; on a CPU kernels over few rows give probabilities";
    FailureOr<LinearTiles> region = LinearTiles::match(kernel);
    if (failed(region))
      return failure();
    Type logits = (*scores.begin()).getLogits().getType();
    if (!getElementTypeOrSelf(logits).isF32())
      return refuse() << "gives probabilities of sums in f32; the logits are " << logits;
    auto wanted = ArrayAttr::get(kernel.getContext(), TypeAttr::get(SoftmaxOfTiles::workspace(*region, schedule)));
    if (kernel.getWorkspaceAttr() != wanted)
      return refuse() << "keeps a maximum and a sum of each tile in the workspace " << wanted
                      << "; the kernel needs it";
    return success();
  }

  /// `lanes`: of rows; 0 where an activation is row-major.
  LogicalResult checkLayout(Type type, int64_t lanes) {
    TokenLanesAttr layout = getTokenLanes(type);
    if (int64_t found = layout ? layout.getLanes() : 0; found != lanes)
      return refuse() << (lanes ? "wants activations in token_lanes of as many lanes" : "wants row-major activations")
                      << ", found " << type;
    return success();
  }

  /// `inPairs`: features of many rows lie in pairs in a lane. Those of one row lie side by side anyway.
  LogicalResult checkDot(DotKind dot, ArrayRef<Type> operands, bool many, bool inPairs) {
    switch (dot) {
    case DotKind::Fma:
      if (inPairs)
        return refuse() << "multiplies one feature at a time; features that lie in pairs need dot = bf16";
      return success();
    case DotKind::Bf16:
      if (!target.hasBf16Dot())
        return refuse() << "has dot products of bf16, which need avx512bf16 and avx512vl; the target is cpu:"
                        << target.requested;
      if (!llvm::all_of(operands, [](Type type) { return type.isBF16(); }) || (many && !inPairs))
        return refuse() << "has dot products of bf16: both operands must be, for many rows in pairs of features";
      return success();
    case DotKind::AmxBf16: {
      if (!target.hasAmxBf16())
        return refuse() << "has products of tiles of bf16, which need amx-bf16, avx512bf16 and avx512vl; the target is "
                           "cpu:"
                        << target.requested;
      auto linears = kernel.getOps<LinearOp>();
      if (linears.empty())
        return refuse() << "has products of tiles, which linear kernels alone have";
      if (!llvm::all_of(operands, [](Type type) { return type.isBF16(); }) || !inPairs)
        return refuse() << "has products of tiles of bf16: both operands must be, the input in pairs of features";
      auto weight = cast<RankedTensorType>((*linears.begin()).getWeight().getType());
      if (weight.getDimSize(1) % kBf16InTile)
        return refuse() << "has products of tiles of " << kBf16InTile
                        << " inputs, which divide the rows of the weight; "
                        << "found " << weight;
      return success();
    }
    case DotKind::Int8:
    case DotKind::Int8Pairs:
    case DotKind::Int16:
    case DotKind::AmxInt8:
      return refuse() << "has dot products of integers, which linear kernels alone have";
    }
    llvm_unreachable("all kinds of dot products are listed");
  }

  static bool isPacked(Type type) {
    TokenLanesAttr layout = getTokenLanes(type);
    return layout && layout.getPack() == 2;
  }

  KernelOp kernel;
  const CpuTarget &target;
};

} // namespace

LogicalResult checkLinear(KernelOp kernel, CpuLinearScheduleAttr schedule, const CpuTarget &target) {
  return ScheduleCheck(kernel, target).checkLinear(schedule);
}

LogicalResult checkAttention(KernelOp kernel, CpuAttentionScheduleAttr schedule, const CpuTarget &target) {
  return ScheduleCheck(kernel, target).checkAttention(schedule);
}

LogicalResult checkPointwise(KernelOp kernel, CpuPointwiseScheduleAttr schedule, const CpuTarget &target) {
  return ScheduleCheck(kernel, target).checkPointwise(schedule);
}

} // namespace quipu::codegen::cpu
