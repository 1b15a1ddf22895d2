//===- LlamaToLinalg.cpp - llama-to-linalg --------------------------------===//
//
// Each op as its description in LlamaOps.td says, element by element: linalg.generic over the elements of the result,
// with a loop inside where an element is a sum. Nothing here is meant to be fast.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"
#include "ir/Reference/Reference.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace quipu::llama {
#define GEN_PASS_DEF_CONVERTLLAMATOLINALGPASS
#include "ir/Reference/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static Type convertType(Type type) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return RankedTensorType::get(tensor.getShape(), tensor.getElementType());
  if (auto cache = dyn_cast<KVCacheType>(type))
    return MemRefType::get({cache.getLayers(), 2, dynamic, dynamic, cache.getKvHeads(), cache.getHeadDim()},
                           cache.getElementType());
  if (auto layer = dyn_cast<KVLayerType>(type)) {
    // A layer of a cache is contiguous but for where it begins.
    int64_t row = layer.getKvHeads() * layer.getHeadDim();
    auto strides = StridedLayoutAttr::get(type.getContext(), dynamic, {dynamic, dynamic, row, layer.getHeadDim(), 1});
    return MemRefType::get({2, dynamic, dynamic, layer.getKvHeads(), layer.getHeadDim()}, layer.getElementType(),
                           strides);
  }
  return type;
}

static SmallVector<Type> convertTypes(TypeRange types) {
  return llvm::map_to_vector(types, [](Type type) { return convertType(type); });
}

static Type elementTypeOf(Type type) { return cast<ShapedType>(type).getElementType(); }

//===----------------------------------------------------------------------===//
// Building blocks
//===----------------------------------------------------------------------===//

namespace {

/// Builds the lowering of one op.
class Builder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Indices = ArrayRef<Value>;

  Value index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
  Value i32(int64_t value) { return arith::ConstantIntOp::create(*this, value, 32); }
  Value f32(double value) { return arith::ConstantOp::create(*this, getF32FloatAttr(static_cast<float>(value))); }

  /// A number as f32, and rounded from it.
  Value widen(Value value) {
    return value.getType().isF32() ? value : arith::ExtFOp::create(*this, getF32Type(), value).getResult();
  }
  Value round(Value value, Type type) {
    return value.getType() == type ? value : arith::TruncFOp::create(*this, type, value).getResult();
  }

