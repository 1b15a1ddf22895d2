//===- KernelParams.h - What a kernel expects of its steps ------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_PLAN_KERNELPARAMS_H
#define QUIPU_CODEGEN_PLAN_KERNELPARAMS_H

#include "ir/Llama/Llama.h"
#include "runtime/abi/plan_generated.h"

#include <memory>
#include <vector>

namespace quipu::codegen {

/// One for each argument of a step that launches the kernel, in the order of KernelAbi.h. They come from the kernel's
/// own types and ops, not from a launch. Fails with a diagnostic on the kernel where a plan cannot say what it takes.
mlir::FailureOr<std::vector<std::unique_ptr<plan::ParamT>>> paramsOf(llama::KernelOp kernel);

/// Rows of tokens that the kernel takes at a time: those side by side in the lanes of its activations.
uint32_t rowAlignOf(llama::KernelOp kernel);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_KERNELPARAMS_H
