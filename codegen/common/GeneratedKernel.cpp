//===- GeneratedKernel.cpp - Code of a kernel while it is emitted ------------------===//

#include "codegen/common/GeneratedKernel.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

CodeAttr GeneratedKernel::attribute(MLIRContext *context) const {
  SmallVector<EntryAttr> attributes;
  for (const GeneratedEntry &entry : entries) {
    SmallVector<TensorMapAttr> maps;
    for (const auto &[pointer, element, rows, columns, boxRows, boxColumns] : entry.tensorMaps)
      maps.push_back(TensorMapAttr::get(context, pointer, element, rows, columns, boxRows, boxColumns));
    attributes.push_back(EntryAttr::get(context, StringAttr::get(context, entry.symbol), entry.fixed, entry.rows,
                                        entry.rowsPerBlock, entry.leastBlocks, entry.threads, entry.sharedBytes,
                                        entry.persistent, entry.cluster, entry.preferShared, maps));
  }
  return CodeAttr::get(context, attributes, scratchBytes);
}

} // namespace quipu::codegen
