//===- Normalise.cpp - RMS norm, into a workspace or alone -------------------===//
//
//   y[r, k] = gain[k] * x[r, k] / sqrt(mean_k(x[r, k]^2) + eps)
//
// A block normalises a row. Its values stay in registers between the sum of squares and the product, so x is read once.
// Neighbouring threads have neighbouring runs of 16 bytes of x. If there are many rows, a block has several, one after
// the other. It reads the gain once for all of them, and loads the next row while it sums one.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/OpLocation.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/SingleOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

/// Runs of a thread when the row is long enough. So many loads in flight keep a multiprocessor at the speed of memory.
static constexpr int64_t kRunsPerThread = 4;
static constexpr int64_t kMaxThreads = 1024;
/// Rows of a block when the step has many rows, and the number of blocks that fill a GPU.
static constexpr int64_t kRowsPerBlock = 4, kFillingBlocks = 256;

namespace {

class NormaliseBody {
public:
  using Values = CudaBuilder::Values;

  /// `gather` may be null. `resultType`: type of the norm's result as it is stored at the address `result`.
  NormaliseBody(CudaBuilder &b, GatherRowsOp gather, RMSNormOp norm, Type resultType, const GeneratedEntry &entry,
                const CudaFrame &frame, Value result)
      : b(b), gather(gather), frame(frame), norm(norm), source(gather ? gather.getInput() : norm.getInput()),
        element(getElementTypeOrSelf(source.getType())), gainElement(getElementTypeOrSelf(norm.getWeight().getType())),
        resultElement(getElementTypeOrSelf(resultType)), width(cast<RankedTensorType>(source.getType()).getDimSize(1)),
        threads(entry.threads), rowsPerBlock(entry.rowsPerBlock),
        rows(entry.rows == RowDim::Outputs ? frame.outputs : frame.tokens), result(result) {}

  /// Features that a thread loads at once.
  static int64_t runOf(Type source) { return 16 / bytesOf(getElementTypeOrSelf(source)); }

  void emit() {
    frame.letNextStart();
    thread = b.thread();
    loadGain();
    frame.waitForPrevious();
    Value first = b.mul(frame.block(1), rowsPerBlock);
    if (rowsPerBlock == 1) {
      normalise(first, load(first), b.i32(0));
      return;
    }
    Value end = b.min(b.add(first, rowsPerBlock), rows);
    b.loop(first, end, 1, load(first), [&](Value row, ValueRange values) {
      Values next = load(b.min(b.add(row, 1), b.sub(end, 1)));
      normalise(row, Values(values), b.rem(row, 2));
      return next;
    });
  }

private:
  int64_t run() const { return 16 / bytesOf(element); }
  int64_t runs() const { return llvm::divideCeil(width / run(), threads); }

  /// Loads the thread's runs of the row of x that belongs to a row of the result.
  Values load(Value row) {
    if (gather)
      row = b.loadI32(b.at(frame.argument(gather.getRows()), b.mul(b.widen(row), 4)));
    Value start = rowOf(frame.argument(source), row, element);
    Values values;
    for (int64_t i = 0; i < runs(); ++i)
      values.append(b.loadRun(element, run(), featureOf(start, element, i)));
    return values;
  }

  /// `place`: shared memory for the partial sums of the row. Rows use two places in turn, so one barrier for each row
  /// is enough.
  void normalise(Value row, ArrayRef<Value> values, Value place) {
    Value scale = b.reciprocalRms(sumSquares(values, place), width, norm.getEps());
    Value target = rowOf(result, row, resultElement);
    for (int64_t i = 0; i < runs(); ++i) {
      Values products;
      for (auto [x, factor] : llvm::zip_equal(values.slice(i * run(), run()), gain[i]))
        products.push_back(b.mulf(b.mulf(x, scale), factor));
      auto store = [&] { b.storeRun(resultElement, products, featureOf(target, resultElement, i)); };
      if (alwaysValid(i))
        store();
      else
        b.ifThen(valid(i), store);
    }
  }

  Value rowOf(Value base, Value row, Type type) { return b.at(base, b.mul(b.widen(row), width * bytesOf(type))); }
  /// Whether all threads have a run number `i`, and the number of this run in the row.
  bool alwaysValid(int64_t i) const { return (i + 1) * threads * run() <= width; }
  Value runNumber(int64_t i) { return b.add(thread, i * threads); }
  Value valid(int64_t i) { return b.compare(CudaBuilder::Predicate::slt, runNumber(i), width / run()); }
  Value featureOf(Value row, Type type, int64_t i) {
    int64_t bytes = run() * bytesOf(type);
    if (alwaysValid(i))
      return b.at(b.at(row, b.mul(b.widen(thread), bytes)), i * threads * bytes);
    return b.at(row, b.mul(b.widen(b.min(runNumber(i), b.i32(width / run() - 1))), bytes));
  }

