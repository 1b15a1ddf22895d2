//===- AttentionFew.cpp - Attention of a handful of rows, split over the keys ===//

#include "codegen/cuda/attention/AttentionFew.h"

#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/attention/AttentionCounters.h"
#include "codegen/cuda/attention/AttentionScores.h"
#include "codegen/cuda/vocabulary/PtxStrings.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

AttentionFewShape::AttentionFewShape(AttentionOp attention, CudaAttentionScheduleAttr schedule)
    : kvHeads(attention.getNumKvHeads()), group(attention.getNumHeads() / kvHeads), heads(schedule.getHeads()),
      head(attention.getKv().getType().getHeadDim()), page(attention.getKv().getType().getPage()),
      warps(schedule.getWarps()), keys(schedule.getKeys()), splits(schedule.getSplits()),
      element(attention.getKv().getType().getElementType()), chunkElements(16 / bytesOf(element)),
      chunks(head / chunkElements) {}

AttentionFewBody::AttentionFewBody(CudaBuilder &b, const CudaFrame &frame, AttentionOp attention,
                                   const AttentionFewShape &shape, const AttentionWorkspace &workspace,
                                   StringRef counters)
    : b(b), frame(frame), attention(attention), shape(shape), workspace(workspace), cache(b, frame, attention.getKv()),
      counters(counters), queryElement(getElementTypeOrSelf(attention.getQuery())),
      resultElement(getElementTypeOrSelf(attention.getResult())), factor(exponentFactor(attention)) {}

void AttentionFewBody::emit() {
  frame.letNextStart();
  thread = b.thread();
  lane = b.rem(thread, 32);
  warp = b.warp();
  placeLane();
  row = frame.block(1);
  split = b.rem(frame.block(0), shape.splits);
  unit = b.div(frame.block(0), shape.splits);
  kvHead = b.div(unit, shape.subgroups());
  firstHead = b.add(b.mul(kvHead, shape.group), b.mul(b.rem(unit, shape.subgroups()), shape.heads));
  // The step's inputs and the block table were written before the step began, so the block need not wait to read them.
  Value rowBytes = b.mul(b.widen(row), 4);
  position = loadInput(b.at(frame.argument(attention.getPositions()), rowBytes));
  sequence = loadInput(b.at(frame.argument(attention.getSequences()), rowBytes));
  divideKeys();
  // In a row that counts neither is negative. A padding row has position -1. The branch tests both numbers, so both
  // loads come before it. If it tested the position alone, the assembler would move the load of the sequence behind the
  // branch, and the loads would wait for each other.
  Value isRow = b.compare(Predicate::sge, arith::OrIOp::create(b, position, sequence), 0);
  Value works = b.both(isRow, b.compare(Predicate::slt, begin, end));
  Value headOffset = b.mul(b.widen(kvHead), cache.headBytes());
  keyPool = b.at(cache.keys, headOffset);
  valuePool = b.at(cache.values, headOffset);
  start = b.add(begin, b.mul(warp, shape.tile));
  stride = shape.warps * shape.tile;
  Values pages = b.ifElse(
      works, [&] { return Values{pageOf(start), pageOf(b.add(start, stride))}; },
      [&] { return Values{b.i64(0), b.i64(0)}; });
  firstPage = pages[0];
  nextPage = pages[1];
  // If not all blocks run at once, blocks without a part of the keys leave now and make room. One block of each row
  // stays, because the kernel may not end before the one in front.
  if (shape.kvHeads * shape.subgroups() * shape.splits > b.target.multiprocessors())
    frame.leaveIf(b.both(b.compare(Predicate::sgt, split, 0), b.compare(Predicate::sge, begin, end)));
  if (shape.hasOneRow)
    prefetch(works);
  frame.waitForPrevious();
  loadQueries();
  b.ifThen(works, [&] {
    attend();
    b.barrier();
    finish();
  });
  Value isPadding = b.both(b.compare(Predicate::slt, position, 0), b.compare(Predicate::eq, split, 0));
  b.ifThen(isPadding,
           [&] { forQuads([&](Value head, Value quad) { storeResult(head, quad, Values(4, b.f32(0.0f))); }); });
}

