//===- Services.cpp - Kernels that the runtime calls by name ----------------===//
//
// See runtime/abi/CudaAbi.h. They belong to no program: every variant's code has them.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/services/Services.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/vocabulary/KernelFunction.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/RowOrder.h"

#include <limits>

using namespace mlir;

namespace quipu::codegen::cuda {

using Predicate = CudaBuilder::Predicate;

/// The f32 value of element number `number` (i32), as in runtime/abi/RandomWeights.cpp.
static Value randomValue(CudaBuilder &b, Value number, Value keyA, Value keyB, Value keyC, Value scale) {
  Bits bits(b);
  auto mix = [&](Value x) {
    x = bits.exclusiveOr(x, bits.shiftRight(x, 16));
    x = b.mul(x, int32_t(kRandomMix[0]));
    x = bits.exclusiveOr(x, bits.shiftRight(x, 15));
    x = b.mul(x, int32_t(kRandomMix[1]));
    return bits.exclusiveOr(x, bits.shiftRight(x, 16));
  };
  Value low = mix(bits.exclusiveOr(mix(bits.exclusiveOr(number, keyA)), keyB));
  Value high = mix(bits.exclusiveOr(low, keyC));
  auto halves = [&](Value x) { return b.add(bits.mask(x, 0xffff), bits.shiftRight(x, 16)); };
  Value sum = b.sub(b.add(halves(low), halves(high)), 2 * 0xffff);
  return b.mulf(arith::SIToFPOp::create(b, b.getF32Type(), sum), scale);
}

static_assert(plan::RowOrder::MAX == plan::RowOrder::second, "targetRow below does not know the new order");

namespace {
/// A number of the generated code, with which RowOrder.h calculates.
struct Number {
  CudaBuilder &b;
  Value value;

  Number operator+(const Number &other) const { return {b, b.add(value, other.value)}; }
  Number operator*(uint64_t factor) const { return {b, b.mul(value, int64_t(factor))}; }
  Number operator/(uint64_t divisor) const { return {b, b.div(value, int64_t(divisor))}; }
  Number operator%(uint64_t divisor) const { return {b, b.rem(value, int64_t(divisor))}; }
  Number operator/(const Number &divisor) const { return {b, b.div(value, divisor.value)}; }
  Number operator%(const Number &divisor) const { return {b, b.rem(value, divisor.value)}; }
};
} // namespace

/// targetRow of runtime/abi/RowOrder.h where the order is a number (i32) of the generated code. The others are i64.
static Value targetRow(CudaBuilder &b, Value order, Value groupRows, Value row) {
  auto is = [&](plan::RowOrder other) { return b.compare(Predicate::eq, order, static_cast<int64_t>(other)); };
  Value halves = is(plan::RowOrder::halves), alternating = is(plan::RowOrder::alternating);
  // Without groups all rows are one.
  Value grouped = arith::OrIOp::create(b, halves, alternating);
  Value group = b.select(grouped, b.max(groupRows, b.i64(1)), b.i64(std::numeric_limits<int64_t>::max()));
  Number inGroup{b, b.rem(row, group)}, half{b, b.max(b.div(group, 2), b.i64(1))};
  RowOfPair<Number> inHalves = rowInHalves(inGroup, half), inTurn = rowInTurn(inGroup);
  Value ofSources = b.select(is(plan::RowOrder::second), b.i64(1), b.i64(0));
  Number pair{b, b.select(halves, inHalves.pair.value, b.select(alternating, inTurn.pair.value, inGroup.value))};
  Number partner{b, b.select(halves, inHalves.partner.value, b.select(alternating, inTurn.partner.value, ofSources))};
  Value place = rowInTiles<Number>({pair, partner}).value;
  return b.select(is(plan::RowOrder::plain), row, b.add(b.sub(row, inGroup.value), place));
}

/// Blocks take rows of the source in turn, threads the elements of a row.
static void fillRandom(CudaBuilder &b, const ServiceFrame &frame, Type element) {
  Value weight = frame[0], elements = frame[1], columns = b.max(frame[2], b.i64(1));
  Value keyA = frame[3], keyB = frame[4], keyC = frame[5], scale = frame[6], first = frame[7];
  Value firstRow = frame[8], order = frame[9], groupRows = frame[10];
  auto isZero = [&](Value x) { return b.compare(Predicate::eq, x, 0); };
  Value noKeys = b.both(b.both(isZero(keyA), isZero(keyB)), isZero(keyC));
  Value ones = b.both(noKeys, arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale, b.f32(0.0f)));