  Value add(Value a, Value b) { return isFloat(a) ? make<arith::AddFOp>(a, b) : make<arith::AddIOp>(a, b); }
  Value sub(Value a, Value b) { return isFloat(a) ? make<arith::SubFOp>(a, b) : make<arith::SubIOp>(a, b); }
  Value mul(Value a, Value b) { return isFloat(a) ? make<arith::MulFOp>(a, b) : make<arith::MulIOp>(a, b); }
  Value div(Value a, Value b) { return isFloat(a) ? make<arith::DivFOp>(a, b) : make<arith::DivUIOp>(a, b); }
  Value rem(Value a, Value b) { return make<arith::RemUIOp>(a, b); }
  Value logicalAnd(Value a, Value b) { return make<arith::AndIOp>(a, b); }
  Value exp(Value a) { return math::ExpOp::create(*this, a); }
  Value tanh(Value a) { return math::TanhOp::create(*this, a); }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(*this, condition, a, b); }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(*this, predicate, a, b);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(*this, predicate, a, b);
  }

  /// A size of a tensor or memref, as a constant where it is static.
  Value size(Value shaped, int64_t dimension) {
    auto type = cast<ShapedType>(shaped.getType());
    if (!type.isDynamicDim(dimension))
      return index(type.getDimSize(dimension));
    return isa<MemRefType>(type) ? memref::DimOp::create(*this, shaped, dimension).getResult()
                                 : tensor::DimOp::create(*this, shaped, dimension).getResult();
  }

  /// An element of a tensor: floats as f32, integers as they are.
  Value extract(Value tensor, Indices indices) {
    Value element = tensor::ExtractOp::create(*this, tensor, indices);
    return isFloat(element) ? widen(element) : element;
  }
  Value load(Value memref, Indices indices) { return widen(memref::LoadOp::create(*this, memref, indices)); }

  /// An i32 read from a tensor as an index within [0, size): what a padding row holds must not lead out of bounds.
  Value extractIndex(Value tensor, Value at, Value size) {
    Value value = arith::IndexCastOp::create(*this, getIndexType(), extract(tensor, at));
    value = make<arith::MaxSIOp>(value, index(0));
    return make<arith::MinSIOp>(value, sub(size, index(1)));
  }

  /// sum_{i in [begin, end)} term(i), or another fold over it.
  Value fold(Value begin, Value end, ValueRange init, function_ref<SmallVector<Value>(Value, ValueRange)> step,
             unsigned result = 0) {
    return foldAll(begin, end, init, step)[result];
  }
  ResultRange foldAll(Value begin, Value end, ValueRange init,
                      function_ref<SmallVector<Value>(Value, ValueRange)> step) {
    auto loop =
        scf::ForOp::create(*this, begin, end, index(1), init, [&](OpBuilder &, Location, Value i, ValueRange carried) {
          InsertionGuard guard(*this);
          setInsertionPointToEnd(i.getParentBlock());
          scf::YieldOp::create(*this, step(i, carried));
        });
    return loop.getResults();
  }
  Value sum(Value begin, Value end, function_ref<Value(Value)> term) {
    return fold(begin, end, f32(0),
                [&](Value i, ValueRange carried) -> SmallVector<Value> { return {add(carried[0], term(i))}; });
  }
  void repeat(Value begin, Value end, function_ref<void(Value)> body) {
    foldAll(begin, end, {}, [&](Value i, ValueRange) -> SmallVector<Value> {
      body(i);
      return {};
    });
  }

  /// A tensor of the given type and dynamic sizes whose elements `element` computes from their indices. Floats are
  /// rounded from f32.
  Value generate(RankedTensorType type, ValueRange dynamicSizes, function_ref<Value(Indices)> element) {
    Value init = tensor::EmptyOp::create(*this, type, dynamicSizes);
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(*this, type, ValueRange(), init, getMultiDimIdentityMap(type.getRank()),
                                             iterators, [&](OpBuilder &inner, Location, ValueRange) {
                                               InsertionGuard guard(*this);
                                               restoreInsertionPoint(inner.saveInsertionPoint());
                                               SmallVector<Value> indices;
                                               for (int64_t dimension = 0; dimension < type.getRank(); ++dimension)
                                                 indices.push_back(linalg::IndexOp::create(*this, dimension));
                                               Value value = element(indices);
                                               linalg::YieldOp::create(
                                                   *this, isFloat(value) ? round(value, type.getElementType()) : value);
                                             });
    return generic.getResult(0);
  }

private:
  static bool isFloat(Value value) { return isa<FloatType>(value.getType()); }
  template <typename Op> Value make(Value a, Value b) { return Op::create(*this, a, b); }
};

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

using IntPredicate = arith::CmpIPredicate;
using FloatPredicate = arith::CmpFPredicate;

/// Lowers the ops of one function, given the values that replace their operands.
class OpLowering {
public:
  OpLowering(Builder &b, ArrayRef<Value> operands, ArrayRef<Type> resultTypes)
      : b(b), operands(operands), resultTypes(resultTypes) {}

  SmallVector<Value> lower(Operation *op) {
    SmallVector<Value> results;
    llvm::TypeSwitch<Operation *>(op)
        .Case<EmbeddingOp, GatherRowsOp>([&](auto) { results = {selectRows(op)}; })
        .Case<AttentionOp, SplitOp>([&](auto typed) { results = apply(typed); })
        .Case<KVAppendOp>([&](auto typed) { apply(typed); })
        .Case<RMSNormOp, LinearOp, RotaryOp, RotaryTableOp, RotateOp, KVLayerOp, MergeOp, GatedMLPOp, AddOp, LMHeadOp,
              SampleOp, RepeatKVOp, GateOp>([&](auto typed) { results = {apply(typed)}; });
    return results;
  }

private:
  Value operand(unsigned number) const { return operands[number]; }
  RankedTensorType resultType(unsigned number = 0) const { return cast<RankedTensorType>(resultTypes[number]); }
  static int64_t width(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getDimSize(1); }

