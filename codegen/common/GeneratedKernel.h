//===- GeneratedKernel.h - Code of a kernel while it is emitted -*- C++ -*-===//
//
// What emitters fill in, and what becomes the kernel's #llama.code when they are done.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_GENERATEDKERNEL_H
#define QUIPU_CODEGEN_COMMON_GENERATEDKERNEL_H

#include "ir/Llama/Llama.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::codegen {

using llama::RowDim;

/// As #llama.tensor_map. The numbers of pointers are those of codegen/cuda/vocabulary/CudaFrame.h.
struct GeneratedTensorMap {
  unsigned pointer = 0;
  mlir::Type element;
  int64_t rows = 0, columns = 0, boxRows = 0, boxColumns = 0;
};

/// As #llama.entry.
struct GeneratedEntry {
  std::string symbol;
  int64_t fixed = 1;
  RowDim rows = RowDim::One;
  int64_t rowsPerBlock = 1;

  // CUDA only.
  int64_t threads = 0;
  int64_t sharedBytes = 0;
  bool persistent = false;
  int64_t cluster = 1;
  bool preferShared = false;
  std::vector<GeneratedTensorMap> tensorMaps = {};

  /// CPU only: see Entry.least_blocks in runtime/abi/plan.fbs.
  int64_t leastBlocks = 1;
};

struct GeneratedKernel {
  std::string name;
  /// The rows that the kernel works on.
  RowDim rows = RowDim::Tokens;
  std::vector<GeneratedEntry> entries = {};
  int64_t scratchBytes = 0;

  llama::CodeAttr attribute(mlir::MLIRContext *context) const;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_GENERATEDKERNEL_H
