//===- AttentionFew.h - What attention of few rows has in common -*- C++ -*-===//
//
// A block is one row, `heads` query heads of one key/value head, and one part of the keys that the row sees. Each key
// and value is read once for all of these heads. The block's warps take tiles of neighbouring keys in turn and leave
// their running softmax (Milakov and Gimelshein, 2018) in shared memory: for each head the largest score m, the total
// l = sum_j 2^(score_j - m) and sums_d = sum_j 2^(score_j - m) value_jd, where scores are times log2(e). How a warp
// does that is the difference between AttentionFewFma.cpp and AttentionFewMma.cpp.
//
// A row whose keys are one part is finished then. Otherwise each block leaves its (m, l, sums) in the workspace
// (AttentionWorkspace.h) and counts itself; the last of a row's blocks merges the parts. The counters belong to the
// code module, start at zero and return to zero by themselves: launches do not overlap, since a block that counts
// has waited for the kernel in front.
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
  /// Distance of the two halves of a chunk of eight elements, so that neighbouring quads lie in different banks.
  int64_t halfSlots() const { return chunks + (12 - chunks % 8) % 8; }
  int64_t slots() const { return run == 8 ? (halfSlots() + chunks) | 1 : chunks; }
  int64_t partialBytes() const { return heads * slots() * 16; }
  int64_t pairsBegin() const { return partials() * partialBytes(); }
  int64_t flagBegin() const { return pairsBegin() + llvm::alignTo(warps * heads * 8, 16); }
  int64_t sharedBytes() const { return flagBegin() + 16; }

  int64_t kvHeads, group, heads, head, page, warps, keys, splits;
  mlir::Type element;
  /// Elements in 16 bytes of the cache, and such chunks in a head.
  int64_t run, chunks;

  // Filled in by the form.
  /// Keys that a warp reads at a time; they lie in one page.
  int64_t tile = 0;
  /// Sets of sums that a warp leaves in shared memory.
  int64_t partialsOfWarp = 1;
  /// Registers that a thread needs inside the loop, about.
  int64_t registers = 0;
  /// A step has one row: all keys before its own were there before the step.
  bool alone = false;
};

/// Emits the body of an entry. The values that the members hold are valid where emit() has come to.
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

  /// Where the lane stands in the form's tiles.
  virtual void placeLane() = 0;
  /// Before the kernel in front has finished, in a step of one row: may request keys and values in front of the row's
  /// own position, where the block `works`.
  virtual void prefetch(Value works) {}
  /// Requests the queries: the first loads behind the wait.
  virtual void loadQueries() = 0;
  /// Walks the part's tiles and leaves the warps' (m, l, sums) in shared memory.
  virtual void attend() = 0;

  /// Address of the row's query `head` of the block (i32).
  Value queryOf(Value head);
  /// Byte offset, in either pool, of the page of `key`; that of the part's last key if it lies behind.
  Value pageOf(Value key);
  /// Address in `pool` of the tile of keys at `key`, whose page begins at `page`.
  Value tileOf(Value pool, Value page, Value key);
  /// Key number `keyRow` of the tile at `tile`, or the part's last key (`last`, counted from the tile) if that comes
  /// first: what lies behind it was perhaps never written and may be anything.
  Value keyOf(Value tile, Value keyRow, Value last) {
    return b.at(tile, b.mul(b.widen(b.min(keyRow, last)), cache.rowBytes()));
  }
  /// Whether the row sees key number `keyRow` of the tile at `key`.
  Value isSeen(Value key, Value keyRow, Value last);
  /// A tile's loads, or nothing where the part has no tile at `key`. `loads` gets the part's last key, counted from the
  /// tile.
  Values ifTile(Value key, int64_t count, llvm::function_ref<Values(Value)> loads);
  /// 16 bytes that no other block wants soon; stays where it is among the other loads and barriers.
  Value loadOnce(Value pointer);
  /// An i32 from an input of the step, 16 bytes of an activation; stay where they are.
  Value loadInput(Value pointer);
  Value loadInput16(Value pointer);
  /// Places in shared memory: four neighbouring sums of a partial and head (slot, i32), and a warp's pair of a head.
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
  /// i32: the row, the part, the set of heads (of all key/value heads), its key/value head and first query head.
  Value row, split, unit, kvHead, firstHead;
  /// i32: of the row; the part is [begin, end) of its keys and parts are `part` long.
  Value position, sequence, firstSeen, length, part, begin, end;
  /// Pools of the block's key/value head.
  Value keyPool, valuePool;
  /// The warp's first tile, its page and that of the warp's second one, `stride` keys behind.
  Value start, firstPage, nextPage;
  int64_t stride = 0;

private:
  /// What the merges make of four neighbouring elements of a head.
  struct Merged {
    Value maximum, total;
    Values quad;
  };

  void divideKeys();
  void finish();
  void countPart(Value lastPart, Value flag);
  void forQuads(llvm::function_ref<void(Value, Value)> body);
  Merged mergeWarps(Value head, Value quad);
  Merged mergeParts(Value head, Value quad, Value lastPart);
  Value workspaceRow();
  Value sumsAddress(Value head, Value quad, Value index);
  Value pairAddress(Value head, Value index);
  void storeDivided(Value head, Value quad, const Merged &merged);
  void storeResult(Value head, Value quad, llvm::ArrayRef<Value> values);
};

/// Operands widened to f32, fused multiply-add: every type.
struct AttentionFewFmaShape : AttentionFewShape {
  AttentionFewFmaShape(llama::AttentionOp attention, llama::CudaAttentionScheduleAttr schedule);

  /// Keys side by side in a warp.
  int64_t rowsOfStep() const { return 32 / lanes; }
  /// Elements of a head in a thread.
  int64_t width() const { return repeats * run; }

  /// Lanes of a key, chunks of a lane, keys of a lane in a tile.
  int64_t lanes, repeats, steps;
};
std::unique_ptr<AttentionFewBody> createAttentionFewFma(CudaBuilder &b, const CudaFrame &frame,
                                                        llama::AttentionOp attention, const AttentionFewFmaShape &shape,
                                                        const AttentionWorkspace &workspace, llvm::StringRef counters);

/// Tensor cores: f16 or bf16, at most eight heads in a block, pages of 16 keys or a multiple.
struct AttentionFewMmaShape : AttentionFewShape {
  AttentionFewMmaShape(llama::AttentionOp attention, llama::CudaAttentionScheduleAttr schedule);

  /// Groups of four and of eight chunks in a head.
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
