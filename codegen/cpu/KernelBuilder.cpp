//===- KernelBuilder.cpp - The vocabulary of CPU kernel emitters ------------===//

#include "codegen/cpu/KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;

namespace quipu::codegen::cpu {

Value KernelBuilder::fma(Value a, Value b, Value c) {
  if (isa<VectorType>(c.getType()))
    return vector::FMAOp::create(*this, a, b, c);
  return math::FmaOp::create(*this, a, b, c);
}

Value KernelBuilder::exp(Value a) { return math::ExpOp::create(*this, a); }

Value KernelBuilder::splatByte(int64_t value, int64_t lanes) {
  auto values = DenseElementsAttr::get(vectorOf(getI8Type(), lanes), static_cast<int8_t>(value));
  return arith::ConstantOp::create(*this, values);
}

Value KernelBuilder::constantLike(Value like, float value) {
  auto vector = dyn_cast<VectorType>(like.getType());
  return vector ? splat(value, vector.getNumElements()) : f32(value);
}

Value KernelBuilder::rsqrt(Value a) { return divf(constantLike(a, 1.0f), math::SqrtOp::create(*this, a)); }

Value KernelBuilder::timesLogistic(Value a, Value z) {
  Value negative = arith::NegFOp::create(*this, z);
  return divf(a, addf(constantLike(a, 1.0f), exp(negative)));
}

Value KernelBuilder::sumLanes(Value vector) {
  Value whole = foldTo(vector, static_cast<int64_t>(llvm::PowerOf2Ceil(static_cast<uint64_t>(lanesOf(vector)))));
  return vector::ExtractOp::create(*this, foldTo(whole, 1), int64_t(0));
}

Value KernelBuilder::sumHalves(ArrayRef<Value> parts) {
  Values sums(parts);
  for (size_t half = parts.size() / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i)
      sums[i] = addf(sums[i], sums[i + half]);
    sums.resize(half);
  }
  return sums.front();
}

/// Of each group of `2 * width` of `lanes` lanes, the first `width` (from = 0) or the others (from = width).
static SmallVector<int64_t> halvesOfGroups(int64_t lanes, int64_t width, int64_t from) {
  SmallVector<int64_t> order;
  for (int64_t group = 0; group < lanes; group += 2 * width)
    for (int64_t i = 0; i < width; ++i)
      order.push_back(group + from + i);
  return order;
}

Value KernelBuilder::sumLanesOfEach(ArrayRef<Value> vectors) {
  if (!llvm::isPowerOf2_64(vectors.size()))
    return fromScalars(llvm::map_to_vector(vectors, [&](Value vector) { return sumLanes(vector); }));
  // Each vector holds `partials` partial sums of each of its values. Two vectors become one with half as many of each.
  SmallVector<Value> level(vectors);
  for (int64_t partials = lanesOf(level.front()); partials > 1; partials /= 2) {
    auto addHalves = [&](Value first, Value second, int64_t lanes) {
      Value low = vector::ShuffleOp::create(*this, first, second, halvesOfGroups(lanes, partials / 2, 0));
      Value high = vector::ShuffleOp::create(*this, first, second, halvesOfGroups(lanes, partials / 2, partials / 2));
      return addf(low, high);
    };
    SmallVector<Value> next;
    if (level.size() == 1)
      next.push_back(addHalves(level[0], level[0], lanesOf(level[0])));
    for (size_t i = 0; i + 1 < level.size(); i += 2)
      next.push_back(addHalves(level[i], level[i + 1], 2 * lanesOf(level[i])));
    level = next;
  }
  while (level.size() > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i < level.size(); i += 2)
      next.push_back(join(level[i], level[i + 1]));
    level = next;
  }
  return level.front();
}

Value KernelBuilder::inFirstLane(Value scalar, int64_t lanes) {
  auto type = vectorOf(scalar.getType(), lanes);
  Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
  return vector::InsertOp::create(*this, scalar, zero, int64_t(0));
}

Value KernelBuilder::join(Value low, Value high) {
  return vector::ShuffleOp::create(*this, low, high,
                                   llvm::to_vector(llvm::seq<int64_t>(0, lanesOf(low) + lanesOf(high))));
}

Value KernelBuilder::spread(Value vector, int64_t lanes) {
  int64_t count = lanesOf(vector);
  if (count == lanes)
    return vector;
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < lanes; ++lane)
    order.push_back(lane * count / lanes);
  return vector::ShuffleOp::create(*this, vector, vector, order);
}

Value KernelBuilder::foldTo(Value vector, int64_t lanes) {
  int64_t count = lanesOf(vector);
  for (; count > lanes; count /= 2) {
    SmallVector<int64_t> low = llvm::to_vector(llvm::seq<int64_t>(0, count / 2));
    SmallVector<int64_t> high = llvm::to_vector(llvm::seq<int64_t>(count / 2, count));
    vector = addf(vector::ShuffleOp::create(*this, vector, vector, low),
                  vector::ShuffleOp::create(*this, vector, vector, high));
  }
  if (count == lanes)
    return vector;
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, count));
  order.append(lanes - count, count);
  return vector::ShuffleOp::create(*this, vector, splat(0.0f, count), order);
}