/// Finds the block's part [begin, end) of the keys that the row sees. Parts begin at multiples of a tile. All parts but
/// the last have the same length, so a block finds its part without the number of parts.
void AttentionFewBody::divideKeys() {
  Value keyEnd = b.add(position, 1);
  Value first = b.i32(0);
  if (auto window = attention.getWindow()) {
    firstSeen = b.max(b.sub(keyEnd, b.i32(std::min<int64_t>(*window, INT32_MAX))), b.i32(0));
    first = b.mul(b.div(firstSeen, shape.tile), shape.tile);
  }
  length = b.sub(keyEnd, first);
  part = b.max(b.ceilDiv(length, shape.splits), b.i32(shape.keys));
  part = b.mul(b.ceilDiv(part, shape.tile), shape.tile);
  begin = b.add(first, b.mul(split, part));
  end = b.min(b.add(begin, part), keyEnd);
}

Value AttentionFewBody::queryOf(Value head) {
  Value index = b.add(b.mul(b.widen(row), attention.getNumHeads()), b.widen(b.add(firstHead, head)));
  return b.at(frame.argument(attention.getQuery()), b.mul(index, shape.head * bytesOf(queryElement)));
}

Value AttentionFewBody::pageOf(Value key) {
  return cache.pageOffset(b, b.widen(sequence), b.widen(b.div(b.min(key, b.sub(end, 1)), shape.page)));
}

Value AttentionFewBody::tileOf(Value pool, Value page, Value key) {
  return b.at(b.at(pool, page), b.mul(b.widen(b.rem(key, shape.page)), cache.rowBytes()));
}

Value AttentionFewBody::isSeen(Value key, Value keyRow, Value last) {
  Value seen = b.compare(Predicate::sle, keyRow, last);
  return attention.getWindow() ? b.both(seen, b.compare(Predicate::sge, b.add(key, keyRow), firstSeen)) : seen;
}

AttentionFewBody::Values AttentionFewBody::ifTile(Value key, int64_t count, llvm::function_ref<Values(Value)> loads) {
  return b.ifElse(
      b.compare(Predicate::slt, key, end), [&] { return loads(b.sub(b.sub(end, 1), key)); },
      [&] { return Values(count, LLVM::PoisonOp::create(b, b.vec4i32()).getResult()); });
}

Value AttentionFewBody::loadOnce(Value pointer) { return b.loadOnce16(pointer); }
Value AttentionFewBody::loadInput16(Value pointer) { return b.loadOrdered16(pointer); }
Value AttentionFewBody::loadInput(Value pointer) { return ptx::load4(b, pointer); }

Value AttentionFewBody::sumsOf(Value partial, Value head, Value slot) {
  Value index = b.add(b.mul(b.add(b.mul(partial, shape.heads), head), shape.slots()), slot);
  return b.at(b.shared(), b.mul(index, 16));
}

void AttentionFewBody::storePair(Value head, Value maximum, Value total) {
  Value index = b.add(b.mul(warp, shape.heads), head);
  b.storeRun(b.getF32Type(), {maximum, total}, b.at(b.shared(), b.add(b.mul(index, 8), shape.pairsBegin())));
}

