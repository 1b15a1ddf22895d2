//===- LlamaDialect.cpp - The llama dialect -------------------------------===//

#include "ir/Llama/Llama.h"
#include "ir/Llama/SumOrders.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

#include "ir/Llama/LlamaDialect.cpp.inc"

namespace quipu::llama {

namespace {
/// A kernel may stand in the place of any of its launches.
struct KernelInliner : mlir::DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(mlir::Operation *, mlir::Operation *, bool) const final { return true; }
  bool isLegalToInline(mlir::Region *, mlir::Region *, bool, mlir::IRMapping &) const final { return true; }
  bool isLegalToInline(mlir::Operation *, mlir::Region *, bool, mlir::IRMapping &) const final { return true; }
  void handleTerminator(mlir::Operation *yield, mlir::ValueRange results) const final {
    for (auto [result, yielded] : llvm::zip_equal(results, yield->getOperands()))
      result.replaceAllUsesWith(yielded);
  }
};

/// Fields of the config are in the origins of almost all ops.
struct FieldAliases : mlir::OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(mlir::Attribute attribute, llvm::raw_ostream &os) const final {
    auto field = mlir::dyn_cast<FieldAttr>(attribute);
    if (!field)
      return AliasResult::NoAlias;
    os << field.getName();
    return AliasResult::FinalAlias;
  }
};
} // namespace

void LlamaDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "ir/Llama/LlamaOps.cpp.inc"
      >();
  addInterfaces<KernelInliner, FieldAliases>();
}

mlir::LogicalResult LlamaDialect::verifyOperationAttribute(mlir::Operation *op, mlir::NamedAttribute attribute) {
  if (attribute.getName() != kTargetAttrName && attribute.getName() != kDeterministicAttrName)
    return mlir::success();
  auto module = mlir::dyn_cast<mlir::ModuleOp>(op);
  if (!module)
    return op->emitOpError() << "has the attribute " << attribute.getName().getValue() << ", which belongs to a module";
  if (attribute.getName() == kDeterministicAttrName) {
    if (std::string why = whySumsDiffer(module); !why.empty())
      return op->emitOpError() << "says that it is deterministic, but " << why;
    return mlir::success();
  }
  if (!mlir::isa<TargetAttrInterface>(attribute.getValue()))
    return op->emitOpError() << "has the target " << attribute.getValue()
                             << "; expected a #llama.cpu_target or #llama.cuda_target";
  return mlir::success();
}

} // namespace quipu::llama