  /// The dynamic sizes of a tensor with the rows of `like`.
  SmallVector<Value> rowsOf(Value like, RankedTensorType type) {
    SmallVector<Value> sizes;
    if (type.isDynamicDim(0))
      sizes.push_back(b.size(like, 0));
    return sizes;
  }
  RankedTensorType floats(ArrayRef<int64_t> shape) { return RankedTensorType::get(shape, b.getF32Type()); }

  // Also the embedding: a row of the second operand's matrix, or of the first's, at an index.
  Value selectRows(Operation *op) {
    bool embedding = isa<EmbeddingOp>(op);
    Value indices = operand(embedding ? 0 : 1), source = operand(embedding ? 1 : 0);
    return b.generate(resultType(), rowsOf(indices, resultType()), [&](Builder::Indices at) {
      Value row = b.extractIndex(indices, at[0], b.size(source, 0));
      return b.extract(source, {row, at[1]});
    });
  }

  Value norm(Value input, Value weight, double eps, RankedTensorType type) {
    int64_t count = width(input);
    auto scaleType = floats({type.getDimSize(0)});
    Value scale = b.generate(scaleType, rowsOf(input, scaleType), [&](Builder::Indices at) {
      Value squares = b.sum(b.index(0), b.index(count), [&](Value k) {
        Value x = b.extract(input, {at[0], k});
        return b.mul(x, x);
      });
      Value mean = b.add(b.div(squares, b.f32(static_cast<double>(count))), b.f32(eps));
      return b.div(b.f32(1), math::SqrtOp::create(b, mean));
    });
    return b.generate(type, rowsOf(input, type), [&](Builder::Indices at) {
      Value normalised = b.mul(b.extract(input, {at[0], at[1]}), b.extract(scale, at[0]));
      return b.mul(b.extract(weight, at[1]), normalised);
    });
  }
  Value apply(RMSNormOp op) { return norm(operand(0), operand(1), op.getEps().convertToDouble(), resultType()); }

  Value linear(Value input, Value weight, Value bias, RankedTensorType type) {
    auto sumType = floats(type.getShape());
    Value init = tensor::EmptyOp::create(b, sumType, rowsOf(input, sumType));
    Value zero = linalg::FillOp::create(b, b.f32(0), init).getResult(0);
    AffineExpr t, n, k;
    bindDims(b.getContext(), t, n, k);
    SmallVector<AffineMap> maps = {AffineMap::get(3, 0, {t, k}, b.getContext()),
                                   AffineMap::get(3, 0, {n, k}, b.getContext()),
                                   AffineMap::get(3, 0, {t, n}, b.getContext())};
    SmallVector<utils::IteratorType> iterators = {utils::IteratorType::parallel, utils::IteratorType::parallel,
                                                  utils::IteratorType::reduction};
    auto product = linalg::GenericOp::create(b, sumType, ValueRange{input, weight}, zero, maps, iterators,
                                             [&](OpBuilder &inner, Location, ValueRange arguments) {
                                               OpBuilder::InsertionGuard guard(b);
                                               b.restoreInsertionPoint(inner.saveInsertionPoint());
                                               Value term = b.mul(b.widen(arguments[0]), b.widen(arguments[1]));
                                               linalg::YieldOp::create(b, b.add(arguments[2], term));
                                             });
    Value sums = product.getResult(0);
    if (!bias && type == sumType)
      return sums;
    return b.generate(type, rowsOf(input, type), [&](Builder::Indices at) {
      Value value = b.extract(sums, {at[0], at[1]});
      return bias ? b.add(value, b.extract(bias, at[1])) : value;
    });
  }
  Value apply(LinearOp op) { return linear(operand(0), operand(1), op.getBias() ? operand(2) : Value(), resultType()); }