/// Merges the warps' work: into the result if this part is the row's only one, otherwise into the workspace.
void AttentionFewBody::finish() {
  if (shape.splits == 1) {
    forQuads([&](Value head, Value quad) { storeDivided(head, quad, mergeWarps(head, quad)); });
    return;
  }
  Value isOnly = b.compare(Predicate::sle, length, part);
  forQuads([&](Value head, Value quad) {
    Merged merged = mergeWarps(head, quad);
    b.ifElse(
        isOnly,
        [&] {
          storeDivided(head, quad, merged);
          return Values();
        },
        [&] {
          b.storeRun(b.getF32Type(), merged.quad, sumsAddress(head, quad, split));
          b.ifThen(b.compare(Predicate::eq, quad, 0),
                   [&] { b.storeRun(b.getF32Type(), {merged.maximum, merged.total}, pairAddress(head, split)); });
          return Values();
        });
  });
  b.ifThen(b.compare(Predicate::sgt, length, part), [&] {
    Value lastPart = b.div(b.sub(length, 1), part);
    Value counter = b.add(b.mul(row, shape.kvHeads * shape.subgroups()), unit);
    Value before = countBlock(b, counters, counter, lastPart, b.at(b.shared(), shape.flagBegin()));
    b.ifThen(b.compare(Predicate::eq, before, lastPart), [&] {
      forQuads([&](Value head, Value quad) { storeDivided(head, quad, mergeParts(head, quad, lastPart)); });
    });
  });
}

/// Calls body(head of the block, quad of the head) for every four elements (a quad) of the block's result. Each thread
/// does its own quads.
void AttentionFewBody::forQuads(llvm::function_ref<void(Value, Value)> body) {
  int64_t quads = shape.head / 4, all = shape.heads * quads;
  for (int64_t first = 0; first < all; first += shape.threads()) {
    Value index = b.add(thread, first);
    auto one = [&] { body(b.div(index, quads), b.rem(index, quads)); };
    if (first + shape.threads() <= all)
      one();
    else
      b.ifThen(b.compare(Predicate::slt, index, all), one);
  }
}

AttentionFewBody::Merged AttentionFewBody::mergeWarps(Value head, Value quad) {
  SmallVector<Values> pairs;
  Value pair = b.at(b.shared(), b.add(b.mul(head, 8), shape.pairsBegin()));
  for (int64_t w = 0; w < shape.warps; ++w)
    pairs.push_back(b.loadRun(b.getF32Type(), 2, b.at(pair, w * shape.heads * 8)));
  Merged merged{pairs[0][0], b.f32(0.0f), Values(4, b.f32(0.0f))};
  for (const Values &pair : pairs)
    merged.maximum = b.maxf(merged.maximum, pair[0]);
  Value slot = shape.chunkElements == 8 ? b.add(b.div(quad, 2), b.mul(b.rem(quad, 2), shape.halfSlots())) : quad;
  Value source = sumsOf(b.i32(0), head, slot);
  for (int64_t w = 0; w < shape.warps; ++w) {
    // A warp without keys has m = kMaskedScore: its factor is 0.
    Value factor = b.exp2(b.subf(pairs[w][0], merged.maximum));
    merged.total = b.fma(pairs[w][1], factor, merged.total);
    for (int64_t i = 0; i < shape.partialsOfWarp; ++i) {
      int64_t partial = w * shape.partialsOfWarp + i;
      Values sums = b.loadRun(b.getF32Type(), 4, b.at(source, partial * shape.partialBytes()));
      for (int64_t j = 0; j < 4; ++j)
        merged.quad[j] = b.fma(sums[j], factor, merged.quad[j]);
    }
  }
  return merged;
}

/// Loads values that other blocks wrote. It reads L2: after their release and our acquire the values are there. A part
/// number `first + i` behind the last gives `nothing`. `remaining`: lastPart - first.
static SmallVector<Value> loadPart(CudaBuilder &b, ArrayRef<float> nothing, Value pointer, int64_t offset,
                                   Value remaining, int64_t i) {
  return ptx::loadFromL2If(b, remaining, i, pointer, offset, nothing);
}

