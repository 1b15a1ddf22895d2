//===- Sampling.cpp - Drawing a token ---------------------------------------===//
//
// quipu_sample of runtime/abi/CudaAbi.h: one block a row, several passes over its logits (which stay in the L2 cache).
//
// Every filter keeps the most likely tokens up to some place, so what is kept is said by a border: an order (orderOf)
// and, among equals, the last id. A border is found digit by digit: a histogram of the digit's values over the tokens
// that share the digits so far, summed from above until the wanted number, or probability, is reached. Probabilities
// are integers, 2^43 for the most likely token: their sums are exact, and the same in any order.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/services/Services.h"

#include <cstddef>
#include <limits>

using namespace mlir;

namespace quipu::codegen::cuda {

/// In shared memory: the counts and sums of a digit's values; a value of each warp and a few of the block.
static constexpr StringLiteral kBinsShared = "quipu_sample_bins", kSlotsShared = "quipu_sample_slots";
/// And the logits of the tokens seen last, before the penalty for these.
static constexpr StringLiteral kSeenShared = "quipu_sample_seen";

namespace {

using Predicate = CudaBuilder::Predicate;
using Values = CudaBuilder::Values;

/// log2 of the largest probability, and of its multiples below which f32 is exact enough.
constexpr int64_t kMassBits = 43;
constexpr float kExactBits = -18.0f;

constexpr int64_t kThreads = kCudaSampleThreads, kWarps = kThreads / 32;
static_assert(kWarps == 32, "one lane for each warp's part");
/// Loads of a thread that are under way at once.
constexpr int64_t kLoads = 4;

/// Digits of an order: bits 21 to 31, 10 to 20, 0 to 10 (bit 10 is in two of them, so that all are as wide).
constexpr int64_t kDigits = 3, kDigitBits = 11, kBins = 1 << kDigitBits, kFirstShift = 32 - kDigitBits;

/// What a filter keeps: orders above, and this one up to the id.
struct Border {
  Value order;
  Value id;
};

class SampleKernel {
public:
  SampleKernel(CudaBuilder &b, const ServiceFrame &frame);
  /// quipu_sample, and quipu_score.
  void emit();
  void emitScore();

private:
  // ---- shared memory
  Value count(Value bin) { return b.at(bins, b.mul(bin, 4)); }
  Value massLow(Value bin) { return b.at(count(bin), kBins * 4); }
  Value massHigh(Value bin) { return b.at(count(bin), 2 * kBins * 4); }
  /// A value of each warp, and a few of the block.
  Value partial(Value warp) { return b.at(slots, b.mul(warp, 8)); }
  Value slot(int64_t number) { return b.at(slots, 8 * (kWarps + number)); }
  Value load64(Value pointer) { return b.load(b.getI64Type(), pointer, 8); }
  void store64(Value value, Value pointer) { b.store(value, pointer, 8); }

  // ---- arithmetic
  Value f64(double value) { return arith::ConstantOp::create(b, b.getF64FloatAttr(value)); }
  Value wide(Value unsignedNumber) { return arith::ExtUIOp::create(b, b.getI64Type(), unsignedNumber); }
  Value wholeNumber(Value f64) { return arith::FPToSIOp::create(b, b.getI64Type(), f64); }
  Value ceiling(Value f64) { return wholeNumber(LLVM::FCeilOp::create(b, f64)); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, x, y); }
  Value isThread(int64_t number) { return b.compare(Predicate::eq, thread, number); }

  Value rule(Type type, size_t offset) {
    return b.load(type, b.at(rules, int64_t(offset)), type.getIntOrFloatBitWidth() / 8);
  }
  Value ruleI32(size_t offset) { return rule(b.getI32Type(), offset); }
  Value ruleF32(size_t offset) { return rule(b.getF32Type(), offset); }
  /// A logit; minus zero, which equals zero, becomes that.
  Value logit(Value index) {
    return b.addf(b.load(b.getF32Type(), b.at(logits, b.mul(b.widen(index), 4)), 4), b.f32(0.0f));
  }
  Value isKept(Value order, Value index, Border border) {
    Value tied = b.both(b.compare(Predicate::eq, order, border.order), b.compare(Predicate::sle, index, border.id));
    return either(b.compare(Predicate::ugt, order, border.order), tied);
  }

