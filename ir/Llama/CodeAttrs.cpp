//===- CodeAttrs.cpp - Verifiers of what is said about generated code -------------------===//

#include "ir/Llama/Llama.h"

using namespace mlir;

namespace quipu::llama {

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

namespace {
struct Count {
  StringRef name;
  int64_t value;
  int64_t least;
};
} // namespace

static LogicalResult checkCounts(EmitError emitError, ArrayRef<Count> counts) {
  for (const auto &[name, value, least] : counts)
    if (value < least)
      return emitError() << name << " must be at least " << least << ", found " << value;
  return success();
}

LogicalResult TensorMapAttr::verify(EmitError emitError, int64_t pointer, Type, int64_t rows, int64_t columns,
                                    int64_t boxRows, int64_t boxColumns) {
  return checkCounts(emitError, {{"pointer", pointer, 0},
                                 {"rows", rows, 1},
                                 {"columns", columns, 1},
                                 {"boxRows", boxRows, 1},
                                 {"boxColumns", boxColumns, 1}});
}

LogicalResult EntryAttr::verify(EmitError emitError, StringAttr symbol, int64_t fixed, RowDim, int64_t rowsPerBlock,
                                int64_t leastBlocks, int64_t threads, int64_t sharedBytes, bool, int64_t cluster, bool,
                                ArrayRef<TensorMapAttr>) {
  if (symbol.empty())
    return emitError() << "symbol must be the name of a function, found none";
  if (failed(checkCounts(emitError, {{"fixed", fixed, 1},
                                     {"rowsPerBlock", rowsPerBlock, 1},
                                     {"leastBlocks", leastBlocks, 1},
                                     {"threads", threads, 0},
                                     {"sharedBytes", sharedBytes, 0},
                                     {"cluster", cluster, 1}})))
    return failure();
  if (fixed % cluster)
    return emitError() << "fixed must be a multiple of cluster, found " << fixed << " and " << cluster;
  return success();
}

LogicalResult CodeAttr::verify(EmitError emitError, ArrayRef<EntryAttr> entries, int64_t scratchBytes) {
  if (entries.empty())
    return emitError() << "there must be an entry at least";
  return checkCounts(emitError, {{"scratchBytes", scratchBytes, 0}});
}

} // namespace quipu::llama