  Value table(Value positions, RopeAttr rope, RankedTensorType type) {
    int64_t half = type.getDimSize(1) / 2;
    SmallVector<float> values = rope.inverseFrequencies(type.getDimSize(1));
    Value frequencies = arith::ConstantOp::create(b, DenseElementsAttr::get(floats({half}), ArrayRef<float>(values)));
    return b.generate(type, rowsOf(positions, type), [&](Builder::Indices at) {
      Value isSine = b.compare(IntPredicate::uge, at[1], b.index(half));
      Value pair = b.rem(at[1], b.index(half));
      Value position = arith::SIToFPOp::create(b, b.getF32Type(), b.extract(positions, at[0]));
      Value angle = b.mul(position, b.extract(frequencies, pair));
      return b.select(isSine, math::SinOp::create(b, angle), math::CosOp::create(b, angle));
    });
  }
  Value apply(RotaryTableOp op) { return table(operand(0), op.getRope(), resultType()); }

  Value rotate(Value input, Value table, int64_t headDim, RotaryLayout layout, RankedTensorType type) {
    int64_t half = headDim / 2;
    return b.generate(type, rowsOf(input, type), [&](Builder::Indices at) {
      Value inHead = b.rem(at[1], b.index(headDim));
      Value head = b.sub(at[1], inHead);
      Value pair, second, partner;
      switch (layout) {
      case RotaryLayout::Half:
        pair = b.rem(inHead, b.index(half));
        second = b.compare(IntPredicate::uge, inHead, b.index(half));
        partner = b.rem(b.add(inHead, b.index(half)), b.index(headDim));
        break;
      case RotaryLayout::Interleaved: {
        Value place = b.rem(inHead, b.index(2));
        pair = b.div(inHead, b.index(2));
        second = b.compare(IntPredicate::ne, place, b.index(0));
        partner = b.sub(b.add(inHead, b.index(1)), b.mul(place, b.index(2)));
        break;
      }
      }
      Value cosine = b.extract(table, {at[0], pair});
      Value sine = b.extract(table, {at[0], b.add(pair, b.index(half))});
      Value straight = b.mul(b.extract(input, {at[0], at[1]}), cosine);
      Value crossed = b.mul(b.extract(input, {at[0], b.add(head, partner)}), sine);
      return b.select(second, b.add(straight, crossed), b.sub(straight, crossed));
    });
  }
  Value apply(RotateOp op) { return rotate(operand(0), operand(1), op.getHeadDim(), op.getLayout(), resultType()); }
  Value apply(RotaryOp op) {
    int64_t headDim = op.getHeadDim();
    auto tableType = floats({resultType().getDimSize(0), headDim});
    return rotate(operand(0), table(operand(1), op.getRope(), tableType), headDim, op.getRope().getLayout(),
                  resultType());
  }

  Value apply(KVLayerOp op) {
    auto type = cast<MemRefType>(resultTypes[0]);
    auto cache = cast<MemRefType>(operand(0).getType());
    SmallVector<OpFoldResult> offsets(6, b.getIndexAttr(0)), sizes, strides(6, b.getIndexAttr(1));
    offsets[0] = b.getIndexAttr(op.getLayer());
    sizes.push_back(b.getIndexAttr(1));
    for (int64_t dimension = 1; dimension < 6; ++dimension)
      sizes.push_back(cache.isDynamicDim(dimension) ? OpFoldResult(b.size(operand(0), dimension))
                                                    : b.getIndexAttr(cache.getDimSize(dimension)));
    auto inferred = cast<MemRefType>(
        memref::SubViewOp::inferRankReducedResultType(type.getShape(), cache, offsets, sizes, strides));
    Value layer = memref::SubViewOp::create(b, inferred, operand(0), offsets, sizes, strides);
    return inferred == type ? layer : memref::CastOp::create(b, type, layer).getResult();
  }

