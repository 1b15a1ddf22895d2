//===- SelectCpu.cpp - Schedules for CPUs -----------------------------------===//

#include "codegen/common/LinearRegion.h"
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/ArgMax.h"
#include "codegen/cpu/LogProb.h"
#include "codegen/schedule/Select.h"

#include "ir/Llama/DebugLog.h"
#include "ir/Llama/ScheduleLimits.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

class CpuSelector {
public:
  CpuSelector(ModuleOp module, const cpu::CpuTarget &target, const LlamaSelectSchedulesOptions &tuning)
      : module(module), target(target), tuning(tuning), lanes(target.lanes()) {}

  void run() {
    for (auto weight : module.getOps<WeightOp>())
      keepParts(weight);
    for (auto program : module.getOps<func::FuncOp>())
      if (program->hasAttr(kProgramAttrName))
        schedule(program);
  }

private:
  /// A weight of several sources stays in its parts.
  void keepParts(WeightOp weight) {
    auto rows = weight.getRows();
    auto type = cast<RankedTensorType>(weight.getType());
    if (!rows || rows->size() < 2 || type.getEncoding())
      return;
    auto parts =
        RankedTensorType::get(type.getShape(), type.getElementType(), RowPartsAttr::get(module.getContext(), *rows));
    weight.setTypeAttr(TypeAttr::get(parts));
    partsOf[weight.getSymName()] = parts;
  }

  /// Pairs of bf16 can be packed when every activation has an even width, no rotary tile ends inside a pair, and
  /// whoever multiplies bf16 multiplies pairs of it.
  bool canPack(ArrayRef<KernelOp> kernels) {
    if (!target.hasBf16Dot()) {
      QUIPU_DEBUG() << "pairs of bf16 are not packed: " << target.requested << " has no dot product of them";
      return false;
    }
    for (KernelOp kernel : kernels) {
      bool even = true;
      kernel.walk([&](Operation *op) {
        for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
          if (isActivation(type) && cast<RankedTensorType>(type).getDimSize(1) % 2)
            even = false;
        if (auto rotate = dyn_cast<RotateOp>(op))
          even &= rotate.getHeadDim() % 4 == 0;
        if (auto repeat = dyn_cast<RepeatKVOp>(op))
          even &= repeat.getHeadDim() % 2 == 0;
        auto multiplies = [](Type activation, Type other) { return !activation.isBF16() || other.isBF16(); };
        if (auto linear = dyn_cast<LinearOp>(op)) {
          auto rounded = linear.getInput().getDefiningOp<QuantizeOp>();
          Value input = rounded ? rounded.getInput() : linear.getInput();
          even &= multiplies(getElementTypeOrSelf(input), getElementTypeOrSelf(linear.getWeight()));
        }
        if (auto attention = dyn_cast<AttentionOp>(op)) {
          KVLayerType cache = attention.getKv().getType();
          even &= cache.getHeadDim() % 2 == 0;
          even &= multiplies(getElementTypeOrSelf(attention.getQuery()), cache.getElementType());
        }
      });
      if (!even) {
        QUIPU_DEBUG() << "pairs of bf16 are not packed: @" << kernel.getSymName()
                      << " has odd rows or heads, or multiplies bf16 by another type";
        return false;
      }
    }
    return true;
  }

