//===- KernelWindow.h - Some ops of a kernel as a kernel --------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELWINDOW_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELWINDOW_H

#include "ir/Llama/Llama.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace quipu::tool {

/// A module with one kernel, which a program launches on its arguments.
struct KernelWindow {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// For each argument the number of the argument of the whole kernel. Nothing for what ops in front of the window
  /// give.
  std::vector<std::optional<unsigned>> arguments;
};

/// Ops [begin, end) of a kernel that has no schedule yet, as a kernel of the same name. It gives what ops behind them
/// read. `launch` is a launch of the whole kernel: the new program is like the one around it. Nothing if these ops are
/// no kernel.
std::optional<KernelWindow> makeWindow(llama::KernelOp kernel, llama::LaunchOp launch, size_t begin, size_t end);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELWINDOW_H