  /// Where the row's key and what its slot has lie, and the number of the step: found anew at each use, since the
  /// kernel has few registers to keep them in.
  Value slotNumber() { return b.widen(b.loadI32(b.at(frame[3], b.mul(row, 4)))); }
  Value recent() { return b.at(frame[5], b.mul(slotNumber(), int64_t(kSampleWindow) * 4)); }
  Value edits() { return b.at(frame[6], b.mul(b.mul(slotNumber(), b.widen(frame[7])), int64_t(sizeof(TokenEdit)))); }
  Value step() { return b.loadI32(frame[9]); }
  Value key() { return b.at(frame[11], b.mul(row, 8)); }
  Value logitPlace(Value token) { return b.at(logits, b.mul(b.widen(token), 4)); }
  Value isFiniteLogit(Value logit) { return b.compare(Predicate::ne, orderOf(b, logit), int32_t(kNotFinite)); }

  /// A token seen last, of which each thread has one.
  struct SeenToken {
    Value isThere, place;
  };
  SeenToken seenToken();
  Value isPenalised() {
    Value penalty = ruleF32(offsetof(SampleRule, repeatPenalty));
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, penalty, b.f32(1.0f));
  }
  /// Calls body(address, token) for the row's edits, each in one thread. Does nothing if there are none, for the whole
  /// block. Barriers before and after.
  void forEachEdit(function_ref<void(Value edit, Value token)> body);
  Value bounded(Value logit, Value original);
  Value penalised(Value logit);
  /// The row's place among those of all steps that the host may look at.
  Value ringPlace() { return b.add(b.mul(b.widen(b.rem(step(), frame[10])), b.widen(frame[12])), row); }
  void edit();
  void penalise();
  void restore();
  void accept(Value token);
  Value largestKey();
  Value mass(Value logit);
  Value exactMass(Value logit);
  Values scan(Value first, Value end, int64_t stride, ArrayRef<Value> initial,
              function_ref<Values(Value index, Value logit, Value inRange, ValueRange carried)> body);
  Border narrow(Value byMass, Value topK, Border border);
  /// The i32 in shared memory before `addend` was added to it.
  Value addAtomically(Value address, Value addend);
  Values findDigit(Value byMass, Border border, Value level, ValueRange digits);
  Value find(function_ref<Value(Value total)> target, function_ref<Value(Value index, Value logit)> weight);
  Value draw();

  CudaBuilder &b;
  const ServiceFrame &frame;
  Bits bits;
  Value rows, vocab, row, logits, rules;
  Value thread, lane, warp, bins, slots, seenLogits;
  Value scale, scaleLog2;
  /// The largest logit.
  Value top, topWide;
};

} // namespace

SampleKernel::SampleKernel(CudaBuilder &b, const ServiceFrame &frame) : b(b), frame(frame), bits(b) {
  rows = frame[1];
  vocab = frame[2];
  row = b.widen(frame.block(1));
  logits = b.at(frame[0], b.mul(b.mul(row, b.widen(vocab)), 4));
  thread = b.thread();
  lane = b.lane();
  warp = b.warp();
  bins = LLVM::AddressOfOp::create(b, b.pointerType(3), kBinsShared);
  slots = LLVM::AddressOfOp::create(b, b.pointerType(3), kSlotsShared);
  seenLogits = LLVM::AddressOfOp::create(b, b.pointerType(3), kSeenShared);
  frame.waitForPrevious();
  rules = b.at(frame[4], b.mul(slotNumber(), sizeof(SampleRule)));
}

void SampleKernel::forEachEdit(function_ref<void(Value, Value)> body) {
  Value count = ruleI32(offsetof(SampleRule, numEdits));
  b.ifThen(b.compare(Predicate::sgt, count, 0), [&] {
    b.barrier();
    Value first = edits();
    b.loop(thread, count, kThreads, [&](Value i) {
      Value edit = b.at(first, b.mul(b.widen(i), int64_t(sizeof(TokenEdit))));
      body(edit, b.loadI32(b.at(edit, offsetof(TokenEdit, token))));
    });
    b.barrier();
  });
}