  void loadGain() {
    for (int64_t i = 0; i < runs(); ++i)
      gain.push_back(b.loadRun(gainElement, run(), featureOf(frame.argument(norm.getWeight()), gainElement, i)));
  }

  /// Sum over the block's row of x^2.
  Value sumSquares(ArrayRef<Value> values, Value place) {
    Value sum = b.f32(0.0f);
    for (int64_t i = 0; i < runs(); ++i) {
      Value before = sum;
      for (Value x : values.slice(i * run(), run()))
        sum = b.fma(x, x, sum);
      if (!alwaysValid(i))
        sum = b.select(valid(i), sum, before);
    }
    sum = b.sumLanes(sum);
    int64_t warps = threads / 32;
    if (warps == 1)
      return sum;
    Value partials = b.at(b.shared(), b.mul(place, warps * 4)), lane = b.lane();
    b.ifThen(b.compare(CudaBuilder::Predicate::eq, lane, 0),
             [&] { b.store(sum, b.at(partials, b.mul(b.div(thread, 32), 4)), 4); });
    b.barrier();
    Value partial = b.load(b.getF32Type(), b.at(partials, b.mul(b.min(lane, b.i32(warps - 1)), 4)), 4);
    return b.sumLanes(b.select(b.compare(CudaBuilder::Predicate::slt, lane, warps), partial, b.f32(0.0f)));
  }

  CudaBuilder &b;
  GatherRowsOp gather;
  const CudaFrame &frame;
  RMSNormOp norm;
  Value source;
  Type element, gainElement, resultElement;
  int64_t width, threads, rowsPerBlock;
  Value rows, result, thread;
  SmallVector<Values> gain;
};

} // namespace

/// Threads of a block: so many that each has kRunsPerThread runs.
static int64_t threadsFor(Type source) {
  int64_t runs = cast<RankedTensorType>(source).getDimSize(1) / NormaliseBody::runOf(source);
  return std::min(kMaxThreads, int64_t(llvm::alignTo(llvm::divideCeil(runs, kRunsPerThread), 32)));
}

/// The entry of a norm of rows of `source`. Fails with a diagnostic if it cannot do rows of that size.
static FailureOr<GeneratedEntry> entryOf(KernelOp kernel, Type source, std::string symbol, RowDim rows, int64_t threads,
                                         int64_t rowsPerBlock) {
  int64_t width = cast<RankedTensorType>(source).getDimSize(1);
  if (width % 8 != 0)
    return kernel.emitOpError() << "has rows of " << width << " features; on CUDA they are a multiple of 8";
  GeneratedEntry entry;
  entry.symbol = std::move(symbol);
  entry.rows = rows;
  entry.threads = threads;
  entry.rowsPerBlock = rowsPerBlock;
  entry.sharedBytes = 2 * entry.threads / 32 * 4;
  return entry;
}

FailureOr<CudaBody> emitNormalise(LinearRegion &region, int64_t maxRows, const GeneratedKernel &generated) {
  KernelOp kernel = region.kernel;
  if (!kernel.getWorkspace() || kernel.getWorkspace()->empty())
    return kernel.emitOpError() << "has a norm but no workspace for its result";
  FailureOr<GeneratedEntry> entry =
      entryOf(kernel, region.source().getType(), cudaSymbol(generated.name, ".norm"), region.rows,
              threadsFor(region.source().getType()),
              !region.gather() && maxRows >= kRowsPerBlock * kFillingBlocks ? kRowsPerBlock : 1);
  if (failed(entry))
    return failure();
  return CudaBody{*entry, [region, entry = *entry](CudaBuilder &b, const CudaFrame &frame) {
                    OpLocation location(b, region.norm());
                    NormaliseBody(b, region.gather(), region.norm(), region.workspaceType(), entry, frame,
                                  frame.workspace(0))
                        .emit();
                  }};
}

FailureOr<CudaBody> emitNorm(CudaBuilder & /*b*/, KernelOp kernel, RMSNormOp norm, CudaPointwiseScheduleAttr schedule,
                             const GeneratedKernel &generated) {
  FailureOr<GeneratedEntry> entry = entryOf(kernel, norm.getInput().getType(), cudaSymbol(generated.name),
                                            generated.rows, schedule.getThreads(), /*rowsPerBlock=*/1);
  if (failed(entry))
    return failure();
  return CudaBody{
      *entry, [norm, entry = *entry](CudaBuilder &b, const CudaFrame &frame) mutable {
        NormaliseBody(b, GatherRowsOp(), norm, norm.getResult().getType(), entry, frame, frame.result(0)).emit();
      }};
}

} // namespace quipu::codegen::cuda
