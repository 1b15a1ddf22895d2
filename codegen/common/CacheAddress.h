//===- CacheAddress.h - Where a key or value lies in the cache --*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_CACHEADDRESS_H
#define QUIPU_CODEGEN_COMMON_CACHEADDRESS_H

#include "codegen/common/ArithBuilder.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen {

/// Pointers and shape of a cache layer inside an entry. The pools are [blocks][Hkv][page][Dh].
struct CacheAddress {
  /// From the frame of an entry (KernelFrame, CudaFrame) and the kernel's cache argument.
  template <typename Frame>
  CacheAddress(ArithBuilder &b, const Frame &frame, mlir::Value kvArgument)
      : type(mlir::cast<llama::KVLayerType>(kvArgument.getType())), keys(frame.argument(kvArgument, 0)),
        values(frame.argument(kvArgument, 1)), table(frame.argument(kvArgument, 2)),
        tableStride(frame.blockTableStride.getType().isInteger(64) ? frame.blockTableStride
                                                                   : b.widen(frame.blockTableStride)) {}

  int64_t rowBytes() const { return type.getHeadDim() * bytesOf(type.getElementType()); }
  int64_t headBytes() const { return type.getPage() * rowBytes(); }
  int64_t blockBytes() const { return type.getKvHeads() * headBytes(); }

  /// Byte offset (i64), in either pool, of the page with number `pageIndex` of `sequence` (both i64), for head 0.
  mlir::Value pageOffset(ArithBuilder &b, mlir::Value sequence, mlir::Value pageIndex) const {
    mlir::Value entry = b.add(b.mul(sequence, tableStride), pageIndex);
    mlir::Value block = b.widen(b.load(b.getI32Type(), b.at(table, b.mul(entry, 4)), 4));
    return b.mul(block, blockBytes());
  }
  /// Byte offset of `position` of `sequence` (both i64), for head 0.
  mlir::Value rowOffset(ArithBuilder &b, mlir::Value sequence, mlir::Value position) const {
    mlir::Value page = pageOffset(b, sequence, b.div(position, type.getPage()));
    return b.add(page, b.mul(b.rem(position, type.getPage()), rowBytes()));
  }

  llama::KVLayerType type;
  mlir::Value keys, values, table, tableStride;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_CACHEADDRESS_H