  void apply(KVAppendOp op) {
    Value kv = operand(0), positions = operand(3), sequences = operand(4);
    KVLayerType layer = op.getKv().getType();
    b.repeat(b.index(0), b.size(positions, 0), [&](Value t) {
      Value position = b.extract(positions, t);
      Value real = b.compare(IntPredicate::sge, position, b.i32(0));
      scf::IfOp::create(b, real, [&](OpBuilder &inner, Location) {
        OpBuilder::InsertionGuard guard(b);
        b.restoreInsertionPoint(inner.saveInsertionPoint());
        Value row = arith::IndexCastOp::create(b, b.getIndexType(), position);
        Value sequence = arith::IndexCastOp::create(b, b.getIndexType(), b.extract(sequences, t));
        b.repeat(b.index(0), b.index(layer.getKvHeads()), [&](Value head) {
          b.repeat(b.index(0), b.index(layer.getHeadDim()), [&](Value d) {
            Value feature = b.add(b.mul(head, b.index(layer.getHeadDim())), d);
            for (int64_t which = 0; which < 2; ++which) {
              Value value = b.round(b.extract(operand(1 + which), {t, feature}), layer.getElementType());
              memref::StoreOp::create(b, value, kv, ValueRange{b.index(which), sequence, row, head, d});
            }
          });
        });
        scf::YieldOp::create(b);
      });
    });
  }

  // Scores of all positions that the cache has room for, minus infinity for those that the row does not see.
  SmallVector<Value> apply(AttentionOp op) {
    Value query = operand(0), kv = operand(1), positions = operand(2), sequences = operand(3);
    int64_t heads = op.getNumHeads(), group = heads / static_cast<int64_t>(op.getNumKvHeads());
    int64_t headDim = op.getKv().getType().getHeadDim();
    int64_t rows = resultType().getDimSize(0);
    constexpr int64_t dynamic = ShapedType::kDynamic;
    Value room = b.size(kv, 2);
    Value minusInfinity = b.f32(-std::numeric_limits<double>::infinity());
    // Below every score; unlike minus infinity it may be subtracted from minus infinity.
    Value lowest = b.f32(std::numeric_limits<float>::lowest());

    auto scoresType = floats({rows, heads, dynamic});
    SmallVector<Value> scoresSizes = rowsOf(query, scoresType);
    scoresSizes.push_back(room);
    Value scores = b.generate(scoresType, scoresSizes, [&](Builder::Indices at) {
      Value position = b.extract(positions, at[0]);
      Value key = arith::IndexCastOp::create(b, b.getI32Type(), at[2]);
      Value seen = b.compare(IntPredicate::sge, position, b.i32(0));
      auto require = [&](IntPredicate predicate, Value left, Value right) {
        seen = b.logicalAnd(seen, b.compare(predicate, left, right));
      };
      if (op.getCausal())
        require(IntPredicate::sle, key, position);
      if (auto window = op.getWindow())
        require(IntPredicate::sgt, key, b.sub(position, b.i32(*window)));
      if (auto begin = op.getKeyBegin())
        require(IntPredicate::sge, key, b.i32(*begin));
      if (auto end = op.getKeyEnd())
        require(IntPredicate::slt, key, b.i32(*end));
      Value sequence = b.extractIndex(sequences, at[0], b.size(kv, 1));
      Value kvHead = b.div(at[1], b.index(group));
      Value first = b.mul(at[1], b.index(headDim));
      Value product = b.sum(b.index(0), b.index(headDim), [&](Value d) {
        Value k = b.load(kv, {b.index(0), sequence, at[2], kvHead, d});
        return b.mul(b.extract(query, {at[0], b.add(first, d)}), k);
      });
      return b.select(seen, b.mul(product, b.f32(op.getScale().convertToDouble())), minusInfinity);
    });

    auto perHead = floats({rows, heads});
    SmallVector<Value> perHeadSizes = rowsOf(query, perHead);
    Value greatest = b.generate(perHead, perHeadSizes, [&](Builder::Indices at) {
      return b.fold(b.index(0), room, lowest, [&](Value key, ValueRange carried) -> SmallVector<Value> {
        return {arith::MaximumFOp::create(b, carried[0], b.extract(scores, {at[0], at[1], key}))};
      });
    });
    Value weights = b.generate(scoresType, scoresSizes, [&](Builder::Indices at) {
      return b.exp(b.sub(b.extract(scores, at), b.extract(greatest, {at[0], at[1]})));
    });
    Value sums = b.generate(perHead, perHeadSizes, [&](Builder::Indices at) {
      return b.sum(b.index(0), room, [&](Value key) { return b.extract(weights, {at[0], at[1], key}); });
    });
    Value result = b.generate(resultType(), rowsOf(query, resultType()), [&](Builder::Indices at) {
      Value head = b.div(at[1], b.index(headDim)), d = b.rem(at[1], b.index(headDim));
      Value kvHead = b.div(head, b.index(group));
      Value sequence = b.extractIndex(sequences, at[0], b.size(kv, 1));
      Value total = b.sum(b.index(0), room, [&](Value key) {
        Value weight = b.extract(weights, {at[0], head, key});
        Value value = b.load(kv, {b.index(1), sequence, key, kvHead, d});
        // What lies beyond the row's keys was perhaps never written, and zero times NaN is NaN.
        Value counts = b.compare(FloatPredicate::OGT, weight, b.f32(0));
        return b.select(counts, b.mul(weight, value), b.f32(0));
      });
      Value sum = b.extract(sums, {at[0], head});
      Value empty = b.compare(FloatPredicate::OEQ, sum, b.f32(0));
      return b.select(empty, b.f32(0), b.div(total, sum));
    });
    SmallVector<Value> results{result};
    if (op.getLse())
      results.push_back(b.generate(resultType(1), rowsOf(query, resultType(1)), [&](Builder::Indices at) {
        return b.add(b.extract(greatest, at), math::LogOp::create(b, b.extract(sums, at)));
      }));
    return results;
  }

