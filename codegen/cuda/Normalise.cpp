//===- Normalise.cpp - RMS norm of the input into a workspace ---------------===//
//
//   y[r, k] = gain[k] * x[r, k] / sqrt(mean_k(x[r, k]^2) + eps)
//
// A block is one row, whose values stay in registers between the sum of squares and the product: x is read once.
// Neighbouring threads hold neighbouring runs of 16 bytes of x.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/CudaFrame.h"
#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

/// Runs that a thread holds when the row is long enough; loads in flight that keep a multiprocessor at memory speed.
static constexpr int64_t kRunsPerThread = 4;
static constexpr int64_t kMaxThreads = 1024;

namespace {

class Normalise {
public:
  Normalise(CudaBuilder &b, LinearRegion &region, const GeneratedEntry &entry)
      : b(b), region(region), frame(b, region.kernel, entry), norm(region.norm),
        element(elementOf(region.source().getType())), gainElement(elementOf(norm.getWeight().getType())),
        resultElement(elementOf(region.workspaceType())), width(region.inputs()), threads(entry.threads) {}

  /// Features that a thread loads at once.
  static int64_t runOf(Type source) { return 16 / bytesOf(elementOf(source)); }

  void emit() {
    b.letNextStart();
    thread = b.thread();
    loadGain();
    b.waitForPrevious();
    Value row = b.block(1);
    Value sourceRow = row;
    if (region.gather)
      sourceRow = b.loadI32(b.at(frame.argument(region.gather.getRows()), b.mul(b.widen(row), 4)));
    Value source = rowOf(frame.argument(region.source()), sourceRow, element);
    SmallVector<CudaBuilder::Values> rows;
    for (int64_t i = 0; i < runs(); ++i)
      rows.push_back(b.loadRun(element, run(), featureOf(source, element, i)));

    Value scale = scaleOf(sumSquares(rows));
    Value target = rowOf(frame.workspace(0), row, resultElement);
    for (int64_t i = 0; i < runs(); ++i) {
      CudaBuilder::Values values;
      for (auto [x, factor] : llvm::zip_equal(rows[i], gain[i]))
        values.push_back(b.mulf(b.mulf(x, scale), factor));
      auto store = [&] { b.storeRun(resultElement, values, featureOf(target, resultElement, i)); };
      if (alwaysValid(i))
        store();
      else
        b.ifThen(valid(i), store);
    }
  }

private:
  static Type elementOf(Type type) { return cast<RankedTensorType>(type).getElementType(); }
  int64_t run() const { return 16 / bytesOf(element); }
  int64_t runs() const { return llvm::divideCeil(width / run(), threads); }

  Value rowOf(Value base, Value row, Type type) { return b.at(base, b.mul(b.widen(row), width * bytesOf(type))); }
  /// Run number `i` of the thread; the row's last one where the thread has none.
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
  Value sumSquares(ArrayRef<CudaBuilder::Values> rows) {
    Value sum = b.f32(0.0f);
    for (int64_t i = 0; i < runs(); ++i) {
      Value before = sum;
      for (Value x : rows[i])
        sum = b.fma(x, x, sum);
      if (!alwaysValid(i))
        sum = b.select(valid(i), sum, before);
    }
    sum = b.sumLanes(sum);
    int64_t warps = threads / 32;
    if (warps == 1)
      return sum;
    Value partials = b.shared(), lane = b.lane();
    b.ifThen(b.compare(CudaBuilder::Predicate::eq, lane, 0),
             [&] { b.store(sum, b.at(partials, b.mul(b.div(thread, 32), 4)), 4); });
    b.barrier();
    Value partial = b.load(b.getF32Type(), b.at(partials, b.mul(b.min(lane, b.i32(warps - 1)), 4)), 4);
    return b.sumLanes(b.select(b.compare(CudaBuilder::Predicate::slt, lane, warps), partial, b.f32(0.0f)));
  }

  Value scaleOf(Value squares) { return b.reciprocalRms(squares, width, norm.getEps()); }

  CudaBuilder &b;
  LinearRegion &region;
  CudaFrame frame;
  RMSNormOp norm;
  Type element, gainElement, resultElement;
  int64_t width, threads;
  Value thread;
  SmallVector<CudaBuilder::Values> gain;
};

} // namespace

LogicalResult emitNormalise(CudaBuilder &b, LinearRegion &region, GeneratedKernel &generated) {
  int64_t width = region.inputs(), run = Normalise::runOf(region.source().getType());
  if (!region.kernel.getWorkspace() || region.kernel.getWorkspace()->empty())
    return region.kernel.emitOpError() << "has a norm but no workspace for its result";
  if (width % 8 != 0)
    return region.kernel.emitOpError() << "has rows of " << width << " features; on CUDA they are a multiple of 8";
  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name, ".norm");
  entry.rows = region.gather ? RowDim::Outputs : RowDim::Tokens;
  entry.threads = std::min(kMaxThreads, int64_t(llvm::alignTo(llvm::divideCeil(width / run, kRunsPerThread), 32)));
  entry.sharedBytes = entry.threads / 32 * 4;
  Normalise(b, region, entry).emit();
  generated.entries.push_back(entry);
  return success();
}

} // namespace quipu::codegen
