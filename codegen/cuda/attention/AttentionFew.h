//===- AttentionFew.h - What attention of few rows has in common -*- C++ -*-===//
//
// A block computes one row, `heads` query heads of one key/value head, and one part of the keys that the row sees. It
// reads each key and value once for all of these heads. The block's warps take tiles of neighbouring keys in turn. They
// leave their running softmax (Milakov and Gimelshein, 2018) in shared memory. For each head it is the largest score m,
// the total l = sum_j 2^(score_j - m) and sums_d = sum_j 2^(score_j - m) value_jd. Scores are multiplied by log2(e)
// here. AttentionFewFma.cpp and AttentionFewMma.cpp differ in how a warp does this.
//
// If the row's keys are one part, the row is finished then. Otherwise each block leaves its (m, l, sums) in the
// workspace (AttentionWorkspace.h) and counts itself (AttentionCounters.h). The last of a row's blocks merges the
// parts.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONFEW_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONFEW_H

#include "codegen/common/CacheAddress.h"
#include "codegen/cuda/attention/AttentionWorkspace.h"
#include "codegen/cuda/vocabulary/CudaFrame.h"

#include <memory>

namespace quipu::codegen::cuda {

/// The shape of a block's work.
struct AttentionFewShape {
  AttentionFewShape(llama::AttentionOp attention, llama::CudaAttentionScheduleAttr schedule);

  int64_t threads() const { return 32 * warps; }
  int64_t subgroups() const { return group / heads; }
  int64_t registerLimit() const { return std::min<int64_t>(255, 65536 / threads()); }

  // Shared memory: sums[partial][heads][slots][4], pairs (m, l)[warp][heads], and a flag.
  int64_t partials() const { return warps * partialsOfWarp; }
  /// Distance of the two halves of a chunk of eight elements, in slots of 16 bytes. With it neighbouring quads lie in
  /// different banks.
  int64_t halfSlots() const { return chunks + (12 - chunks % 8) % 8; }
  int64_t slots() const { return chunkElements == 8 ? (halfSlots() + chunks) | 1 : chunks; }
  int64_t partialBytes() const { return heads * slots() * 16; }
  int64_t pairsBegin() const { return partials() * partialBytes(); }
  int64_t flagBegin() const { return pairsBegin() + llvm::alignTo(warps * heads * 8, 16); }
  int64_t sharedBytes() const { return flagBegin() + 16; }

  int64_t kvHeads, group, heads, head, page, warps, keys, splits;
  mlir::Type element;
  /// Elements of the cache in a chunk of 16 bytes, and chunks in a head.
  int64_t chunkElements, chunks;

  // Set by the form (fma or mma).
  /// Keys that a warp reads at a time; they lie in one page.
  int64_t tile = 0;
  /// Sets of sums that a warp leaves in shared memory.
  int64_t partialsOfWarp = 1;
  /// Estimate of the registers that a thread needs inside the loop.
  int64_t registers = 0;
  /// A step has one row. So all keys in front of the row's own were written before the step.
  bool hasOneRow = false;
};

/// Emits the body of an entry. emit() sets the members that are mlir::Values in the order in which it emits their code.
class AttentionFewBody {
public:
  AttentionFewBody(CudaBuilder &b, const CudaFrame &frame, llama::AttentionOp attention, const AttentionFewShape &shape,
                   const AttentionWorkspace &workspace, llvm::StringRef counters);
  virtual ~AttentionFewBody() = default;
  void emit();

protected:
  using Value = mlir::Value;
  using Values = CudaBuilder::Values;
  using Predicate = mlir::arith::CmpIPredicate;

  /// Finds which keys and chunks of a tile the lane works on.
  virtual void placeLane() = 0;
  /// Called in a step of one row, before the kernel in front has finished. May load keys and values in front of the
  /// row's own position. It does so only if `works` (i1): the block has a part of the keys.
  virtual void prefetch(Value works) {}
  /// Loads the queries. These are the first loads after the wait for the kernel in front.
  virtual void loadQueries() = 0;
  /// Walks the part's tiles and leaves the warps' (m, l, sums) in shared memory.
  virtual void attend() = 0;

