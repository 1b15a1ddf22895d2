//===- KernelFrame.h - Entries of a kernel and their arguments --*- C++ -*-===//
//
// Creates the functions of a kernel with the signature of runtime/abi/KernelAbi.h and maps the arguments, results and
// workspaces of a `llama.kernel` to pointers. The order of pointers is the order in which the plan writer lists the
// arguments of a step: arguments (a weight in parts gives one pointer a part; a cache layer gives K pool, V pool and
// block table), then results, then workspaces.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_KERNELFRAME_H
#define QUIPU_CODEGEN_CPU_KERNELFRAME_H

#include "codegen/common/Arguments.h"
#include "codegen/cpu/KernelBuilder.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen::cpu {

/// How an activation lies in memory.
struct ActivationLayout {
  mlir::Type element;
  int64_t width;
  /// 0: row-major.
  int64_t lanes = 0;
  int64_t pack = 1;

  explicit ActivationLayout(mlir::Type type);
  int64_t elementBytes() const { return bytesOf(element); }
  /// Bytes of a row (row-major) or of a tile of `lanes` rows.
  int64_t strideBytes() const { return width * elementBytes() * (lanes ? lanes : 1); }
  /// Byte offset of feature `k` in its row, or of lane 0 in its tile.
  mlir::Value featureOffset(KernelBuilder &b, mlir::Value k) const;
  int64_t featureOffset(int64_t k) const;
};

/// One entry function under construction; the builder's insertion point is inside it until it goes out of scope.
class KernelFrame {
public:
  KernelFrame(KernelBuilder &builder, llama::KernelOp kernel, llvm::StringRef symbol);
  ~KernelFrame();
  KernelFrame(const KernelFrame &) = delete;
  KernelFrame &operator=(const KernelFrame &) = delete;

  /// The pointer (number `part` of several) of a kernel argument.
  mlir::Value argument(mlir::Value blockArgument, unsigned part = 0) const;
  mlir::Value result(unsigned index) const;
  mlir::Value workspace(unsigned index) const;

  mlir::Value begin, end, scratch;
  /// T, R and the entries in a row of the block table.
  mlir::Value tokens, outputs, blockTableStride;

private:
  KernelBuilder &builder;
  mlir::OpBuilder::InsertionGuard guard;
  llvm::SmallVector<unsigned> firstPointer;
  unsigned firstResult, firstWorkspace;
  llvm::SmallVector<mlir::Value> pointers;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_KERNELFRAME_H