/// What was finite stays so: beyond it lies what says that the model has failed.
Value SampleKernel::bounded(Value logit, Value original) {
  Value largest = b.f32(std::numeric_limits<float>::max());
  Value inRange = arith::MinNumFOp::create(b, b.maxf(logit, b.negf(largest)), largest);
  return b.select(isFiniteLogit(original), inRange, original);
}

/// The logit with the repeat penalty. A forbidden token stays so.
Value SampleKernel::penalised(Value logit) {
  Value penalty = ruleF32(offsetof(SampleRule, repeatPenalty));
  Value positive = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, logit, b.f32(0.0f));
  Value changed = bounded(b.select(positive, b.divf(logit, penalty), b.mulf(logit, penalty)), logit);
  Value least = b.f32(std::numeric_limits<float>::lowest());
  return b.select(arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, logit, least), logit, changed);
}

/// Bias and penalties, in the order of TokenChooser.cpp.
void SampleKernel::edit() {
  forEachEdit([&](Value edit, Value token) {
    Value bias = b.load(b.getF32Type(), b.at(edit, offsetof(TokenEdit, bias)), 4);
    Value counted = b.loadI32(b.at(edit, offsetof(TokenEdit, count)));
    Value count = bits.mask(counted, int32_t(~kSeen));
    Value times = arith::UIToFPOp::create(b, b.getF32Type(), count);
    Value more = b.mulf(ruleF32(offsetof(SampleRule, frequencyPenalty)), times);
    Value penalty = b.addf(ruleF32(offsetof(SampleRule, presencePenalty)), more);
    Value original = b.load(b.getF32Type(), logitPlace(token), 4);
    Value changed = b.addf(original, bias);
    changed = b.select(b.compare(Predicate::ne, count, 0), b.subf(changed, penalty), changed);
    changed = bounded(changed, original);
    changed = b.select(b.compare(Predicate::slt, counted, 0), penalised(changed), changed);
    b.store(original, b.at(edit, offsetof(TokenEdit, original)), 4);
    b.store(changed, logitPlace(token), 4);
  });
}

SampleKernel::SeenToken SampleKernel::seenToken() {
  static_assert(kSampleWindow <= kThreads);
  Value token = b.ifElse(
      b.compare(Predicate::slt, thread, ruleI32(offsetof(SampleRule, window))),
      [&] { return Values{b.loadI32(b.at(recent(), b.mul(b.widen(thread), 4)))}; },
      [&] { return Values{b.i32(-1)}; })[0];
  Value isThere = b.compare(Predicate::ult, token, vocab);
  return {isThere, logitPlace(b.select(isThere, token, b.i32(0)))};
}

/// A token counts once, however often it was seen: all its threads read the logit before one writes it.
void SampleKernel::penalise() {
  b.ifThen(isPenalised(), [&] {
    SeenToken seen = seenToken();
    Value value = b.load(b.getF32Type(), seen.place, 4);
    Value changed = penalised(value);
    b.store(value, b.at(seenLogits, b.mul(thread, 4)), 4);
    b.barrier();
    b.ifThen(seen.isThere, [&] { b.store(changed, seen.place, 4); });
    b.barrier();
  });
}

/// Makes the logits again what they were before penalise() and edit().
void SampleKernel::restore() {
  b.barrier();
  b.ifThen(isPenalised(), [&] {
    SeenToken seen = seenToken();
    b.ifThen(seen.isThere,
             [&] { b.store(b.load(b.getF32Type(), b.at(seenLogits, b.mul(thread, 4)), 4), seen.place, 4); });
  });
  forEachEdit([&](Value edit, Value token) {
    b.store(b.load(b.getF32Type(), b.at(edit, offsetof(TokenEdit, original)), 4), logitPlace(token), 4);
  });
}