  Value rows = b.div(b.add(elements, b.sub(columns, 1)), columns);
  Value thread = b.widen(b.thread());
  b.loop(b.widen(frame.block(0)), rows, b.widen(frame.gridSize(0)), [&](Value row) {
    Value begin = b.mul(row, columns);
    Value count = b.min(columns, b.sub(elements, begin));
    Value target = b.add(firstRow, targetRow(b, order, groupRows, row));
    Value base = b.at(weight, b.mul(b.mul(target, columns), bytesOf(element)));
    b.loop(thread, count, kCudaServiceThreads, [&](Value column) {
      Value number = b.add(first, Bits(b).low(b.add(begin, column)));
      Value value = randomValue(b, number, keyA, keyB, keyC, scale);
      b.storeF32(b.select(ones, b.f32(1.0f), value), element, b.at(base, b.mul(column, bytesOf(element))));
    });
  });
}

static ServiceBody emitFillRandom(CudaBuilder &b, StringRef name, Type element) {
  Type pointer = b.pointerType(1), i32 = b.getI32Type(), i64 = b.getI64Type();
  return {(QUIPU_CUDA_FILL_RANDOM + name).str(),
          {pointer, i64, i64, i32, i32, i32, b.getF32Type(), i32, i64, i32, i64},
          [element](CudaBuilder &b, const ServiceFrame &frame) { fillRandom(b, frame, element); }};
}

/// The bits of the f32 infinity. Without the sign, the bits of a NaN are a greater number.
static constexpr int64_t kInfinity = 0x7f800000;

Value orderOf(CudaBuilder &b, Value logit) {
  Bits bits(b);
  Value word = arith::BitcastOp::create(b, b.getI32Type(), logit);
  Value negative = b.compare(Predicate::slt, word, 0);
  Value order = b.select(negative, bits.flip(word), bits.exclusiveOr(word, b.i32(std::numeric_limits<int32_t>::min())));
  Value isFinite = b.compare(Predicate::ult, bits.mask(word, 0x7fffffff), kInfinity);
  return b.select(isFinite, order, b.i32(int32_t(kNotFinite)));
}

Value keyOf(CudaBuilder &b, Value logit, Value index) {
  Bits bits(b);
  return bits.join(orderOf(b, logit), bits.flip(index));
}

void declareShared(CudaBuilder &b, StringRef name, Type element, int64_t count) {
  LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(element, count), /*isConstant=*/false, LLVM::Linkage::Internal,
                         name, Attribute(), /*alignment=*/16, /*addrSpace=*/3);
}

/// The greatest key of each warp.
static constexpr StringLiteral kArgmaxShared = "quipu_argmax_shared";
static constexpr int64_t kArgmaxWarps = kCudaServiceThreads / 32;

