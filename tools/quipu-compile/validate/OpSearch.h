//===- OpSearch.h - The op where two modules begin to differ ----*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_OPSEARCH_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_OPSEARCH_H

#include "ir/Reference/Evaluator.h"
#include "tools/quipu-compile/validate/Difference.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// The first op whose value is another one.
struct OpDifference {
  /// "llama.gate of layers.0.mlp.gate".
  std::string op;
  /// Against the same op of the other module. Nothing where that has none.
  std::optional<Difference> difference;
  /// Numbers in a row of its value.
  int64_t columns = 1;
  /// Ops in front of it whose values the other module does not have, and which nothing shows to be right.
  std::vector<std::string> suspects;
};

/// Compares what two traced evaluators computed in their last steps, which were the same. A value of `after` is right
/// if `before` has it too, whichever op gave it, or if all that is computed from it is right. Nothing if all values
/// are.
std::optional<OpDifference> findFirstDifference(const llama::Evaluator &before, const llama::Evaluator &after,
                                                double tolerance);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_OPSEARCH_H