/// Merges parts 0 to `lastPart`; up to 16 of them are in flight at once.
AttentionFewBody::Merged AttentionFewBody::mergeParts(Value head, Value quad, Value lastPart) {
  int64_t count = std::min<int64_t>(shape.splits, 16);
  Values initial = {b.f32(kMaskedScore), b.f32(0.0f)};
  initial.append(4, b.f32(0.0f));
  Values state = b.loop(b.i32(0), b.add(lastPart, 1), count, initial, [&](Value first, ValueRange carried) {
    SmallVector<Values> pairs, sums;
    Value maximum = carried[0], remaining = b.sub(lastPart, first);
    Value pair = pairAddress(head, first), sum = sumsAddress(head, quad, first);
    for (int64_t i = 0; i < count; ++i)
      pairs.push_back(loadPart(b, {kMaskedScore, 0.0f}, pair, i * 8, remaining, i));
    for (int64_t i = 0; i < count; ++i)
      sums.push_back(loadPart(b, {0.0f, 0.0f, 0.0f, 0.0f}, sum, i * shape.head * 4, remaining, i));
    for (const Values &pair : pairs)
      maximum = b.maxf(maximum, pair[0]);
    Value correction = b.exp2(b.subf(carried[0], maximum));
    Values next = {maximum};
    for (Value value : carried.drop_front())
      next.push_back(b.mulf(value, correction));
    for (int64_t i = 0; i < count; ++i) {
      Value factor = b.exp2(b.subf(pairs[i][0], maximum));
      next[1] = b.fma(pairs[i][1], factor, next[1]);
      for (int64_t j = 0; j < 4; ++j)
        next[2 + j] = b.fma(sums[i][j], factor, next[2 + j]);
    }
    return next;
  });
  return {state[0], state[1], Values(ArrayRef(state).drop_front(2))};
}

Value AttentionFewBody::workspaceRow() {
  return b.at(frame.workspace(0), b.mul(b.widen(row), workspace.rowElements() * 4));
}

Value AttentionFewBody::sumsAddress(Value head, Value quad, Value index) {
  Value part = b.add(b.mul(b.add(firstHead, head), shape.splits), index);
  return b.at(workspaceRow(), b.add(b.mul(part, shape.head * 4), b.mul(quad, 16)));
}

Value AttentionFewBody::pairAddress(Value head, Value index) {
  Value part = b.add(b.mul(b.add(firstHead, head), shape.splits), index);
  return b.at(workspaceRow(), b.add(b.mul(part, 8), workspace.pairsOffset() * 4));
}

void AttentionFewBody::storeDivided(Value head, Value quad, const Merged &merged) {
  Value inverse = b.reciprocal(merged.total);
  Values values;
  for (Value sum : merged.quad)
    values.push_back(b.mulf(sum, inverse));
  storeResult(head, quad, values);
}

void AttentionFewBody::storeResult(Value head, Value quad, ArrayRef<Value> values) {
  Value heads = b.add(b.mul(b.widen(row), attention.getNumHeads()), b.widen(b.add(firstHead, head)));
  Value index = b.add(b.mul(heads, shape.head), b.mul(b.widen(quad), 4));
  b.storeRun(resultElement, values, b.at(frame.result(0), b.mul(index, bytesOf(resultElement))));
}

namespace {

/// Registers of a thread that merges 16 parts, measured with ptxas.
constexpr int64_t kMergeRegisters = 112;

/// What both forms (fma, mma) check and declare around their body.
class FewEmission {
public:
  FewEmission(CudaBuilder &b, KernelOp kernel, AttentionOp attention, CudaAttentionScheduleAttr schedule,
              int64_t maxRows, const std::string &symbol, RowDim rows)
      : b(b), kernel(kernel), attention(attention), schedule(schedule), maxRows(maxRows), symbol(symbol), rows(rows) {}