  Value apply(MergeOp) {
    size_t count = operands.size() / 2;
    auto partials = operands.take_front(count), lses = operands.drop_front(count);
    int64_t headDim = resultType().getDimSize(1) / width(lses.front());
    return b.generate(resultType(), rowsOf(partials.front(), resultType()), [&](Builder::Indices at) {
      Value head = b.div(at[1], b.index(headDim));
      SmallVector<Value> logs;
      Value greatest = b.f32(std::numeric_limits<float>::lowest());
      for (Value lse : lses) {
        logs.push_back(b.extract(lse, {at[0], head}));
        greatest = arith::MaximumFOp::create(b, greatest, logs.back());
      }
      Value sum = b.f32(0), total = b.f32(0);
      for (auto [log, partial] : llvm::zip_equal(logs, partials)) {
        Value weight = b.exp(b.sub(log, greatest));
        sum = b.add(sum, weight);
        total = b.add(total, b.mul(weight, b.extract(partial, {at[0], at[1]})));
      }
      return b.div(total, sum);
    });
  }

  Value activate(Activation activation, Value x) {
    switch (activation) {
    case Activation::Silu:
      return b.div(x, b.add(b.f32(1), b.exp(b.sub(b.f32(0), x))));
    case Activation::GeluTanh: {
      Value cube = b.mul(b.mul(x, x), x);
      Value inner = b.mul(b.f32(std::sqrt(2 / std::numbers::pi)), b.add(x, b.mul(b.f32(0.044715), cube)));
      return b.mul(b.mul(b.f32(0.5), x), b.add(b.f32(1), b.tanh(inner)));
    }
    }
    llvm_unreachable("all activations are listed");
  }

  /// act(gate) * up, with the up projection's features `shift` to the right.
  Value gate(Activation activation, Value gate, Value up, int64_t shift, RankedTensorType type) {
    return b.generate(type, rowsOf(gate, type), [&](Builder::Indices at) {
      Value activated = activate(activation, b.extract(gate, {at[0], at[1]}));
      return b.mul(activated, b.extract(up, {at[0], shift ? b.add(at[1], b.index(shift)) : at[1]}));
    });
  }
  Value apply(GateOp op) {
    return gate(op.getActivation(), operand(0), operand(op.getUp() ? 1 : 0),
                op.getUp() ? 0 : resultType().getDimSize(1), resultType());
  }
  Value apply(GatedMLPOp op) {
    int64_t rows = resultType().getDimSize(0);
    int64_t inner = cast<RankedTensorType>(operand(1).getType()).getDimSize(0);
    bool bias = static_cast<bool>(op.getGateBias());
    auto wide = floats({rows, inner});
    Value g = linear(operand(0), operand(1), bias ? operand(4) : Value(), wide);
    Value u = linear(operand(0), operand(2), bias ? operand(5) : Value(), wide);
    auto product = RankedTensorType::get({rows, inner}, elementTypeOf(operand(0).getType()));
    return linear(gate(op.getActivation(), g, u, 0, product), operand(3), bias ? operand(6) : Value(), resultType());
  }