static void argmax(CudaBuilder &b, const ServiceFrame &frame) {
  constexpr int64_t kLoads = 4;
  Value vocab = frame[2], last = b.sub(vocab, 1);
  Value row = b.widen(frame.block(1));
  Value logits = b.at(frame[0], b.mul(b.mul(row, b.widen(vocab)), 4));
  Bits bits(b);
  frame.waitForPrevious();

  // Neighbouring threads read neighbouring logits; several loads of a thread are under way. Past the end the last logit
  // is read again, which changes no maximum.
  Value stride = b.mul(frame.gridSize(0), kCudaServiceThreads);
  Value begin = b.add(b.mul(frame.block(0), kCudaServiceThreads), b.thread());
  Value best = b.loop(begin, vocab, b.mul(stride, kLoads), {b.i64(0)}, [&](Value i, ValueRange carried) {
    CudaBuilder::Values indices, values;
    for (int64_t part = 0; part < kLoads; ++part) {
      indices.push_back(b.min(b.add(i, b.mul(stride, part)), last));
      values.push_back(b.load(b.getF32Type(), b.at(logits, b.mul(b.widen(indices.back()), 4)), 4));
    }
    Value best = carried[0];
    for (auto [index, value] : llvm::zip_equal(indices, values))
      best = bits.max(best, keyOf(b, value, index));
    return CudaBuilder::Values{best};
  })[0];

  best = bits.maxLanes(best);
  Value partials = LLVM::AddressOfOp::create(b, b.pointerType(3), kArgmaxShared);
  Value lane = b.lane();
  b.ifThen(b.compare(Predicate::eq, lane, 0),
           [&] { b.store(best, b.at(partials, b.mul(b.div(b.thread(), 32), 8)), 8); });
  b.barrier();
  b.ifThen(b.compare(Predicate::slt, b.thread(), 32), [&] {
    Value key = bits.maxLanes(b.load(b.getI64Type(), b.at(partials, b.mul(b.rem(lane, kArgmaxWarps), 8)), 8));
    b.ifThen(b.compare(Predicate::eq, lane, 0), [&] {
      LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::umax, b.at(frame[3], b.mul(row, 8)), key,
                                LLVM::AtomicOrdering::monotonic, "device");
    });
  });
}

static ServiceBody emitArgmax(CudaBuilder &b) {
  declareShared(b, kArgmaxShared, b.getI64Type(), kArgmaxWarps);
  Type pointer = b.pointerType(1), i32 = b.getI32Type();
  return {QUIPU_CUDA_ARGMAX, {pointer, i32, i32, pointer}, argmax};
}

static void advance(CudaBuilder &b, const ServiceFrame &frame) {
  Value keys = frame[0], outputRows = frame[1], rows = frame[2], tokens = frame[3], positions = frame[4];
  Value history = frame[5], step = frame[6], capacity = frame[7], stride = frame[8];
  Value sequences = frame[9], lastTokens = frame[10];
  Bits bits(b);
  frame.waitForPrevious();
  Value current = b.loadI32(step);
  Value place = b.at(history, b.mul(b.mul(b.widen(b.rem(current, capacity)), b.widen(stride)), 4));
  b.loop(b.thread(), rows, kCudaServiceThreads, [&](Value r) {
    Value row = b.widen(r);
    Value key = b.at(keys, b.mul(row, 8));
    Value raised = b.load(b.getI64Type(), key, 8), token = bits.flip(bits.low(raised));
    // The steps behind this one have begun: they go on with a token that exists, and the host ends them.
    Value order = bits.high(raised), least = orderOf(b, b.f32(std::numeric_limits<float>::lowest()));
    Value told = b.select(b.compare(Predicate::ule, order, least), b.i32(kNothingLeft), token);
    told = b.select(b.compare(Predicate::eq, order, int32_t(kNotFinite)), b.i32(kNoNumbers), told);
    Value target = b.mul(b.widen(b.loadI32(b.at(outputRows, b.mul(row, 4)))), 4);
    b.store(token, b.at(tokens, target), 4);
    Value position = b.at(positions, target);
    b.store(b.add(b.loadI32(position), 1), position, 4);
    b.store(told, b.at(place, b.mul(row, 4)), 4);
    b.store(b.i64(0), key, 8);
    Value sequence = b.loadI32(b.at(sequences, target));
    b.store(token, b.at(lastTokens, b.mul(b.widen(sequence), 4)), 4);
  });
  // Every thread has read the step before one writes it.
  b.barrier();
  b.ifThen(b.compare(Predicate::eq, b.thread(), 0), [&] { b.store(b.add(current, 1), step, 4); });
}

static ServiceBody emitAdvance(CudaBuilder &b) {
  Type pointer = b.pointerType(1), i32 = b.getI32Type();
  return {QUIPU_CUDA_ADVANCE,
          {pointer, pointer, i32, pointer, pointer, pointer, pointer, i32, i32, pointer, pointer},
          advance};
}

