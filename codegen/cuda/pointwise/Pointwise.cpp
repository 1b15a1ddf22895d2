//===- Pointwise.cpp - Embedding and rotary tables --------------------------===//

#include "codegen/cuda/SingleOps.h"
#include "codegen/cuda/pointwise/RowBlocks.h"
#include "codegen/cuda/vocabulary/PtxStrings.h"

#include <array>
#include <numbers>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

/// Emits body(i) for every i < count that belongs to this thread: thread, thread + threads, and so on.
static void forEachOfThread(CudaBuilder &b, int64_t count, int64_t threads, llvm::function_ref<void(Value)> body) {
  for (int64_t first = 0; first < count; first += threads) {
    Value i = b.add(b.thread(), first);
    if (first + threads <= count)
      body(i);
    else
      b.ifThen(b.compare(CudaBuilder::Predicate::slt, i, count), [&] { body(i); });
  }
}

FailureOr<CudaBody> emitEmbedding(CudaBuilder & /*b*/, KernelOp kernel, EmbeddingOp embedding,
                                  CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  auto table = cast<RankedTensorType>(embedding.getTable().getType());
  Type element = table.getElementType();
  Type resultElement = cast<RankedTensorType>(embedding.getResult().getType()).getElementType();
  int64_t width = table.getDimSize(1), run = 16 / bytesOf(element);
  if (width % run != 0)
    return kernel.emitOpError() << "has rows of " << width << " features; on CUDA they are a multiple of " << run;
  GeneratedEntry entry = rowEntry(schedule, generated);
  return CudaBody{entry, [=, threads = entry.threads](CudaBuilder &b, const CudaFrame &frame) mutable {
                    frame.letNextStart();
                    frame.waitForPrevious();
                    Value row = b.widen(frame.block(1));
                    Value token = b.widen(b.loadI32(b.at(frame.argument(embedding.getTokens()), b.mul(row, 4))));
                    Value source = b.at(frame.argument(embedding.getTable()), b.mul(token, width * bytesOf(element)));
                    Value target = b.at(frame.result(0), b.mul(row, width * bytesOf(resultElement)));
                    forEachOfThread(b, width / run, threads, [&](Value i) {
                      Value k = b.mul(b.widen(i), run);
                      CudaBuilder::Values values = b.loadRun(element, run, b.at(source, b.mul(k, bytesOf(element))));
                      if (std::optional<APFloat> scale = embedding.getScale())
                        for (Value &value : values)
                          value = b.mulf(value, b.f32(static_cast<float>(scale->convertToDouble())));
                      b.storeRun(resultElement, values, b.at(target, b.mul(k, bytesOf(resultElement))));
                    });
                  }};
}

namespace {

/// Arithmetic on f64 scalars. It is for functions whose f32 result shall be the exact result, rounded.
class Doubles {
public:
  explicit Doubles(CudaBuilder &b) : b(b) {}

  Value constant(double value) { return arith::ConstantOp::create(b, b.getF64FloatAttr(value)); }

  /// Cosine and sine of an f32 angle of magnitude up to 2^20, rounded to f32.
  std::pair<Value, Value> cosineAndSine(Value angle) {
    // angle = n pi/2 + r, |r| <= pi/4. n times the first part of pi/2 is exact within the fma; the second part has what
    // the first lacks.
    constexpr double kHalfPi = 1.57079632679489661923, kHalfPiRest = 6.12323399573676588613e-17;
    Value a = arith::ExtFOp::create(b, b.getF64Type(), angle);
    Value n = ptx::roundToI32(b, b.mulf(a, constant(2 / std::numbers::pi)));
    Value turns = arith::SIToFPOp::create(b, b.getF64Type(), b.sub(b.i32(0), n));
    Value r = b.fma(turns, constant(kHalfPiRest), b.fma(turns, constant(kHalfPi), a));
    Value square = b.mulf(r, r);
    // Taylor series. The first term that is left out is below 1e-12.
    Value sine = b.mulf(r, polynomial(square, {1, -1 / 6.0, 1 / 120.0, -1 / 5040.0, 1 / 362880.0, -1 / 39916800.0}));
    Value cosine =
        polynomial(square, {1, -1 / 2.0, 1 / 24.0, -1 / 720.0, 1 / 40320.0, -1 / 3628800.0, 1 / 479001600.0});
    // A quarter turn exchanges them: cos(r + pi/2) = -sin r, sin(r + pi/2) = cos r.
    Value odd = bit(n, 0);
    return {round(b.select(odd, sine, cosine), bit(b.add(n, 1), 1)), round(b.select(odd, cosine, sine), bit(n, 1))};
  }

private:
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = constant(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = b.fma(sum, x, constant(coefficient));
    return sum;
  }
  Value bit(Value n, unsigned number) {
    Value masked = arith::AndIOp::create(b, n, b.i32(int64_t(1) << number));
    return b.compare(CudaBuilder::Predicate::ne, masked, 0);
  }
  Value round(Value value, Value negative) {
    Value rounded = arith::TruncFOp::create(b, b.getF32Type(), value);
    return b.select(negative, b.negf(rounded), rounded);
  }

  CudaBuilder &b;
};

} // namespace

FailureOr<CudaBody> emitRotaryTable(CudaBuilder &b, KernelOp /*kernel*/, RotaryTableOp table,
                                    CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  // The frequencies are a constant of the code module, computed by the compiler.
  SmallVector<float> frequencies = table.getRope().inverseFrequencies(table.getHeadDim());
  int64_t half = frequencies.size();
  std::string constant = cudaSymbol(generated.name, ".inverse_frequencies");
  LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(b.getF32Type(), half), /*isConstant=*/true,
                         LLVM::Linkage::Internal, constant,
                         DenseElementsAttr::get(RankedTensorType::get({half}, b.getF32Type()), ArrayRef(frequencies)),
                         /*alignment=*/64, /*addrSpace=*/1);

  Type element = cast<RankedTensorType>(table.getResult().getType()).getElementType();
  GeneratedEntry entry = rowEntry(schedule, generated);
  return CudaBody{entry, [=, threads = entry.threads](CudaBuilder &b, const CudaFrame &frame) mutable {
                    frame.letNextStart();
                    frame.waitForPrevious();
                    Value inverse = LLVM::AddressOfOp::create(b, b.pointerType(1), constant);
                    Value row = b.widen(frame.block(1));
                    Value position = b.loadI32(b.at(frame.argument(table.getPositions()), b.mul(row, 4)));
                    Value asFloat = arith::SIToFPOp::create(b, b.getF32Type(), position);
                    Value target = b.at(frame.result(0), b.mul(row, 2 * half * bytesOf(element)));
                    forEachOfThread(b, half, threads, [&](Value i) {
                      Value pair = b.widen(i);
                      Value angle = b.mulf(asFloat, b.load(b.getF32Type(), b.at(inverse, b.mul(pair, 4)), 4));
                      auto [cosine, sine] = Doubles(b).cosineAndSine(angle);
                      b.storeF32(cosine, element, b.at(target, b.mul(pair, bytesOf(element))));
                      b.storeF32(sine, element, b.at(target, b.mul(b.add(pair, half), bytesOf(element))));
                    });
                  }};
}

} // namespace quipu::codegen::cuda