  Value apply(AddOp) {
    return b.generate(resultType(), rowsOf(operand(0), resultType()),
                      [&](Builder::Indices at) { return b.add(b.extract(operand(0), at), b.extract(operand(1), at)); });
  }

  Value apply(LMHeadOp op) {
    auto input = cast<RankedTensorType>(operand(0).getType());
    Value rows = operand(1);
    auto selectedType =
        RankedTensorType::get({resultType().getDimSize(0), input.getDimSize(1)}, input.getElementType());
    Value selected = b.generate(selectedType, rowsOf(rows, selectedType), [&](Builder::Indices at) {
      return b.extract(operand(0), {b.extractIndex(rows, at[0], b.size(operand(0), 0)), at[1]});
    });
    auto normalisedType = RankedTensorType::get(selectedType.getShape(), op.getComputeType());
    Value normalised = norm(selected, operand(2), op.getEps().convertToDouble(), normalisedType);
    return linear(normalised, operand(3), Value(), resultType());
  }

  Value apply(SampleOp) {
    Value logits = operand(0);
    return b.generate(resultType(), rowsOf(logits, resultType()), [&](Builder::Indices at) -> Value {
      Value best = b.extract(logits, {at[0], b.index(0)});
      return b.fold(
          b.index(1), b.index(width(logits)), ValueRange{best, b.i32(0)},
          [&](Value v, ValueRange carried) -> SmallVector<Value> {
            Value logit = b.extract(logits, {at[0], v});
            Value better = b.compare(FloatPredicate::OGT, logit, carried[0]);
            Value number = arith::IndexCastOp::create(b, b.getI32Type(), v);
            return {b.select(better, logit, carried[0]), b.select(better, number, carried[1])};
          },
          1);
    });
  }

  Value apply(RepeatKVOp op) {
    int64_t headDim = op.getHeadDim(), times = op.getTimes();
    return b.generate(resultType(), rowsOf(operand(0), resultType()), [&](Builder::Indices at) {
      Value head = b.div(at[1], b.index(headDim * times));
      Value feature = b.add(b.mul(head, b.index(headDim)), b.rem(at[1], b.index(headDim)));
      return b.extract(operand(0), {at[0], feature});
    });
  }

  SmallVector<Value> apply(SplitOp) {
    SmallVector<Value> parts;
    int64_t first = 0;
    for (unsigned number = 0; number < resultTypes.size(); ++number) {
      RankedTensorType type = resultType(number);
      parts.push_back(b.generate(type, rowsOf(operand(0), type), [&](Builder::Indices at) {
        return b.extract(operand(0), {at[0], b.add(at[1], b.index(first))});
      }));
      first += type.getDimSize(1);
    }
    return parts;
  }

  Builder &b;
  ArrayRef<Value> operands;
  ArrayRef<Type> resultTypes;
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct ConvertLlamaToLinalgPass : quipu::llama::impl::ConvertLlamaToLinalgPassBase<ConvertLlamaToLinalgPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<WeightOp> weights(module.getOps<WeightOp>());
    for (func::FuncOp func : llvm::to_vector(module.getOps<func::FuncOp>()))
      if (failed(convert(func, weights, symbols)))
        return signalPassFailure();
    for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
      if (isa<WeightOp, KernelOp>(op))
        op.erase();
  }

