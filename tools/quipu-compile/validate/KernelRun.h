//===- KernelRun.h - A kernel and what it runs on ---------------*- C++ -*-===//
//
// The inputs of a kernel, whatever their layouts are, and two ways of running it on them: its generated code, as the
// runtime runs it, and the reference lowering of its ops.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELRUN_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELRUN_H

#include "ir/Llama/Llama.h"
#include "runtime/core/Device.h"

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace mlir {
class ExecutionEngine;
} // namespace mlir

namespace quipu::tool {

/// The rows of a step.
struct StepRows {
  /// As the runtime gives them, with padding rows (position -1).
  std::vector<int32_t> tokens, positions, sequences;
  /// The rows that are no padding.
  std::vector<int32_t> real;
  /// The wanted rows: as rows of the step, and as places in `real`.
  std::vector<int32_t> outputs, realOutputs;
  /// Of each wanted row; -1: none.
  std::vector<int32_t> targets;
};

struct KernelArgument {
  enum class Kind { Activation, Indices, Weight, Cache };
  Kind kind = Kind::Activation;
  /// Activation: rows x features, as numbers of its type. The rows are the real ones, or the wanted ones.
  std::vector<float> values;
  bool hasOutputRows = false;
  /// Indices, as generated code gets them, and as the reference lowering does, which has no padding rows.
  std::vector<int32_t> indices, realIndices;
  /// Weight: as it lies in memory.
  llvm::ArrayRef<char> weight;
};

/// The cache has so many pages for each sequence.
inline constexpr int64_t kCacheSequences = 2;

struct KernelInputs {
  StepRows rows;
  /// In the order of the kernel.
  std::vector<KernelArgument> arguments;
  /// Whether a result has a row for each wanted row; else for each token.
  std::vector<bool> resultHasOutputRows;
  /// Keys and values x kCacheSequences x `positions` x heads x head size, before the kernel runs.
  std::vector<float> cache;
  int64_t positions = 0;
};

struct KernelOutputs {
  /// Rows x features of each result, without padding rows. Token ids are numbers too. The reference lowering leaves
  /// those empty that llama.sample gives.
  std::vector<std::vector<float>> results;
  std::vector<float> cache;
};

/// Runs the generated code of a kernel.
KernelOutputs runGenerated(llama::KernelOp kernel, const CodeModule &code, const KernelInputs &inputs);

/// Kernels of one context, lowered by the reference lowering.
class ReferenceKernels {
public:
  /// Throws Error if they cannot be lowered.
  explicit ReferenceKernels(llvm::ArrayRef<llama::KernelOp> kernels);
  ~ReferenceKernels();

  /// Runs kernel number `index`.
  KernelOutputs run(size_t index, const KernelInputs &inputs) const;

private:
  std::vector<llama::KernelOp> kernels;
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELRUN_H
