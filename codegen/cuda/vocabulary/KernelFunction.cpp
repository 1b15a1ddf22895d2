//===- KernelFunction.cpp - A function that the runtime can launch -----------===//

#include "codegen/cuda/vocabulary/KernelFunction.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace quipu::codegen::cuda {

KernelFunction::KernelFunction(CudaBuilder &b, StringRef symbol, ArrayRef<Type> parameters, int64_t threads)
    : b(b), guard(b) {
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), parameters);
  operation = LLVM::LLVMFuncOp::create(b, symbol, type);
  operation->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  operation->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                     b.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  b.setInsertionPointToStart(operation.addEntryBlock(b));
}

KernelFunction::~KernelFunction() { LLVM::ReturnOp::create(b, ValueRange()); }

void KernelFunction::setResidentBlocks(int64_t blocks) {
  operation->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(blocks));
}

} // namespace quipu::codegen::cuda