private:
  LogicalResult convert(func::FuncOp func, ArrayRef<WeightOp> weights, SymbolTable &symbols) {
    bool refersToWeights = false;
    WalkResult nested = func.walk([&](Operation *op) {
      refersToWeights |= isa<WeightRefOp>(op);
      if (isa_and_nonnull<LlamaDialect>(op->getDialect()) && op->getParentOp() != func) {
        op->emitOpError() << "cannot be lowered inside of " << op->getParentOp()->getName();
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (nested.wasInterrupted())
      return failure();
    bool program = func->hasAttr(kProgramAttrName);
    func->removeAttr(kProgramAttrName);
    func->removeAttr(kArenaBytesAttrName);
    if (program)
      func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(&getContext()));
    if (func.isExternal()) {
      func.setType(
          FunctionType::get(&getContext(), convertTypes(func.getArgumentTypes()), convertTypes(func.getResultTypes())));
      return success();
    }

    // The new body is built beside the old one, whose types the ops' accessors need.
    Region old;
    old.takeBody(func.getBody());
    if (!llvm::hasSingleElement(old))
      return func.emitOpError() << "has several blocks, which the reference lowering does not take";
    Block *body = new Block();
    func.getBody().push_back(body);
    IRMapping mapping;
    for (BlockArgument argument : old.front().getArguments())
      mapping.map(argument, body->addArgument(convertType(argument.getType()), argument.getLoc()));
    llvm::DenseMap<StringRef, Value> weightValues;
    if (refersToWeights) {
      SmallVector<DictionaryAttr> attributes;
      func.getAllArgAttrs(attributes);
      for (WeightOp weight : weights)
        weightValues[weight.getSymName()] = body->addArgument(convertType(weight.getType()), weight.getLoc());
      attributes.resize(body->getNumArguments(), DictionaryAttr::get(&getContext()));
      func.setType(FunctionType::get(&getContext(), body->getArgumentTypes(), convertTypes(func.getResultTypes())));
      func.setAllArgAttrs(attributes);
    } else {
      func.setType(FunctionType::get(&getContext(), body->getArgumentTypes(), convertTypes(func.getResultTypes())));
    }
    OpBuilder builder = OpBuilder::atBlockEnd(body);
    convertBlock(old.front(), builder, mapping, weightValues, symbols);
    return success();
  }

  /// Appends the lowering of the ops of `block`, but for its terminator when that ends a kernel.
  void convertBlock(Block &block, OpBuilder &builder, IRMapping &mapping,
                    const llvm::DenseMap<StringRef, Value> &weightValues, SymbolTable &symbols) {
    for (Operation &op : block) {
      if (isa<YieldOp>(op))
        return;
      SmallVector<Value> results;
      if (auto ref = dyn_cast<WeightRefOp>(op)) {
        results = {weightValues.lookup(ref.getWeight())};
      } else if (auto launch = dyn_cast<LaunchOp>(op)) {
        Block &kernel = symbols.lookup<KernelOp>(launch.getKernel()).getBody().front();
        IRMapping inner;
        for (auto [argument, operand] : llvm::zip_equal(kernel.getArguments(), launch.getOperands()))
          inner.map(argument, mapping.lookup(operand));
        convertBlock(kernel, builder, inner, weightValues, symbols);
        for (Value yielded : kernel.getTerminator()->getOperands())
          results.push_back(inner.lookup(yielded));
      } else if (isa_and_nonnull<LlamaDialect>(op.getDialect())) {
        SmallVector<Value> operands =
            llvm::map_to_vector(op.getOperands(), [&](Value operand) { return mapping.lookup(operand); });
        SmallVector<Type> types = convertTypes(op.getResultTypes());
        Builder implicit(op.getLoc(), builder);
        results = OpLowering(implicit, operands, types).lower(&op);
      } else {
        Operation *copy = builder.clone(op, mapping);
        for (Value result : copy->getResults())
          result.setType(convertType(result.getType()));
        // A cast between a dialect type and what it has become.
        if (isa<UnrealizedConversionCastOp>(copy) && copy->getOperandTypes() == copy->getResultTypes()) {
          results.assign(copy->operand_begin(), copy->operand_end());
          for (auto [from, to] : llvm::zip_equal(op.getResults(), results))
            mapping.map(from, to);
          copy->erase();
        }
        continue;
      }
      for (auto [from, to] : llvm::zip_equal(op.getResults(), results))
        mapping.map(from, to);
    }
  }
};

} // namespace
