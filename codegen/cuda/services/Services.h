//===- Services.h - What services are built with ----------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_SERVICES_SERVICES_H
#define QUIPU_CODEGEN_CUDA_SERVICES_SERVICES_H

#include "codegen/cuda/vocabulary/BodyFrame.h"
#include "runtime/abi/CudaAbi.h"

#include <functional>
#include <string>

namespace quipu::codegen::cuda {

/// What the body of a service works with: its parameters, and where it stands.
class ServiceFrame : public BodyFrame {
public:
  ServiceFrame(CudaBuilder &b, const Handover &handover, mlir::ValueRange parameters)
      : BodyFrame(b, handover), parameters(parameters) {}

  mlir::Value operator[](unsigned parameter) const { return parameters[parameter]; }

private:
  llvm::SmallVector<mlir::Value> parameters;
};

/// A service is a body too (CudaBody.h), whose parameters runtime/abi/CudaAbi.h lists.
struct ServiceBody {
  std::string symbol;
  llvm::SmallVector<mlir::Type> parameters;
  /// Writes the code of a block at the builder's insertion point.
  std::function<void(CudaBuilder &b, const ServiceFrame &frame)> emit;
  int64_t threads = kCudaServiceThreads;
};

/// Bits and unsigned numbers, which the other emitters hardly need.
class Bits {
public:
  explicit Bits(CudaBuilder &b) : b(b) {}

  mlir::Value exclusiveOr(mlir::Value x, mlir::Value y) { return mlir::arith::XOrIOp::create(b, x, y); }
  mlir::Value shiftRight(mlir::Value x, int64_t count) {
    return mlir::arith::ShRUIOp::create(b, x, b.constant(x, count));
  }
  mlir::Value mask(mlir::Value x, int64_t bits) { return b.both(x, b.constant(x, bits)); }
  mlir::Value flip(mlir::Value x) { return exclusiveOr(x, b.constant(x, -1)); }
  mlir::Value low(mlir::Value x) { return mlir::arith::TruncIOp::create(b, b.getI32Type(), x); }
  mlir::Value high(mlir::Value x) { return low(shiftRight(x, 32)); }
  mlir::Value join(mlir::Value high, mlir::Value low) {
    mlir::Value upper = mlir::arith::ExtUIOp::create(b, b.getI64Type(), high);
    mlir::Value lower = mlir::arith::ExtUIOp::create(b, b.getI64Type(), low);
    return mlir::arith::OrIOp::create(b, mlir::arith::ShLIOp::create(b, upper, b.i64(32)), lower);
  }
  mlir::Value max(mlir::Value x, mlir::Value y) { return mlir::arith::MaxUIOp::create(b, x, y); }

  // ---- i64 across a warp
  mlir::Value shuffleXor(mlir::Value x, int64_t mask) {
    return join(b.shuffleXor(high(x), mask), b.shuffleXor(low(x), mask));
  }
  mlir::Value shuffleFrom(mlir::Value x, mlir::Value lane) {
    return join(b.shuffleFrom(high(x), lane), b.shuffleFrom(low(x), lane));
  }
  mlir::Value maxLanes(mlir::Value x) {
    for (int64_t mask = 16; mask > 0; mask /= 2)
      x = max(x, shuffleXor(x, mask));
    return x;
  }
  mlir::Value sumLanes(mlir::Value x) {
    for (int64_t mask = 16; mask > 0; mask /= 2)
      x = b.add(x, shuffleXor(x, mask));
    return x;
  }
  /// Sum over the lanes up to one's own.
  mlir::Value scanLanes(mlir::Value x) {
    mlir::Value lane = b.lane();
    for (int64_t distance = 1; distance < 32; distance *= 2) {
      mlir::Value other = shuffleFrom(x, b.max(b.sub(lane, distance), b.i32(0)));
      mlir::Value reaches = b.compare(CudaBuilder::Predicate::sge, lane, distance);
      x = b.add(x, b.select(reaches, other, b.i64(0)));
    }
    return x;
  }

private:
  CudaBuilder &b;
};

/// A logit's place among all as an unsigned number (i32): greater for a greater logit, kNotFinite for NaN and infinity.
mlir::Value orderOf(CudaBuilder &b, mlir::Value logit);
/// Upper half: the order; lower half: lower indices are greater.
mlir::Value keyOf(CudaBuilder &b, mlir::Value logit, mlir::Value index);

/// An array of `count` elements in the shared memory of a block, for the bodies that name it.
void declareShared(CudaBuilder &b, llvm::StringRef name, mlir::Type element, int64_t count);

/// quipu_sample. As emitters do, it emits at once what its body needs besides.
ServiceBody emitSample(CudaBuilder &b);
/// quipu_score, behind emitSample.
ServiceBody emitScore(CudaBuilder &b);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_SERVICES_SERVICES_H
