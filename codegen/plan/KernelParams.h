//===- KernelParams.h - What a kernel expects of its steps ------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_PLAN_KERNELPARAMS_H
#define QUIPU_CODEGEN_PLAN_KERNELPARAMS_H

#include "ir/Llama/Llama.h"
#include "runtime/abi/plan_generated.h"

#include <memory>
#include <vector>

namespace quipu::codegen {

/// The parameters of the kernel, one for each argument of a step, in the order of KernelAbi.h. They follow from the
/// kernel's types and ops, not from a launch. Fails with a diagnostic on the kernel if a plan cannot describe a
/// parameter.
mlir::FailureOr<std::vector<std::unique_ptr<plan::ParamT>>> paramsOf(llama::KernelOp kernel);

/// Number of rows that the kernel takes at a time: the lanes of its activations' layout, or 1.
uint32_t rowAlignOf(llama::KernelOp kernel);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_KERNELPARAMS_H