  FailureOr<CudaBody> emit() {
    if (failed(check()))
      return failure();
    if (schedule.getDot() == CudaDot::Mma)
      return emit(AttentionFewMmaShape(attention, schedule), createAttentionFewMma);
    return emit(AttentionFewFmaShape(attention, schedule), createAttentionFewFma);
  }

private:
  LogicalResult check() {
    KVLayerType cache = attention.getKv().getType();
    int64_t group = attention.getNumHeads() / attention.getNumKvHeads();
    if (cache.getHeadDim() * bytesOf(cache.getElementType()) % 16)
      return kernel.emitOpError() << "attends to heads of " << cache.getHeadDim() << " elements of "
                                  << cache.getElementType() << "; the schedule needs a multiple of 16 bytes";
    if (group % schedule.getHeads())
      return refuse() << "attention in groups of " << group << " query heads cannot follow: heads must divide them";
    if (schedule.getDot() == CudaDot::Mma && attentionFewDot(attention, schedule.getHeads()) != CudaDot::Mma)
      return refuse()
             << "needs at most 8 heads of at most 128 elements of f16 or bf16, a multiple of 16, queries of the "
             << "same type, and pages of 16 keys or a multiple";
    if (!hasWorkspacesOf(kernel, attention, schedule))
      return refuse() << "comes with workspaces that the kernel lacks";
    return success();
  }

  template <typename Shape, typename Create> FailureOr<CudaBody> emit(Shape shape, Create create) {
    shape.hasOneRow = maxRows == 1;
    if (shape.registers > shape.registerLimit())
      return refuse() << "needs more registers than a thread of " << shape.threads() << " has";
    if (shape.sharedBytes() > b.target.sharedBytes())
      return refuse() << "needs " << shape.sharedBytes() << " bytes of shared memory; a block has "
                      << b.target.sharedBytes();
    GeneratedEntry entry;
    entry.symbol = cudaSymbol(symbol);
    entry.fixed = shape.kvHeads * shape.subgroups() * shape.splits;
    entry.rows = rows;
    entry.threads = shape.threads();
    entry.sharedBytes = shape.sharedBytes();
    std::string counters = cudaSymbol(symbol, ".counters");
    // In a step of one row the kernels before and after this one have rings of weights in shared memory, or tiles.
    entry.preferShared = shape.hasOneRow && b.target.hasRings();
    if (shape.splits > 1)
      emitCounters(b, counters, maxRows * shape.kvHeads * shape.subgroups());
    // Without this bound the assembler saves registers for a third block. Then it loads fewer parts at once when it
    // merges them.
    int64_t registers = std::max(shape.registers, kMergeRegisters);
    int64_t residentBlocks = std::clamp<int64_t>(65536 / (shape.threads() * registers), 1, 2);
    AttentionWorkspace workspace(attention, schedule);
    return CudaBody{
        entry,
        [create, attention = attention, shape, workspace, counters](CudaBuilder &b, const CudaFrame &frame) {
          create(b, frame, attention, shape, workspace, counters)->emit();
        },
        residentBlocks};
  }

  InFlightDiagnostic refuse() {
    InFlightDiagnostic diagnostic = kernel.emitOpError();
    diagnostic << "has schedule " << schedule << ", which ";
    return diagnostic;
  }

  CudaBuilder &b;
  KernelOp kernel;
  AttentionOp attention;
  CudaAttentionScheduleAttr schedule;
  int64_t maxRows;
  std::string symbol;
  RowDim rows;
};

} // namespace

FailureOr<CudaBody> emitAttentionFew(CudaBuilder &b, KernelOp kernel, AttentionOp attention,
                                     CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                     const GeneratedKernel &generated) {
  return FewEmission(b, kernel, attention, schedule, maxRows, generated.name, RowDim::Tokens).emit();
}

FailureOr<CudaBody> emitAttentionLone(CudaBuilder &b, KernelOp kernel, AttentionOp attention,
                                      CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                      const GeneratedKernel &generated) {
  return FewEmission(b, kernel, attention, schedule, maxRows, generated.name + ".lone", RowDim::Lone).emit();
}

} // namespace quipu::codegen::cuda
