//===- SingleOps.cpp - Kernels of one op for CPUs ------------------------------===//

#include "codegen/cpu/SingleOps.h"

#include "codegen/common/LoneOp.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

struct SingleOp {
  StringRef name;
  EmitOp<Operation *> *emit;
};

const SingleOp kSingleOps[] = {
#define SINGLE_OP(OP, EMIT)                                                                                            \
  {OP::getOperationName(),                                                                                             \
   [](KernelBuilder &b, KernelOp kernel, Operation *op, CpuPointwiseScheduleAttr schedule, RowDim rows,                \
      StringRef symbol) { EMIT(b, kernel, cast<OP>(op), schedule, rows, symbol); }},
#include "codegen/cpu/SingleOps.def"
};

} // namespace

LogicalResult emitSingleOp(KernelBuilder &b, KernelOp kernel, CpuPointwiseScheduleAttr schedule, RowDim rows,
                           StringRef symbol) {
  Operation *op = &kernel.getBody().front().front();
  SmallVector<StringRef> names;
  for (const SingleOp &single : kSingleOps) {
    if (op->getName().getStringRef() == single.name) {
      single.emit(b, kernel, op, schedule, rows, symbol);
      return success();
    }
    names.push_back(single.name);
  }
  return refuseAlone(kernel, op, names);
}

} // namespace quipu::codegen::cpu
