//===- CudaBody.cpp - What an emitter gives -----------------------------------===//

#include "codegen/cuda/vocabulary/CudaBody.h"

#include "codegen/common/OpLocation.h"
#include "codegen/cuda/vocabulary/KernelFunction.h"
#include "runtime/abi/CudaLimits.h"
#include "runtime/abi/KernelAbi.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

/// Parameter number `parameter` is a tensor map, which the driver passes by value.
static void declareTensorMap(CudaBuilder &b, LLVM::LLVMFuncOp function, unsigned parameter) {
  function.setArgAttr(parameter, NVVM::NVVMDialect::getGridConstantAttrName(), b.getUnitAttr());
  function.setArgAttr(parameter, LLVM::LLVMDialect::getByValAttrName(),
                      TypeAttr::get(LLVM::LLVMArrayType::get(b.getI8Type(), kTensorMapBytes)));
  function.setArgAttr(parameter, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(kTensorMapAlignment));
}

void emitEntry(CudaBuilder &b, KernelOp kernel, const CudaBody &body) {
  const GeneratedEntry &entry = body.entry;
  unsigned pointers = CudaFrame::countPointers(kernel), maps = entry.tensorMaps.size();
  SmallVector<Type> types(pointers, b.pointerType(1));
  types.append(kNumDims, b.getI32Type());
  types.append(maps, b.pointerType(0));
  KernelFunction function(b, entry.symbol, types, entry.threads);
  if (entry.cluster > 1)
    function.op()->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                           b.getDenseI32ArrayAttr({static_cast<int32_t>(entry.cluster), 1, 1}));
  if (body.residentBlocks)
    function.setResidentBlocks(body.residentBlocks);
  for (unsigned i = 0; i < maps; ++i)
    declareTensorMap(b, function.op(), pointers + kNumDims + i);
  OpLocation location(b, mainOpOf(kernel));
  ValueRange parameters = function.parameters();
  DependentLaunch handover;
  CudaFrame frame(b, handover, kernel,
                  {parameters.take_front(pointers), parameters.slice(pointers, kNumDims), parameters.take_back(maps)});
  body.emit(b, frame);
}

} // namespace quipu::codegen::cuda