/// Brings the slot up to date.
void SampleKernel::accept(Value token) {
  b.ifThen(isThread(0), [&] {
    Value window = ruleI32(offsetof(SampleRule, window));
    b.ifThen(b.compare(Predicate::ne, window, 0), [&] {
      Value place = ruleI32(offsetof(SampleRule, accepted));
      b.store(token, b.at(recent(), b.mul(b.widen(place), 4)), 4);
      b.store(b.rem(b.add(place, 1), window), b.at(rules, offsetof(SampleRule, accepted)), 4);
    });
  });
  auto isNonZero = [&](size_t offset) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, ruleF32(offset), b.f32(0.0f));
  };
  Value seesAll = b.compare(Predicate::ne, ruleI32(offsetof(SampleRule, seesAll)), 0);
  Value hasPenalties =
      either(isNonZero(offsetof(SampleRule, presencePenalty)), isNonZero(offsetof(SampleRule, frequencyPenalty)));
  b.ifThen(either(seesAll, hasPenalties), [&] {
    Value seen = b.select(seesAll, b.i32(int32_t(kSeen)), b.i32(0));
    b.ifThen(isThread(0), [&] { store64(b.i64(0), slot(0)); });
    b.barrier();
    forEachEdit([&](Value edit, Value other) {
      b.ifThen(b.compare(Predicate::eq, other, token), [&] {
        Value place = b.at(edit, offsetof(TokenEdit, count));
        b.store(either(b.add(b.loadI32(place), 1), seen), place, 4);
        store64(b.i64(1), slot(0));
      });
    });
    Value count = ruleI32(offsetof(SampleRule, numEdits));
    Value isNew = b.both(b.compare(Predicate::eq, load64(slot(0)), 0), b.compare(Predicate::slt, count, frame[7]));
    b.ifThen(b.both(isThread(0), isNew), [&] {
      Value edit = b.at(edits(), b.mul(b.widen(count), int64_t(sizeof(TokenEdit))));
      b.store(token, b.at(edit, offsetof(TokenEdit, token)), 4);
      b.store(b.f32(0.0f), b.at(edit, offsetof(TokenEdit, bias)), 4);
      b.store(either(b.i32(1), seen), b.at(edit, offsetof(TokenEdit, count)), 4);
      b.store(b.add(count, 1), b.at(rules, offsetof(SampleRule, numEdits)), 4);
    });
  });
}

/// Goes over [first, end) in steps of `stride`. Where `inRange` is false the logit is any other.
Values SampleKernel::scan(Value first, Value end, int64_t stride, ArrayRef<Value> initial,
                          function_ref<Values(Value, Value, Value, ValueRange)> body) {
  auto loads = [&](Value i, ValueRange carried) {
    Values indices, values, state(carried);
    for (int64_t part = 0; part < kLoads; ++part) {
      indices.push_back(b.add(i, stride * part));
      values.push_back(logit(b.min(indices.back(), b.sub(end, 1))));
    }
    for (auto [index, value] : llvm::zip_equal(indices, values))
      state = body(index, value, b.compare(Predicate::slt, index, end), state);
    return state;
  };
  if (!initial.empty())
    return b.loop(first, end, stride * kLoads, initial, loads);
  b.loop(first, end, stride * kLoads, [&](Value i) { loads(i, {}); });
  return {};
}

Value SampleKernel::largestKey() {
  Value best =
      scan(thread, vocab, kThreads, {b.i64(0)}, [&](Value index, Value value, Value inRange, ValueRange state) {
        return Values{bits.max(state[0], b.select(inRange, keyOf(b, value, index), b.i64(0)))};
      })[0];
  best = bits.maxLanes(best);
  b.ifThen(b.compare(Predicate::eq, lane, 0), [&] { store64(best, partial(warp)); });
  b.barrier();
  best = bits.maxLanes(load64(partial(lane)));
  b.barrier();
  return best;
}

/// 2^43 e^((logit - top) / temperature), rounded, for finite logits.
Value SampleKernel::mass(Value value) {
  Value exponent = b.mulf(b.subf(value, top), scaleLog2);
  Value isLarge = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, exponent, b.f32(kExactBits));
  return b.ifElse(
      isLarge, [&] { return Values{exactMass(value)}; },
      [&] {
        Value power = b.addf(b.mulf(b.exp2(exponent), b.f32(float(int64_t(1) << kMassBits))), b.f32(0.5f));
        return Values{wide(arith::FPToSIOp::create(b, b.getI32Type(), power))};
      })[0];
}

