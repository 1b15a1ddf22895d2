//===- FuseLinears.h - Linears of one input joined into one -----*- C++ -*-===//
//
//   [linear(x, A), linear(x, B), ...] = linear(x, [A; B; ...])
//
// with the weights one below the other. Shared by llama-fuse-qkv and llama-fuse-gate-up.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_FUSELINEARS_H
#define QUIPU_PASSES_FUSELINEARS_H

#include "ir/Llama/Llama.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <map>
#include <string>

namespace quipu::llama {

class LinearFuser {
public:
  explicit LinearFuser(mlir::ModuleOp module);

  /// Why the linears cannot become one; empty when they can.
  std::string whyNot(llvm::ArrayRef<LinearOp> linears);

  /// One linear for all of `linears` (at the first of them in the program), on a weight named `word` beside theirs. The
  /// linears themselves are left for their users to be rewritten.
  LinearOp fuse(llvm::ArrayRef<LinearOp> linears, llvm::StringRef word);

  /// Erases what fusing has left without a use: linears, references and weights.
  void eraseUnused();

private:
  WeightOp lookup(mlir::Value weight);
  WeightOp join(llvm::ArrayRef<WeightOp> weights, const std::string &name);

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  std::map<std::vector<mlir::Operation *>, WeightOp> joined;
  llvm::SmallVector<LinearOp> replaced;
};

} // namespace quipu::llama

#endif // QUIPU_PASSES_FUSELINEARS_H