/// Groups of threads bring a part of the inputs each, since each read of the host's memory takes long.
static void feed(CudaBuilder &b, const ServiceFrame &frame) {
  Value placeSize = frame[1], fed = frame[2], capacity = frame[3], inputs = frame[4], rows = frame[6];
  Value outputs = frame[7], lastTokens = frame[8], table = frame[9];
  constexpr int64_t kRowThreads = kCudaSampleThreads / 2, kOtherThreads = kCudaSampleThreads / 4;
  frame.waitForPrevious();
  Value place = b.rem(b.loadI32(fed), capacity), thread = b.thread();
  Value staged = b.at(frame[0], b.mul(b.mul(b.widen(place), b.widen(placeSize)), 4));
  Value source = b.at(staged, kFeedInputs * 4);
  auto offset = [&](int64_t part, Value i) { return b.mul(b.add(b.mul(b.widen(frame[5]), part), b.widen(i)), 4); };
  auto within = [&](int64_t first, int64_t count) {
    return b.both(b.compare(Predicate::sge, thread, first), b.compare(Predicate::slt, thread, first + count));
  };
  b.ifThen(within(0, kRowThreads), [&] {
    b.loop(thread, rows, kRowThreads, [&](Value i) {
      Value token = b.loadI32(b.at(source, offset(0, i))), position = b.loadI32(b.at(source, offset(1, i)));
      Value sequence = b.loadI32(b.at(source, offset(2, i)));
      b.store(position, b.at(inputs, offset(1, i)), 4);
      b.store(sequence, b.at(inputs, offset(2, i)), 4);
      Value known = b.ifElse(
          b.compare(Predicate::slt, token, 0),
          [&] { return CudaBuilder::Values{b.loadI32(b.at(lastTokens, b.mul(b.widen(sequence), 4)))}; },
          [&] { return CudaBuilder::Values{token}; })[0];
      b.store(known, b.at(inputs, offset(0, i)), 4);
    });
  });
  b.ifThen(within(kRowThreads, kOtherThreads), [&] {
    b.loop(b.sub(thread, kRowThreads), outputs, kOtherThreads, [&](Value i) {
      Value row = b.loadI32(b.at(source, offset(3, i))), slot = b.loadI32(b.at(source, offset(4, i)));
      b.store(row, b.at(inputs, offset(3, i)), 4);
      b.store(slot, b.at(inputs, offset(4, i)), 4);
    });
  });
  b.ifThen(within(kRowThreads + kOtherThreads, kOtherThreads), [&] {
    b.loop(b.sub(thread, kRowThreads + kOtherThreads), b.loadI32(staged), kOtherThreads, [&](Value i) {
      Value pair = b.at(staged, b.add(b.mul(b.widen(i), 8), 4));
      Value entry = b.loadI32(pair), value = b.loadI32(b.at(pair, 4));
      b.store(value, b.at(table, b.mul(b.widen(entry), 4)), 4);
    });
  });
  // Every thread has read the number of steps before one writes it.
  b.barrier();
  b.ifThen(b.compare(Predicate::eq, thread, 0), [&] {
    b.store(place, b.at(inputs, offset(5, b.i32(0))), 4);
    b.store(b.add(b.loadI32(fed), 1), fed, 4);
  });
}

static ServiceBody emitFeed(CudaBuilder &b) {
  Type pointer = b.pointerType(1), i32 = b.getI32Type();
  return {QUIPU_CUDA_FEED,
          {pointer, i32, pointer, i32, pointer, i32, i32, i32, pointer, pointer},
          feed,
          kCudaSampleThreads};
}

static void emitEntry(CudaBuilder &b, const ServiceBody &body) {
  KernelFunction function(b, body.symbol, body.parameters, body.threads);
  DependentLaunch handover;
  body.emit(b, ServiceFrame(b, handover, function.parameters()));
}

void emitServices(CudaBuilder &b) {
  emitEntry(b, emitFillRandom(b, "f32", b.getF32Type()));
  emitEntry(b, emitFillRandom(b, "f16", b.getF16Type()));
  emitEntry(b, emitFillRandom(b, "bf16", b.getBF16Type()));
  emitEntry(b, emitArgmax(b));
  emitEntry(b, emitAdvance(b));
  emitEntry(b, emitFeed(b));
  emitEntry(b, emitSample(b));
  emitEntry(b, emitScore(b));
}

} // namespace quipu::codegen::cuda