/// As expOf of runtime/text/Sampler.cpp, by the coefficients of the series.
Value SampleKernel::exactMass(Value value) {
  Value x = b.mulf(b.subf(arith::ExtFOp::create(b, b.getF64Type(), value), topWide), scale);
  Value k = LLVM::FFloorOp::create(b, b.addf(b.mulf(x, f64(1.4426950408889634)), f64(0.5)));
  Value r = b.fma(k, f64(-6.93147180369123816490e-01), x);
  r = b.fma(k, f64(-1.90821492927058770002e-10), r);
  constexpr int kTerms = 13;
  double coefficients[kTerms + 1] = {1};
  for (int i = 1; i <= kTerms; ++i)
    coefficients[i] = coefficients[i - 1] / i;
  Value sum = f64(coefficients[kTerms]);
  for (int i = kTerms - 1; i >= 0; --i)
    sum = b.fma(sum, r, f64(coefficients[i]));
  Value exponent = b.add(wholeNumber(k), 1023 + kMassBits);
  Value power = arith::BitcastOp::create(b, b.getF64Type(), arith::ShLIOp::create(b, exponent, b.i64(52)).getResult());
  return wholeNumber(b.addf(b.mulf(sum, power), f64(0.5)));
}

Value SampleKernel::addAtomically(Value address, Value addend) {
  return LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, address, addend, LLVM::AtomicOrdering::monotonic,
                                   "block");
}

/// One digit of a border. `digits`: order so far, mask of the bits that it says, what is still wanted, and whether
/// there is anything left to find out.
Values SampleKernel::findDigit(Value byMass, Border border, Value level, ValueRange digits) {
  Value prefix = digits[0], known = digits[1];
  Value shift = b.max(b.sub(b.i32(kFirstShift), b.mul(level, kDigitBits)), b.i32(0));
  b.loop(thread, b.i32(3 * kBins), kThreads, [&](Value i) { b.store(b.i32(0), count(i), 4); });
  b.barrier();
  scan(thread, vocab, kThreads, {}, [&](Value index, Value value, Value inRange, ValueRange) {
    Value order = orderOf(b, value);
    Value shares = b.compare(Predicate::eq, b.both(bits.exclusiveOr(order, prefix), known), 0);
    b.ifThen(b.both(b.both(inRange, shares), isKept(order, index, border)), [&] {
      Value bin = bits.mask(arith::ShRUIOp::create(b, order, shift), kBins - 1);
      addAtomically(count(bin), b.i32(1));
      b.ifThen(byMass, [&] {
        Value addend = mass(value), low = bits.low(addend);
        Value before = addAtomically(massLow(bin), low);
        Value carry = arith::ExtUIOp::create(b, b.getI32Type(), b.compare(Predicate::ult, b.add(before, low), low));
        addAtomically(massHigh(bin), b.add(bits.high(addend), carry));
      });
    });
    return Values();
  });
  b.barrier();

  // Each thread takes two digits, the greatest first.
  Value upperBin = b.sub(b.i32(kBins - 1), b.mul(thread, 2)), lowerBin = b.sub(upperBin, 1);
  static_assert(kBins == 2 * kThreads);
  auto weight = [&](Value bin) {
    Value ofMass = bits.join(b.loadI32(massHigh(bin)), b.loadI32(massLow(bin)));
    return b.select(byMass, ofMass, wide(b.loadI32(count(bin))));
  };
  Value upper = weight(upperBin), lower = weight(lowerBin);
  Value own = b.add(upper, lower);
  Value after = bits.scanLanes(own);
  b.ifThen(b.compare(Predicate::eq, lane, 31), [&] { store64(after, partial(warp)); });
  b.barrier();
  Value warps = bits.scanLanes(load64(partial(lane)));
  Value total = bits.shuffleFrom(warps, b.i32(31));
  Value inFront = bits.shuffleFrom(warps, b.max(b.sub(warp, 1), b.i32(0)));
  after = b.add(after, b.select(b.compare(Predicate::eq, warp, 0), b.i64(0), inFront));
  Value before = b.sub(after, own);
  // The sum of all probabilities is known from here on.
  Value part =
      b.mulf(rule(b.getF64Type(), offsetof(SampleRule, topP)), arith::SIToFPOp::create(b, b.getF64Type(), total));
  Value share = b.min(b.max(ceiling(part), b.i64(1)), total);
  Value wanted = b.select(b.both(byMass, b.compare(Predicate::eq, level, 0)), share, digits[2]);
  Value hit = b.both(b.compare(Predicate::slt, before, wanted), b.compare(Predicate::sle, wanted, after));
  b.ifThen(hit, [&] {
    Value inUpper = b.compare(Predicate::sle, wanted, b.add(before, upper));
    Value bin = b.select(inUpper, upperBin, lowerBin);
    Value rest = b.sub(wanted, b.select(inUpper, before, b.add(before, upper)));
    // All of it is wanted: the other digits do not matter.
    Value whole = either(b.compare(Predicate::eq, b.loadI32(count(bin)), 1),
                         b.compare(Predicate::eq, rest, b.select(inUpper, upper, lower)));
    store64(bits.join(b.select(whole, b.i32(0), b.i32(1)), bin), slot(0));
    store64(rest, slot(1));
  });
  b.barrier();
  Value found = load64(slot(0));
  Value isOpen = b.compare(Predicate::ne, bits.high(found), 0);
  Value next = either(prefix, arith::ShLIOp::create(b, bits.low(found), shift));
  return {next, arith::ShLIOp::create(b, b.i32(-1), shift), load64(slot(1)), isOpen};
}