  /// Address of the row's query `head` of the block (i32).
  Value queryOf(Value head);
  /// Byte offset of the page of `key` in the pools of keys and values. For a key behind the part's last key it is the
  /// page of the last key.
  Value pageOf(Value key);
  /// Address in `pool` of the tile of keys at `key`, whose page begins at `page`.
  Value tileOf(Value pool, Value page, Value key);
  /// Address of key number `keyRow` of the tile at `tile`, but at most of the part's last key (`last`, counted from the
  /// tile). Memory behind the last key may be uninitialised.
  Value keyOf(Value tile, Value keyRow, Value last) {
    return b.at(tile, b.mul(b.widen(b.min(keyRow, last)), cache.rowBytes()));
  }
  /// Whether the row sees key number `keyRow` of the tile at `key`.
  Value isSeen(Value key, Value keyRow, Value last);
  /// The values of a tile's loads, or `count` poison values if the part has no tile at `key`. `loads` gets the part's
  /// last key, counted from the tile.
  Values ifTile(Value key, int64_t count, llvm::function_ref<Values(Value)> loads);
  /// Loads 16 bytes that no other block will need soon. The assembler does not move it across other loads and barriers.
  Value loadOnce(Value pointer);
  /// Load an i32 from an input of the step, and 16 bytes of an activation. The assembler does not move them either.
  Value loadInput(Value pointer);
  Value loadInput16(Value pointer);
  /// Address in shared memory of four neighbouring sums of a partial and head. All arguments are i32.
  Value sumsOf(Value partial, Value head, Value slot);
  void storePair(Value head, Value maximum, Value total);

  CudaBuilder &b;
  const CudaFrame &frame;
  llama::AttentionOp attention;
  const AttentionFewShape &shape;
  AttentionWorkspace workspace;
  CacheAddress cache;
  llvm::StringRef counters;
  mlir::Type queryElement, resultElement;
  /// scale * log2(e).
  float factor;
  /// i32: of the thread.
  Value thread, lane, warp;
  /// i32: the row; number of the part; number of the block's set of heads among all sets; its key/value head; its first
  /// query head.
  Value row, split, unit, kvHead, firstHead;
  /// i32, of the row: its position and sequence, the first key that it sees and the number of keys from there. The
  /// block's part is [begin, end) of the keys; each part has `part` keys.
  Value position, sequence, firstSeen, length, part, begin, end;
  /// Addresses of the block's key/value head in the pools.
  Value keyPool, valuePool;
  /// First key of the warp's first tile, and byte offset of its page. Byte offset of the page of the warp's second
  /// tile. The tiles of a warp are `stride` keys apart.
  Value start, firstPage, nextPage;
  int64_t stride = 0;

private:
  /// Result of a merge for four neighbouring elements of a head.
  struct Merged {
    Value maximum, total;
    Values quad;
  };

  void divideKeys();
  void finish();
  void forQuads(llvm::function_ref<void(Value, Value)> body);
  Merged mergeWarps(Value head, Value quad);
  Merged mergeParts(Value head, Value quad, Value lastPart);
  Value workspaceRow();
  Value sumsAddress(Value head, Value quad, Value index);
  Value pairAddress(Value head, Value index);
  void storeDivided(Value head, Value quad, const Merged &merged);
  void storeResult(Value head, Value quad, llvm::ArrayRef<Value> values);
};

/// Operands are widened to f32; products are fused multiply-adds. Works for every type of cache.
struct AttentionFewFmaShape : AttentionFewShape {
  AttentionFewFmaShape(llama::AttentionOp attention, llama::CudaAttentionScheduleAttr schedule);

  /// Keys that a warp reads side by side.
  int64_t rowsOfStep() const { return 32 / lanes; }
  /// Elements of a head that a thread has.
  int64_t width() const { return repeats * chunkElements; }

  /// Lanes that share a key, chunks of a key in a lane, keys of a lane in a tile.
  int64_t lanes, repeats, steps;
};
std::unique_ptr<AttentionFewBody> createAttentionFewFma(CudaBuilder &b, const CudaFrame &frame,
                                                        llama::AttentionOp attention, const AttentionFewFmaShape &shape,
                                                        const AttentionWorkspace &workspace, llvm::StringRef counters);

/// Products on tensor cores. Needs a cache of f16 or bf16, at most eight heads in a block, and pages of a multiple of
/// 16 keys.
struct AttentionFewMmaShape : AttentionFewShape {
  AttentionFewMmaShape(llama::AttentionOp attention, llama::CudaAttentionScheduleAttr schedule);

  /// Groups of four chunks in a head (for keys), and groups of eight (for values).
  int64_t keyGroups() const { return llvm::divideCeil(chunks, 4); }
  int64_t valueGroups() const { return llvm::divideCeil(chunks, 8); }

  /// Sets of 16 keys in a tile.
  int64_t sets;
};
std::unique_ptr<AttentionFewBody> createAttentionFewMma(CudaBuilder &b, const CudaFrame &frame,
                                                        llama::AttentionOp attention, const AttentionFewMmaShape &shape,
                                                        const AttentionWorkspace &workspace, llvm::StringRef counters);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONFEW_H
