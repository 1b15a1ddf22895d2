//===- KernelInputs.h - Random inputs of a kernel ---------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELINPUTS_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELINPUTS_H

#include "ir/Reference/WeightMemory.h"
#include "tools/quipu-compile/validate/KernelRun.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <string>
#include <vector>

namespace quipu::tool {

/// Random weights of a module, each made when it is first asked for.
class RandomWeightMemory {
public:
  explicit RandomWeightMemory(mlir::ModuleOp module) : module(module) {}

  /// As the weight lies in memory.
  llvm::ArrayRef<char> of(llvm::StringRef symbol);
  /// The number of tokens: rows of the embedding.
  int64_t vocabulary();

private:
  mlir::ModuleOp module;
  std::map<std::string, std::vector<char>> memory;
};

/// A step with so many tokens of each of two sequences, of which the first has a longer past. The rows of a sequence
/// begin at a multiple of `align`.
StepRows makeRows(int64_t first, int64_t second, int64_t align, int64_t vocabulary);

/// Random inputs of a launch, which is in a program of `counts`. Positions, sequences, rows and targets are those of
/// `rows`. A weight that is no symbol of the module, but an argument of the program, is left to the caller.
KernelInputs makeInputs(llama::LaunchOp launch, llama::KernelOp kernel, const llama::RowCounts &counts,
                        const StepRows &rows, RandomWeightMemory &weights);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELINPUTS_H