Value KernelBuilder::maxLanes(Value vector) {
  // Masked scores are finite, so that the reduction may assume the absence of NaN and be a tree.
  return vector::ReductionOp::create(*this, vector::CombiningKind::MAXNUMF, vector,
                                     arith::FastMathFlags::reassoc | arith::FastMathFlags::nnan);
}

Value KernelBuilder::dotBf16(Value accumulator, Value a, Value b) {
  return x86vector::DotBF16Op::create(*this, accumulator.getType(), accumulator, a, b);
}

Value KernelBuilder::fromScalars(ArrayRef<Value> scalars) {
  return vector::FromElementsOp::create(*this, vectorOf(scalars.front().getType(), scalars.size()), scalars);
}

KernelBuilder::Values KernelBuilder::transpose(ArrayRef<Value> vectors) {
  auto lanes = static_cast<int64_t>(vectors.size()), width = lanesOf(vectors.front());
  // Vector i of `width` ones has the elements of vectors i, i + width, ..., and each such group is transposed.
  Values level;
  for (int64_t i = 0; i < width; ++i) {
    Values parts;
    for (int64_t part = i; part < lanes; part += width)
      parts.push_back(vectors[static_cast<size_t>(part)]);
    for (; parts.size() > 1; parts.resize(parts.size() / 2))
      for (size_t j = 0; j < parts.size() / 2; ++j)
        parts[j] = join(parts[2 * j], parts[2 * j + 1]);
    level.push_back(parts.front());
  }
  for (int64_t step = width / 2; step > 0; step /= 2)
    for (int64_t i = 0; i < width; ++i) {
      if (i & step)
        continue;
      SmallVector<int64_t> low, high;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        low.push_back(lane & step ? lanes + lane - step : lane);
        high.push_back(lane & step ? lanes + lane : lane + step);
      }
      Value first = level[i], second = level[i + step];
      level[i] = vector::ShuffleOp::create(*this, first, second, low);
      level[i + step] = vector::ShuffleOp::create(*this, first, second, high);
    }
  return level;
}

Value KernelBuilder::weightOf(Value scores, Value largest) {
  Value isSeen = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, scores, constantLike(scores, kMaskedScore));
  return select(isSeen, exp(subf(scores, largest)), constantLike(scores, 0.0f));
}

Value KernelBuilder::loadF32(Type element, Value pointer, int64_t lanes) {
  Type type = lanes == 0 ? element : vectorOf(element, lanes);
  return widenToF32(load(type, pointer, bytesOf(element)));
}

void KernelBuilder::storeF32(Value value, Type element, Value pointer) {
  store(roundTo(element, value), pointer, bytesOf(element));
}

Value KernelBuilder::loadI32(Value pointer, int64_t lanes) {
  Type type = lanes == 0 ? Type(getI32Type()) : Type(vectorOf(getI32Type(), lanes));
  return load(type, pointer, 4);
}

KernelBuilder::Values KernelBuilder::rolledLoop(int64_t upper, int64_t step, ArrayRef<Value> initial,
                                                llvm::function_ref<Values(Value, ValueRange)> body) {
  Values results = loop(i64(0), i64(upper), step, initial, body);
  auto unroll = LLVM::LoopUnrollAttr::get(getContext(), /*disable=*/getBoolAttr(true), {}, {}, {}, {}, {}, {});
  // The lowering of scf.for passes this attribute on.
  results.front().getDefiningOp()->setAttr(
      "llvm.loop_annotation",
      LLVM::LoopAnnotationAttr::get(getContext(), {}, {}, {}, unroll, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}));
  return results;
}

void KernelBuilder::prefetch(Value pointer) {
  // Read, into every level of cache, data.
  LLVM::Prefetch::create(*this, pointer, /*rw=*/0, /*hint=*/3, /*cache=*/1);
}

void KernelBuilder::orderMemory() {
  LLVM::InlineAsmOp::create(*this, TypeRange(), ValueRange(), /*asm_string=*/"", /*constraints=*/"~{memory}",
                            /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                            LLVM::AsmDialectAttr(), ArrayAttr());
}

Value KernelBuilder::opaque(Value pointer) {
  return LLVM::InlineAsmOp::create(*this, pointer.getType(), pointer, /*asm_string=*/"", /*constraints=*/"=r,0",
                                   /*has_side_effects=*/false, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                                   LLVM::AsmDialectAttr(), ArrayAttr())
      .getResult(0);
}

Value KernelBuilder::pointerAt(Value pointers, int64_t index) {
  return load(LLVM::LLVMPointerType::get(getContext()), at(pointers, index * 8), 8);
}

} // namespace quipu::codegen::cpu
