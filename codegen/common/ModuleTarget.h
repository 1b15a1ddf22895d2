//===- ModuleTarget.h - What a module is compiled for -----------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_MODULETARGET_H
#define QUIPU_CODEGEN_COMMON_MODULETARGET_H

#include "codegen/common/Diagnose.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen {

/// The target of `module`. If `text` (an option of a pass) is not empty, it names the target, and the module has it
/// from then on. Otherwise it is the module's own target if that is an `AttrT`, or the target that `whenUnsaid` names.
/// Fails with a diagnostic if `parse` does not know the text.
template <typename TargetT, typename AttrT, typename Parse>
mlir::FailureOr<TargetT> targetOf(mlir::ModuleOp module, llvm::StringRef text, llvm::StringRef whenUnsaid,
                                  Parse parse) {
  auto present = module->getAttrOfType<AttrT>(llama::kTargetAttrName);
  if (text.empty() && present)
    return TargetT(present);
  mlir::FailureOr<TargetT> target = valueOrDiagnose(parse(text.empty() ? whenUnsaid : text), module);
  if (succeeded(target))
    module->setAttr(llama::kTargetAttrName, target->attribute(module.getContext()));
  return target;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_MODULETARGET_H