  Type layoutFor(Value value, bool tokenLanes, const RowCounts &rows) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!tokenLanes || rows.of(value) == RowCount::Outputs)
      return type;
    int64_t pack = packed && type.getElementType().isBF16() ? 2 : 1;
    return RankedTensorType::get(type.getShape(), type.getElementType(),
                                 TokenLanesAttr::get(module.getContext(), lanes, pack));
  }

  void schedule(func::FuncOp program) {
    bool tokenLanes = program->getAttrOfType<ProgramAttr>(kProgramAttrName).getRowAlign() > 1;
    SymbolTableCollection symbols;
    llvm::SetVector<KernelOp> kernels;
    program.walk([&](LaunchOp launch) {
      kernels.insert(symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr()));
    });
    packed = tokenLanes && canPack(kernels.getArrayRef());

    setLayouts(program, kernels.getArrayRef(), tokenLanes);
    passOnWeightTypes(program, symbols);
    for (KernelOp kernel : kernels) {
      Block &body = kernel.getBody().front();
      kernel.setFunctionType(
          FunctionType::get(module.getContext(), body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
      scheduleKernel(kernel, tokenLanes);
      QUIPU_DEBUG() << "@" << kernel.getSymName() << ": " << kernel.getScheduleAttr() << ": "
                    << (tokenLanes ? "activations of tokens lie in lanes, those of output rows in rows"
                                   : "activations lie in rows");
    }
  }

  /// Gives the activations of a program and its kernels their layout.
  void setLayouts(func::FuncOp program, ArrayRef<KernelOp> kernels, bool tokenLanes) {
    RowCounts rows(program);
    // All layouts are found before any type changes.
    SmallVector<std::pair<Value, Type>> changes;
    auto collect = [&](Value value) {
      if (isActivation(value.getType()))
        changes.emplace_back(value, layoutFor(value, tokenLanes, rows));
    };
    auto collectBlock = [&](Block &block) {
      for (Value argument : block.getArguments())
        collect(argument);
      for (Operation &op : block)
        for (Value result : op.getResults())
          collect(result);
    };
    for (KernelOp kernel : kernels)
      collectBlock(kernel.getBody().front());
    collectBlock(program.getBody().front());
    for (auto [value, type] : changes)
      value.setType(type);

    Block &programBody = program.getBody().front();
    program.setFunctionType(FunctionType::get(module.getContext(), programBody.getArgumentTypes(),
                                              programBody.getTerminator()->getOperandTypes()));
  }

  /// Gives references to fused weights, and arguments of kernels, the types that the weights now have.
  void passOnWeightTypes(func::FuncOp program, SymbolTableCollection &symbols) {
    program.walk([&](WeightRefOp reference) {
      auto parts = partsOf.find(reference.getWeight());
      if (parts != partsOf.end())
        reference.getResult().setType(parts->second);
    });
    program.walk([&](LaunchOp launch) {
      auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
      for (auto [argument, operand] : llvm::zip_equal(kernel.getBody().getArguments(), launch.getOperands()))
        argument.setType(operand.getType());
    });
  }

  /// The dot product of a linear kernel whose input is rounded to integers. Without instructions for dot products of
  /// bytes, signed bytes take two more instructions for each product, which many rows feel. Pairs have 8 lanes.
  DotKind integerDotOf(LinearOp linear, bool many) {
    if (many && target.hasAmxInt8())
      return DotKind::AmxInt8;
    if (target.hasInt8Dot())
      return DotKind::Int8;
    auto block = cast<BlockType>(getElementTypeOrSelf(linear.getWeight()));
    bool words = lanes != 8 || (many && block.getFormat()->block->integers.isSigned);
    return words ? DotKind::Int16 : DotKind::Int8Pairs;
  }

  /// The dot product of a linear kernel.
  DotKind dotOf(LinearOp linear, bool many) {
    if (linear.getInput().getDefiningOp<QuantizeOp>())
      return integerDotOf(linear, many);
    auto weight = cast<RankedTensorType>(linear.getWeight().getType());
    bool bf16 = target.hasBf16Dot() && getElementTypeOrSelf(linear.getInput()).isBF16() &&
                weight.getElementType().isBF16() && (!many || packed);
    if (!bf16)
      return DotKind::Fma;
    bool tiles = many && target.hasAmxBf16() && weight.getDimSize(1) % cpu::kBf16InTile == 0;
    return tiles ? DotKind::AmxBf16 : DotKind::Bf16;
  }

  /// Rows of a run, and vectors of the input, of a linear kernel over many rows.
  std::pair<int64_t, int64_t> manyTile(LinearOp linear, DotKind dot) {
    // As many rows as a tile of the hardware has.
    if (usesTiles(dot))
      return {tuning.run ? tuning.run : kRunLimit.high,
              std::min(tuning.vectors ? tuning.vectors : 3, mostTileVectors(dot))};
    auto [run, vectors] = target.vectorRegisters() == 32 ? tileOf32Registers(dot) : tileOf16Registers(linear, dot);
    return {tuning.run ? tuning.run : run, tuning.vectors ? tuning.vectors : vectors};
  }

  /// Accumulators fill the registers beside a vector of weights and `vectors` of input: 8 x 3. Products of integers
  /// have two of them each, of i32 and of f32.
  static std::pair<int64_t, int64_t> tileOf32Registers(DotKind dot) {
    return {cpu::multipliesIntegers(dot) ? 2 : 4, 3};
  }

  /// 6 x 2 accumulators load less for each product than 4 x 3. But the rows of a tile must stay in L1, and rows of
  /// heads do not divide by three. The f32 sums of integer products wait in memory for most of the time.
  static std::pair<int64_t, int64_t> tileOf16Registers(LinearOp linear, DotKind dot) {
    if (cpu::multipliesIntegers(dot))
      return {2, 2};
    int64_t rowBytes = cast<RankedTensorType>(linear.getInput().getType()).getDimSize(1) * 4;
    bool heads = llvm::any_of(linear->getBlock()->getOperations(), [](Operation &op) { return isa<RotateOp>(op); });
    return 6 * rowBytes <= kRowsInL1Bytes && !heads ? std::pair<int64_t, int64_t>(3, 2)
                                                    : std::pair<int64_t, int64_t>(2, 3);
  }

  /// Workspaces of a linear kernel over many rows.
  void setWorkspaces(KernelOp kernel, DotKind dot) {
    SmallVector<Attribute> types;
    if (cpu::multipliesIntegers(dot)) {
      if (FailureOr<LinearRegion> region = LinearRegion::match(kernel); succeeded(region))
        for (Type type : cpu::quantizedWorkspaces(*region, dot, lanes))
          types.push_back(TypeAttr::get(type));
    } else if (auto norm = find<RMSNormOp>(kernel)) {
      types.push_back(TypeAttr::get(norm.getResult().getType()));
    }
    if (!types.empty())
      kernel.setWorkspaceAttr(ArrayAttr::get(module.getContext(), types));
  }

  /// The workspace of a kernel over few rows whose tiles leave something for the whole row: `OfTiles` says what.
  template <typename OfTiles> void setTileWorkspace(KernelOp kernel, CpuLinearScheduleAttr schedule) {
    if (FailureOr<cpu::LinearTiles> region = cpu::LinearTiles::match(kernel); succeeded(region))
      kernel.setWorkspaceAttr(
          ArrayAttr::get(module.getContext(), TypeAttr::get(OfTiles::workspace(*region, schedule))));
  }

  void scheduleKernel(KernelOp kernel, bool tokenLanes) {
    MLIRContext *context = module.getContext();
    if (auto linear = find<LinearOp>(kernel)) {
      // Output rows are few even in prefill.
      bool many = tokenLanes && getTokenLanes(linear.getResult().getType());
      Type input = cast<RankedTensorType>(linear.getInput().getType()).getElementType();
      DotKind dot = dotOf(linear, many);
      bool integers = cpu::multipliesIntegers(dot);
      auto [run, vectors] =
          many ? manyTile(linear, dot) : std::pair(tuning.fewRun ? tuning.fewRun : kFewRun, int64_t(1));
      int64_t inputs = cast<RankedTensorType>(linear.getInput().getType()).getDimSize(1);
      int64_t inputBits = dot == DotKind::Int16 ? 16 : integers ? 8 : input.getIntOrFloatBitWidth();
      int64_t tileBytes = inputs * lanes * inputBits / 8;
      int64_t rowTiles = std::max<int64_t>(kInputBytes / tileBytes / vectors, 1) * vectors;
      if (tuning.rowTiles)
        rowTiles = tuning.rowTiles;
      int64_t streams = tuning.streams ? tuning.streams : kStreams;
      int64_t prefetch = many ? 0 : tuning.prefetch >= 0 ? tuning.prefetch : prefetchOf(linear);
      auto schedule = CpuLinearScheduleAttr::get(context, many ? RowRegime::Many : RowRegime::Few, lanes, run, vectors,
                                                 many ? rowTiles : 1, dot, prefetch, many ? 0 : std::min(streams, run));
      kernel.setScheduleAttr(schedule);
      if (many)
        setWorkspaces(kernel, dot);
      else if (find<SampleOp>(kernel))
        setTileWorkspace<cpu::BestOfTiles>(kernel, schedule);
      else if (find<LogProbOp>(kernel))
        setTileWorkspace<cpu::SoftmaxOfTiles>(kernel, schedule);
      return;
    }
    if (auto attention = find<AttentionOp>(kernel)) {
      bool bf16 = target.hasBf16Dot() && (!tokenLanes || packed) &&
                  cast<RankedTensorType>(attention.getQuery().getType()).getElementType().isBF16() &&
                  attention.getKv().getType().getElementType().isBF16();
      kernel.setScheduleAttr(CpuAttentionScheduleAttr::get(context, tokenLanes ? RowRegime::Many : RowRegime::Few,
                                                           lanes, attention.getKv().getType().getPage(),
                                                           bf16 ? DotKind::Bf16 : DotKind::Fma));
      return;
    }
    // An op that selects rows gives them one by one, also where its input lies in lanes.
    TypeRange types =
        kernel.getResultTypes().empty() ? TypeRange(kernel.getArgumentTypes()) : TypeRange(kernel.getResultTypes());
    bool many = llvm::any_of(types, [](Type type) { return bool(getTokenLanes(type)); });
    kernel.setScheduleAttr(
        CpuPointwiseScheduleAttr::get(context, many ? RowRegime::Many : RowRegime::Few, lanes, many ? lanes : 1));
  }

  /// Features of a tile over few rows that an epilogue computes in one vector.
  static constexpr int64_t kFewRun = 8;
  /// Rows of each run that a kernel over few rows reads side by side. Two rows of one run often begin in the same page
  /// of 4 KiB, where hardware follows one stream only.
  static constexpr int64_t kStreams = 1;
  /// How many bytes ahead of its use a weight is requested. Hardware follows the two streams of a kernel by itself, and
  /// requests cost time. But products of large blocks take so long that hardware stops looking ahead
  /// (docs/performance.md).
  static int64_t prefetchOf(LinearOp linear) {
    auto block = dyn_cast<BlockType>(getElementTypeOrSelf(linear.getWeight()));
    return block && block.getFormat()->blockElements > cpu::kIntegersTogether ? 2560 : 0;
  }
  /// Rows of a tile: most of an L1 of 32 KiB, beside the input that streams through it.
  static constexpr int64_t kRowsInL1Bytes = 24 * 1024;
  /// Packed input rows that one pass over a weight serves: half of an L2 of 1 MiB.
  static constexpr int64_t kInputBytes = 512 * 1024;

  ModuleOp module;
  const cpu::CpuTarget &target;
  const LlamaSelectSchedulesOptions &tuning;
  int64_t lanes;
  bool packed = false;
  llvm::StringMap<Type> partsOf;
};

} // namespace

void selectCpuSchedules(ModuleOp module, const cpu::CpuTarget &target, const LlamaSelectSchedulesOptions &tuning) {
  CpuSelector(module, target, tuning).run();
}

} // namespace quipu::codegen