/// The border of the K most likely tokens, or (`byMass`) of the smallest set that has the share P of the probability,
/// among what `border` keeps.
Border SampleKernel::narrow(Value byMass, Value topK, Border border) {
  Value yes = arith::ConstantIntOp::create(b, 1, 1);
  Values digits =
      b.loop(b.i32(0), b.i32(kDigits), 1, {b.i32(0), b.i32(0), wide(topK), yes}, [&](Value level, ValueRange so) {
        return b.ifElse(so[3], [&] { return findDigit(byMass, border, level, so); }, [&] { return Values(so); });
      });
  Value order = digits[0], wanted = digits[2], isOpen = digits[3];
  Value lastId = b.i32(std::numeric_limits<int32_t>::max());
  // Several tokens have just this logit, and only some are wanted: the first ones.
  Value id = b.ifElse(
      isOpen,
      [&] {
        Value negative = b.compare(Predicate::sge, order, 0);
        Value sign = b.i32(std::numeric_limits<int32_t>::min());
        Value word = b.select(negative, bits.flip(order), bits.exclusiveOr(order, sign));
        Value each = mass(arith::BitcastOp::create(b, b.getF32Type(), word));
        each = b.select(byMass, b.max(each, b.i64(1)), b.i64(1));
        Value behind = b.div(b.sub(wanted, 1), each);
        return Values{find([&](Value) { return behind; },
                           [&](Value index, Value value) {
                             Value is = b.both(b.compare(Predicate::eq, orderOf(b, value), order),
                                               isKept(order, index, border));
                             return b.select(is, b.i64(1), b.i64(0));
                           })};
      },
      [&] { return Values{b.select(b.compare(Predicate::ugt, order, border.order), lastId, border.id)}; })[0];
  return {bits.max(order, border.order), id};
}

