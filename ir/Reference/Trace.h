//===- Trace.h - The values of a program's ops ------------------*- C++ -*-===//
//
// For finding the op where two modules begin to differ: a program that is traced gives the value of each of its ops.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_REFERENCE_TRACE_H
#define QUIPU_IR_REFERENCE_TRACE_H

#include "mlir/IR/Types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace quipu::llama {

/// A value that an op of a program computed in a step, or what it wrote to the cache.
struct TracedValue {
  /// The op's name ("llama.linear"), and its place in the model. The place of an op in a kernel is that of the launch
  /// with the op's own last word.
  std::string op, place;
  /// Number of the result.
  unsigned result = 0;
  /// The traced values that the op reads: numbers in the trace, each smaller than that of this value.
  std::vector<size_t> operands;
  /// The op writes this layer of the cache. It has no numbers then.
  std::optional<int64_t> cacheLayer;

  /// Rows of the step (of its tokens, or its wanted rows) x `columns`. Empty where the reference lowering has the value
  /// in another order than the op says.
  int64_t columns = 0;
  std::vector<float> numbers;

  /// Type of the numbers. Null: there are none.
  mlir::Type element;
  /// Dimensions of the tensor.
  int64_t rank = 0;
};

/// Appends to the results of a program, which is a plain function (makePlainFunctions), the values that it computes.
/// Those with an element type are appended, in this order.
std::vector<TracedValue> traceValues(mlir::func::FuncOp program);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_TRACE_H
