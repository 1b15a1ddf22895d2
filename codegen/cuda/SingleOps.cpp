//===- SingleOps.cpp - Kernels of one op for CUDA -----------------------------===//

#include "codegen/cuda/SingleOps.h"

#include "codegen/common/LoneOp.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {
namespace {

struct SingleOp {
  StringRef name;
  EmitOp<Operation *> *emit;
};

const SingleOp kSingleOps[] = {
#define SINGLE_OP(OP, EMIT)                                                                                            \
  {OP::getOperationName(),                                                                                             \
   [](CudaBuilder &b, KernelOp kernel, Operation *op, CudaPointwiseScheduleAttr schedule,                              \
      const GeneratedKernel &generated) { return EMIT(b, kernel, cast<OP>(op), schedule, generated); }},
#include "codegen/cuda/SingleOps.def"
};

} // namespace

FailureOr<CudaBody> emitSingleOp(CudaBuilder &b, KernelOp kernel, CudaPointwiseScheduleAttr schedule,
                                 const GeneratedKernel &generated) {
  Operation *op = &kernel.getBody().front().front();
  SmallVector<StringRef> names;
  for (const SingleOp &single : kSingleOps) {
    if (op->getName().getStringRef() == single.name)
      return single.emit(b, kernel, op, schedule, generated);
    names.push_back(single.name);
  }
  return FailureOr<CudaBody>(refuseAlone(kernel, op, names));
}

} // namespace quipu::codegen::cuda