/// The first id at which the running sum of the weights exceeds target(sum of all).
Value SampleKernel::find(function_ref<Value(Value)> target, function_ref<Value(Value, Value)> weight) {
  auto weightIn = [&](Value inRange, Value index, Value value) {
    return b.ifElse(inRange, [&] { return Values{weight(index, value)}; }, [&] { return Values{b.i64(0)}; })[0];
  };
  // Each warp sums a part of the range; the part in which the target lies is the next range.
  constexpr int64_t kLevels = 3;
  static_assert(kSampleVocab <= int64_t(1) << 5 * (kLevels + 1));
  Values range = b.loop(b.i32(0), b.i32(kLevels), 1, {b.i32(0), vocab, b.i64(0)}, [&](Value level, ValueRange range) {
    Value begin = range[0], end = range[1];
    Value length = b.div(b.add(b.sub(end, begin), kWarps - 1), kWarps);
    Value first = b.add(begin, b.mul(warp, length));
    Value sum = scan(b.add(first, lane), b.min(b.add(first, length), end), 32, {b.i64(0)},
                     [&](Value index, Value value, Value inRange, ValueRange state) {
                       return Values{b.add(state[0], weightIn(inRange, index, value))};
                     })[0];
    sum = bits.sumLanes(sum);
    b.ifThen(b.compare(Predicate::eq, lane, 0), [&] { store64(sum, partial(warp)); });
    b.barrier();
    Value own = load64(partial(lane)), after = bits.scanLanes(own), before = b.sub(after, own);
    Value wanted = b.select(b.compare(Predicate::eq, level, 0), target(bits.shuffleFrom(after, b.i32(31))), range[2]);
    Value hit = b.both(b.compare(Predicate::sle, before, wanted), b.compare(Predicate::slt, wanted, after));
    b.ifThen(b.both(hit, b.compare(Predicate::eq, warp, 0)), [&] {
      Value start = b.add(begin, b.mul(lane, length));
      store64(bits.join(b.min(b.add(start, length), end), start), slot(0));
      store64(b.sub(wanted, before), slot(1));
    });
    b.barrier();
    Value found = load64(slot(0));
    return Values{bits.low(found), bits.high(found), load64(slot(1))};
  });
  Value index = b.add(range[0], lane), inRange = b.compare(Predicate::slt, index, range[1]);
  Value own = weightIn(inRange, index, logit(b.min(index, b.sub(range[1], 1))));
  Value after = bits.scanLanes(own);
  Value hit =
      b.both(b.compare(Predicate::sle, b.sub(after, own), range[2]), b.compare(Predicate::slt, range[2], after));
  b.ifThen(b.both(hit, b.compare(Predicate::eq, warp, 0)), [&] { store64(wide(index), slot(2)); });
  b.barrier();
  return bits.low(load64(slot(2)));
}

Value SampleKernel::draw() {
  Value topK = ruleI32(offsetof(SampleRule, topK));
  Value topP = rule(b.getF64Type(), offsetof(SampleRule, topP));
  Value byCount = b.both(b.compare(Predicate::ne, topK, 0), b.compare(Predicate::ult, topK, vocab));
  Value byMass = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, topP, f64(1));
  Value lastId = b.i32(std::numeric_limits<int32_t>::max());
  Values kept = b.loop(b.i32(0), b.i32(2), 1, {b.i32(0), lastId}, [&](Value filter, ValueRange so) {
    Value second = b.compare(Predicate::eq, filter, 1);
    return b.ifElse(
        b.select(second, byMass, byCount),
        [&] {
          Border border = narrow(second, ruleI32(offsetof(SampleRule, topK)), {so[0], so[1]});
          return Values{border.order, border.id};
        },
        [&] { return Values(so); });
  });
  Border border = {kept[0], kept[1]};
  // Read only now: a register of 64 is not spent on it while the borders are found.
  Value minP = rule(b.getF64Type(), offsetof(SampleRule, minP));
  Value least = ceiling(b.mulf(minP, f64(double(int64_t(1) << kMassBits))));
  Value uniform = arith::BitcastOp::create(b, b.getF64Type(), load64(slot(3)));
  return find(
      [&](Value total) {
        Value place = wholeNumber(b.mulf(uniform, arith::SIToFPOp::create(b, b.getF64Type(), total)));
        return b.min(place, b.sub(total, 1));
      },
      [&](Value index, Value value) {
        Value order = orderOf(b, value);
        return b.ifElse(
            isKept(order, index, border),
            [&] {
              Value own = mass(value);
              return Values{b.select(b.compare(Predicate::sge, own, least), own, b.i64(0))};
            },
            [&] { return Values{b.i64(0)}; })[0];
      });
}

void SampleKernel::emit() {
  // Lies in the host's memory: far away, and not needed before the end.
  b.ifThen(isThread(0), [&] { store64(load64(b.at(frame[8], b.mul(ringPlace(), 8))), slot(3)); });
  edit();
  penalise();
  Value largest = largestKey();
  Value best = bits.flip(bits.low(largest)), order = bits.high(largest);
  scale = rule(b.getF64Type(), offsetof(SampleRule, scale));
  scaleLog2 = ruleF32(offsetof(SampleRule, scaleLog2));
  top = logit(best);
  topWide = arith::ExtFOp::create(b, b.getF64Type(), top);
  Value isFinite = b.compare(Predicate::ne, order, int32_t(kNotFinite));
  Value isDrawn = b.both(isFinite, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scale, f64(0)));
  Value token = b.ifElse(isDrawn, [&] { return Values{draw()}; }, [&] { return Values{best}; })[0];
  b.ifThen(isThread(0), [&] { store64(bits.join(order, bits.flip(token)), key()); });
  restore();
  accept(token);
}

