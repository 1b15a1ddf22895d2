//===- CudaFrame.cpp - What the body of a kernel works with ------------------===//

#include "codegen/cuda/vocabulary/CudaFrame.h"

#include "runtime/abi/CudaLimits.h"
#include "runtime/abi/KernelAbi.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

static unsigned countPointers(KernelOp kernel, unsigned arguments) {
  unsigned count = 0;
  for (Type type : kernel.getArgumentTypes().take_front(arguments))
    count += pointersOf(type);
  return count;
}

unsigned CudaFrame::pointerOfArgument(KernelOp kernel, Value blockArgument, unsigned part) {
  return countPointers(kernel, cast<BlockArgument>(blockArgument).getArgNumber()) + part;
}

unsigned CudaFrame::pointerOfResult(KernelOp kernel, unsigned index) {
  return countPointers(kernel, kernel.getArgumentTypes().size()) + index;
}

unsigned CudaFrame::pointerOfWorkspace(KernelOp kernel, unsigned index) {
  return pointerOfResult(kernel, kernel.getResultTypes().size()) + index;
}

CudaEntry::CudaEntry(CudaBuilder &builder, KernelOp kernel, const GeneratedEntry &entry)
    : builder(builder), guard(builder), contents(builder, kernel, handover) {
  MLIRContext *context = builder.getContext();
  Type global = builder.pointerType(1), generic = builder.pointerType(0), i32 = builder.getI32Type();
  unsigned count = CudaFrame::pointerOfWorkspace(kernel, kernel.getWorkspace() ? kernel.getWorkspace()->size() : 0);
  SmallVector<Type> types(count, global);
  types.append(kNumDims, i32);
  types.append(entry.tensorMaps.size(), generic);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), types);
  auto function = LLVM::LLVMFuncOp::create(builder, entry.symbol, type);
  this->function = function;
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    builder.getDenseI32ArrayAttr({static_cast<int32_t>(entry.threads), 1, 1}));
  if (entry.cluster > 1)
    function->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                      builder.getDenseI32ArrayAttr({static_cast<int32_t>(entry.cluster), 1, 1}));
  for (unsigned i = 0; i < entry.tensorMaps.size(); ++i) {
    unsigned parameter = count + kNumDims + i;
    function.setArgAttr(parameter, NVVM::NVVMDialect::getGridConstantAttrName(), builder.getUnitAttr());
    function.setArgAttr(parameter, LLVM::LLVMDialect::getByValAttrName(),
                        TypeAttr::get(LLVM::LLVMArrayType::get(builder.getI8Type(), kTensorMapBytes)));
    function.setArgAttr(parameter, LLVM::LLVMDialect::getAlignAttrName(),
                        builder.getI64IntegerAttr(kTensorMapAlignment));
  }
  Block *body = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(body);
  for (unsigned i = 0; i < count; ++i)
    contents.pointers.push_back(body->getArgument(i));
  contents.tokens = body->getArgument(count + kDimTokens);
  contents.outputs = body->getArgument(count + kDimOutputs);
  contents.blockTableStride = body->getArgument(count + kDimBlockTableStride);
  for (unsigned i = 0; i < entry.tensorMaps.size(); ++i)
    contents.maps.push_back(body->getArgument(count + kNumDims + i));
}

CudaEntry::~CudaEntry() { LLVM::ReturnOp::create(builder, ValueRange()); }

void CudaEntry::setResidentBlocks(int64_t blocks) {
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), builder.getI32IntegerAttr(blocks));
}

Value CudaFrame::argument(Value blockArgument, unsigned part) const {
  return pointers[pointerOfArgument(kernel, blockArgument, part)];
}
Value CudaFrame::result(unsigned index) const { return pointers[pointerOfResult(kernel, index)]; }
Value CudaFrame::workspace(unsigned index) const { return pointers[pointerOfWorkspace(kernel, index)]; }

} // namespace quipu::codegen::cuda
