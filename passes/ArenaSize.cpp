//===- ArenaSize.cpp - What a value takes in the arena ---------------------===//

#include "passes/ArenaSize.h"

#include "runtime/abi/KernelAbi.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace quipu::llama {

int64_t arenaBytesOf(Type type, ProgramAttr program) {
  auto tensor = cast<RankedTensorType>(type);
  int64_t elements = 1;
  for (int64_t dim : tensor.getShape()) {
    if (!ShapedType::isDynamic(dim)) {
      elements *= dim;
      continue;
    }
    auto rows = static_cast<int64_t>(llvm::alignTo(program.getMaxRows(), program.getRowAlign()));
    if (TokenLanesAttr lanes = getTokenLanes(tensor))
      rows = static_cast<int64_t>(llvm::alignTo(rows, lanes.getLanes()));
    elements *= rows;
  }
  int64_t bytes = llvm::divideCeil(elements * tensor.getElementTypeBitWidth(), 8);
  return static_cast<int64_t>(llvm::alignTo(bytes, kArenaAlignment));
}

} // namespace quipu::llama