void SampleKernel::emitScore() {
  b.ifThen(b.compare(Predicate::ne, ruleI32(offsetof(SampleRule, scored)), 0), [&] {
    Value largest = largestKey();
    b.ifThen(b.compare(Predicate::ne, bits.high(largest), int32_t(kNotFinite)), [&] {
      static_assert(kMassBits == kScoreBits);
      Value token = bits.flip(bits.low(load64(key())));
      scale = f64(1);
      scaleLog2 = b.f32(1.44269504088896341f);
      top = logit(bits.flip(bits.low(largest)));
      topWide = arith::ExtFOp::create(b, b.getF64Type(), top);
      Value scores = b.at(frame[13], b.mul(ringPlace(), int64_t(sizeof(TokenScores))));
      Value sum = scan(thread, vocab, kThreads, {b.i64(0)}, [&](Value, Value value, Value inRange, ValueRange state) {
        Value own = b.ifElse(inRange, [&] { return Values{mass(value)}; }, [&] { return Values{b.i64(0)}; })[0];
        return Values{b.add(state[0], own)};
      })[0];
      sum = bits.sumLanes(sum);
      b.ifThen(b.compare(Predicate::eq, lane, 0), [&] { store64(sum, partial(warp)); });
      b.barrier();
      sum = bits.sumLanes(load64(partial(lane)));
      b.ifThen(isThread(0), [&] {
        store64(sum, b.at(scores, offsetof(TokenScores, sum)));
        b.store(top, b.at(scores, offsetof(TokenScores, largest)), 4);
        b.store(logit(token), b.at(scores, offsetof(TokenScores, chosen)), 4);
      });
      Value numTop = b.sub(ruleI32(offsetof(SampleRule, scored)), 1);
      b.ifThen(b.compare(Predicate::ne, numTop, 0), [&] {
        b.barrier();
        Value no = arith::ConstantIntOp::create(b, 0, 1);
        Border border = narrow(no, numTop, {b.i32(0), b.i32(std::numeric_limits<int32_t>::max())});
        // Behind the border's own use of this place.
        b.barrier();
        b.ifThen(isThread(0), [&] { store64(b.i64(0), slot(3)); });
        b.barrier();
        scan(thread, vocab, kThreads, {}, [&](Value index, Value value, Value inRange, ValueRange) {
          b.ifThen(b.both(inRange, isKept(orderOf(b, value), index, border)), [&] {
            Value place = addAtomically(slot(3), b.i32(1));
            Value target = b.at(scores, b.mul(b.widen(place), int64_t(sizeof(TokenScores::Top))));
            target = b.at(target, offsetof(TokenScores, top));
            b.store(index, b.at(target, offsetof(TokenScores::Top, token)), 4);
            b.store(value, b.at(target, offsetof(TokenScores::Top, logit)), 4);
          });
          return Values();
        });
      });
    });
  });
}

static SmallVector<Type> sampleParameters(CudaBuilder &b) {
  Type pointer = b.pointerType(1), i32 = b.getI32Type();
  return {pointer, i32, i32, pointer, pointer, pointer, pointer, i32, pointer, pointer, i32, pointer, i32};
}

ServiceBody emitSample(CudaBuilder &b) {
  declareShared(b, kBinsShared, b.getI32Type(), 3 * kBins);
  declareShared(b, kSlotsShared, b.getI64Type(), kWarps + 4);
  declareShared(b, kSeenShared, b.getF32Type(), kThreads);
  return {QUIPU_CUDA_SAMPLE, sampleParameters(b),
          [](CudaBuilder &b, const ServiceFrame &frame) { SampleKernel(b, frame).emit(); }, kThreads};
}

ServiceBody emitScore(CudaBuilder &b) {
  SmallVector<Type> parameters = sampleParameters(b);
  parameters.push_back(b.pointerType(1));
  return {QUIPU_CUDA_SCORE, parameters,
          [](CudaBuilder &b, const ServiceFrame &frame) { SampleKernel(b, frame).emitScore(); }, kThreads};
}

} // namespace quipu::codegen::cuda
