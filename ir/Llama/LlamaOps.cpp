//===- LlamaOps.cpp - Verifiers and effects of the llama ops ---------------===//
//
// Each verifier names what it found and what it expected; the op's name comes with the diagnostic.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/WeightTypes.h"
#include "runtime/abi/SampleRule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"

#include <numeric>

using namespace mlir;
using namespace quipu::llama;

/// A source that is a whole tensor is written as only its name.
static ParseResult parseSources(OpAsmParser &parser, ArrayAttr &sources) {
  SmallVector<Attribute> list;
  auto parseSource = [&]() -> ParseResult {
    std::string name;
    if (succeeded(parser.parseOptionalString(&name))) {
      list.push_back(SourceAttr::get(parser.getContext(), name, RangeAttr(), RangeAttr()));
      return success();
    }
    SourceAttr source;
    if (parser.parseAttribute(source))
      return failure();
    list.push_back(source);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseSource))
    return failure();
  sources = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printSources(OpAsmPrinter &printer, Operation *, ArrayAttr sources) {
  printer << '[';
  llvm::interleaveComma(sources.getAsRange<SourceAttr>(), printer, [&](SourceAttr source) {
    if (source.isWhole())
      printer.printString(source.getName());
    else
      printer << source;
  });
  printer << ']';
}

#define GET_OP_CLASSES
#include "ir/Llama/LlamaOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Shared checks
//===----------------------------------------------------------------------===//

static int64_t features(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); }
static int64_t rows(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(0); }
static int64_t length(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(0); }

static LogicalResult expectEqual(Operation *op, const Twine &what, int64_t found, int64_t expected) {
  if (found == expected)
    return success();
  return op->emitOpError() << what << " is " << found << ", expected " << expected;
}

/// All activations of an op have the same rows, and lie in the same tiles of them (their `pack` may differ).
static LogicalResult expectSameRowLayout(Operation *op, ValueRange activations) {
  int64_t count = ShapedType::kDynamic;
  for (Value value : activations) {
    if (ShapedType::isDynamic(rows(value)))
      continue;
    if (!ShapedType::isDynamic(count) && rows(value) != count)
      return op->emitOpError() << "operands and results disagree in rows: found " << rows(value) << " beside " << count;
    count = rows(value);
  }
  TokenLanesAttr first;
  bool seen = false;
  for (Value value : activations) {
    TokenLanesAttr layout = getTokenLanes(value.getType());
    if (!seen) {
      first = layout;
      seen = true;
      continue;
    }
    if (static_cast<bool>(layout) != static_cast<bool>(first) || (layout && layout.getLanes() != first.getLanes()))
      return op->emitOpError() << "operands and results disagree in layout: found " << value.getType() << " beside "
                               << activations.front().getType();
  }
  return success();
}

/// A row of a weight is whole blocks.
static LogicalResult verifyBlocks(Operation *op, Type weight) {
  auto type = cast<RankedTensorType>(weight);
  auto block = dyn_cast<BlockType>(type.getElementType());
  int64_t columns = type.getShape().back();
  if (!block || ShapedType::isDynamic(columns) || block.getFormat()->fits(static_cast<uint64_t>(columns)))
    return success();
  return op->emitOpError() << "has a weight with rows of " << columns << " elements, which are no whole blocks of "
                           << block.getFormat()->blockElements << " (" << type << ")";
}

static SmallVector<Value> values(std::initializer_list<ValueRange> ranges) {
  SmallVector<Value> all;
  for (ValueRange range : ranges)
    all.append(range.begin(), range.end());
  return all;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

SmallVector<int64_t> WeightOp::getRowCounts() {
  if (std::optional<ArrayRef<int64_t>> counts = getRows())
    return SmallVector<int64_t>(*counts);
  return {cast<RankedTensorType>(getType()).getDimSize(0)};
}

SmallVector<int64_t> WeightOp::getTensorShape(unsigned index) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(getType()).getShape());
  SourceAttr source = getSource(index);
  shape[0] = source.getRows() ? source.getRows().getExtent() : getRowCounts()[index];
  if (source.getColumns())
    shape[1] = source.getColumns().getExtent();
  return shape;
}

/// Whether the slice of a tensor is `rows` rows of a weight of type `type`.
static LogicalResult verifySlice(WeightOp weight, SourceAttr source, int64_t rows, RankedTensorType type) {
  if (RangeAttr range = source.getRows(); range && range.getCount() != rows)
    return weight.emitOpError() << "takes " << range.getCount() << " rows of '" << source.getName() << "', expected "
                                << rows;
  RangeAttr range = source.getColumns();
  if (!range)
    return success();
  if (type.getRank() != 2)
    return weight.emitOpError() << "takes columns of '" << source.getName() << "', but is no matrix";
  if (range.getCount() != type.getDimSize(1))
    return weight.emitOpError() << "takes " << range.getCount() << " columns of '" << source.getName() << "', expected "
                                << type.getDimSize(1);
  return success();
}

LogicalResult WeightOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape())
    return emitOpError() << "type must be static, found " << type;
  if (failed(verifyBlocks(*this, type)))
    return failure();
  if (getSources().empty())
    return emitOpError() << "needs at least one source";
  int64_t total = type.getDimSize(0);
  if (auto counts = getRows()) {
    if (counts->size() != getSources().size())
      return emitOpError() << "has " << getSources().size() << " sources but rows for " << counts->size();
    int64_t sum = std::accumulate(counts->begin(), counts->end(), int64_t(0));
    if (sum != total)
      return emitOpError() << "rows of the sources add up to " << sum << ", expected " << total;
  } else if (getSources().size() != 1) {
    return emitOpError() << "with " << getSources().size() << " sources needs `rows`";
  }
  for (auto [source, rows] : llvm::zip_equal(getSources().getAsRange<SourceAttr>(), getRowCounts()))
    if (failed(verifySlice(*this, source, rows, type)))
      return failure();
  if (auto parts = dyn_cast_or_null<RowPartsAttr>(type.getEncoding())) {
    if (parts.getRows() != ArrayRef<int64_t>(getRowCounts()))
      return emitOpError() << "layout " << parts << " differs from the rows of its sources";
    if (parts.getInterleave() > 1 && !canInterleave(type.getElementType()))
      return emitOpError() << "has interleaved rows of " << type.getElementType()
                           << "; only blocks of words and numbers can be interleaved";
  }
  if (getPlus() && !type.getElementType().isF32())
    return emitOpError() << "has `plus`, which needs elements of f32, but they are " << type.getElementType();
  return success();
}

LogicalResult WeightRefOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "refers to @" << getWeight() << ", which is no llama.weight";
  if (weight.getType() != getResult().getType())
    return emitOpError() << "has type " << getResult().getType() << ", but @" << getWeight() << " is "
                         << weight.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Semantic ops
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  if (failed(verifyBlocks(*this, getTable().getType())))
    return failure();
  return expectEqual(*this, "width of the result", features(getResult()), features(getTable()));
}

LogicalResult RMSNormOp::verify() {
  if (failed(expectEqual(*this, "width of the result", features(getResult()), features(getInput()))) ||
      failed(expectEqual(*this, "length of the weight", length(getWeight()), features(getInput()))))
    return failure();
  if (!(getEps().convertToDouble() >= 0))
    return emitOpError() << "eps must not be negative, found " << getEps().convertToDouble();
  return expectSameRowLayout(*this, {getInput(), getResult()});
}

LogicalResult QuantizeOp::verify() {
  if (failed(expectEqual(*this, "width of the result", features(getResult()), features(getInput()))))
    return failure();
  if (features(getInput()) % static_cast<int64_t>(getBlock()))
    return emitOpError() << "rows of " << features(getInput()) << " elements are no whole blocks of " << getBlock();
  return expectSameRowLayout(*this, {getInput(), getResult()});
}

LogicalResult LinearOp::verify() {
  if (failed(verifyBlocks(*this, getWeight().getType())) ||
      failed(expectEqual(*this, "width of the input", features(getInput()), features(getWeight()))) ||
      failed(expectEqual(*this, "width of the result", features(getResult()), rows(getWeight()))))
    return failure();
  if (getBias() && failed(expectEqual(*this, "length of the bias", length(getBias()), rows(getWeight()))))
    return failure();
  return expectSameRowLayout(*this, {getInput(), getResult()});
}

static LogicalResult verifyHeads(Operation *op, int64_t headDim, int64_t width) {
  if (width % headDim)
    return op->emitOpError() << "width " << width << " is not a multiple of headDim " << headDim;
  return success();
}

static LogicalResult verifyDivisors(Operation *op, RopeAttr rope, int64_t headDim) {
  if (!rope.getDivisors() || rope.getDivisors().size() == headDim / 2)
    return success();
  return op->emitOpError() << "has " << rope.getDivisors().size() << " divisors of frequencies, but heads of "
                           << headDim << " elements have " << headDim / 2 << " pairs";
}

LogicalResult RotaryOp::verify() {
  if (failed(verifyHeads(*this, getHeadDim(), features(getInput()))) ||
      failed(verifyDivisors(*this, getRope(), getHeadDim())) ||
      failed(expectEqual(*this, "width of the result", features(getResult()), features(getInput()))))
    return failure();
  return expectSameRowLayout(*this, {getInput(), getResult()});
}

LogicalResult RotaryTableOp::verify() {
  if (failed(verifyDivisors(*this, getRope(), getHeadDim())))
    return failure();
  return expectEqual(*this, "width of the table", features(getResult()), getHeadDim());
}

LogicalResult RotateOp::verify() {
  if (failed(verifyHeads(*this, getHeadDim(), features(getInput()))) ||
      failed(expectEqual(*this, "width of the result", features(getResult()), features(getInput()))) ||
      failed(expectEqual(*this, "width of the table", features(getTable()), getHeadDim())))
    return failure();
  return expectSameRowLayout(*this, {getInput(), getTable(), getResult()});
}

LogicalResult KVLayerOp::verify() {
  KVCacheType cache = getCache().getType();
  auto expected =
      KVLayerType::get(getContext(), cache.getKvHeads(), cache.getHeadDim(), cache.getElementType(), cache.getPage());
  if (getResult().getType() != expected)
    return emitOpError() << "yields " << getResult().getType() << ", expected " << expected;
  if (static_cast<int64_t>(getLayer()) >= cache.getLayers())
    return emitOpError() << "layer " << getLayer() << " is out of range, the cache has " << cache.getLayers()
                         << " layers";
  return success();
}

LogicalResult KVAppendOp::verify() {
  KVLayerType kv = getKv().getType();
  int64_t width = kv.getKvHeads() * kv.getHeadDim();
  if (failed(expectEqual(*this, "width of the keys", features(getKeys()), width)) ||
      failed(expectEqual(*this, "width of the values", features(getValues()), width)))
    return failure();
  return expectSameRowLayout(*this, {getKeys(), getValues()});
}

LogicalResult AttentionOp::verify() {
  KVLayerType kv = getKv().getType();
  int64_t heads = getNumHeads(), kvHeads = getNumKvHeads();
  if (heads % kvHeads)
    return emitOpError() << "numHeads must be a multiple of numKvHeads, found " << heads << " and " << kvHeads;
  if (failed(expectEqual(*this, "numKvHeads", kvHeads, kv.getKvHeads())) ||
      failed(expectEqual(*this, "width of the query", features(getQuery()), heads * kv.getHeadDim())) ||
      failed(expectEqual(*this, "width of the result", features(getResult()), heads * kv.getHeadDim())))
    return failure();
  if (getLse() && failed(expectEqual(*this, "width of lse", features(getLse()), heads)))
    return failure();
  if (auto end = getKeyEnd(); end && *end <= getKeyBegin().value_or(0))
    return emitOpError() << "needs keyBegin < keyEnd, found " << getKeyBegin().value_or(0) << " and " << *end;
  return expectSameRowLayout(*this, {getQuery(), getResult()});
}

LogicalResult MergeOp::verify() {
  if (getPartials().empty())
    return emitOpError() << "needs at least one partial attention";
  int64_t width = features(getResult()), heads = features(getLses().front());
  for (Value partial : getPartials())
    if (failed(expectEqual(*this, "width of a partial attention", features(partial), width)))
      return failure();
  for (Value lse : getLses())
    if (failed(expectEqual(*this, "width of an lse", features(lse), heads)))
      return failure();
  if (heads <= 0 || width % heads)
    return emitOpError() << "width " << width << " is not a multiple of the number of heads " << heads;
  return expectSameRowLayout(*this, values({getPartials(), getLses(), getResult()}));
}

LogicalResult GatedMLPOp::verify() {
  int64_t hidden = features(getInput()), inner = rows(getGate());
  for (Value weight : {getGate(), getUp(), getDown()})
    if (failed(verifyBlocks(*this, weight.getType())))
      return failure();
  if (failed(expectEqual(*this, "width of the gate weight", features(getGate()), hidden)) ||
      failed(expectEqual(*this, "width of the up weight", features(getUp()), hidden)) ||
      failed(expectEqual(*this, "rows of the up weight", rows(getUp()), inner)) ||
      failed(expectEqual(*this, "width of the down weight", features(getDown()), inner)) ||
      failed(expectEqual(*this, "width of the result", features(getResult()), rows(getDown()))))
    return failure();
  if (static_cast<bool>(getGateBias()) != static_cast<bool>(getUpBias()) ||
      static_cast<bool>(getGateBias()) != static_cast<bool>(getDownBias()))
    return emitOpError() << "needs the biases of gate, up and down, or none of them";
  if (getGateBias() && (failed(expectEqual(*this, "length of the gate bias", length(getGateBias()), inner)) ||
                        failed(expectEqual(*this, "length of the up bias", length(getUpBias()), inner)) ||
                        failed(expectEqual(*this, "length of the down bias", length(getDownBias()), rows(getDown())))))
    return failure();
  return expectSameRowLayout(*this, {getInput(), getResult()});
}

LogicalResult AddOp::verify() {
  if (failed(expectEqual(*this, "width of the right operand", features(getRhs()), features(getLhs()))) ||
      failed(expectEqual(*this, "width of the result", features(getResult()), features(getLhs()))))
    return failure();
  return expectSameRowLayout(*this, {getLhs(), getRhs(), getResult()});
}

LogicalResult LMHeadOp::verify() {
  if (failed(verifyBlocks(*this, getWeight().getType())) ||
      failed(expectEqual(*this, "length of the norm", length(getNorm()), features(getInput()))) ||
      failed(expectEqual(*this, "width of the weight", features(getWeight()), features(getInput()))))
    return failure();
  return expectEqual(*this, "width of the result", features(getResult()), rows(getWeight()));
}

LogicalResult SampleOp::verify() {
  bool isDrawn = getMode() == SampleMode::Drawn;
  if (isDrawn != bool(getRules()))
    return emitOpError() << (isDrawn ? "draws, and has no rules to draw by" : "is greedy, and has rules to draw by");
  if (!isDrawn)
    return success();
  if (int64_t width = cast<RankedTensorType>(getRecent().getType()).getDimSize(1); width != kSampleWindow)
    return emitOpError() << "has rows of " << width << " tokens seen last, expected " << kSampleWindow;
  return success();
}

LogicalResult LogProbOp::verify() {
  int64_t expected = rows(getLogits());
  for (Value column : {getTargets(), getResult()})
    if (int64_t found = length(column);
        found != expected && !ShapedType::isDynamic(found) && !ShapedType::isDynamic(expected))
      return emitOpError() << (column == getResult() ? "gives " : "has ") << found
                           << (column == getResult() ? " results" : " targets") << " for " << expected
                           << " rows of logits";
  return success();
}

LogicalResult RepeatKVOp::verify() {
  int64_t headDim = getHeadDim(), times = getTimes();
  if (failed(verifyHeads(*this, headDim, features(getInput()))))
    return failure();
  return expectEqual(*this, "width of the result", features(getResult()), features(getInput()) * times);
}

LogicalResult SplitOp::verify() {
  int64_t sum = 0;
  for (Value part : getParts())
    sum += features(part);
  if (failed(expectEqual(*this, "width of all parts", sum, features(getInput()))))
    return failure();
  return expectSameRowLayout(*this, values({getInput(), getParts()}));
}

LogicalResult GateOp::verify() {
  int64_t width = features(getResult());
  if (failed(expectEqual(*this, "width of the first operand", features(getGate()), getUp() ? width : 2 * width)))
    return failure();
  if (getUp() && failed(expectEqual(*this, "width of the second operand", features(getUp()), width)))
    return failure();
  SmallVector<Value> all{getGate(), getResult()};
  if (getUp())
    all.push_back(getUp());
  return expectSameRowLayout(*this, all);
}

LogicalResult GatherRowsOp::verify() {
  return expectEqual(*this, "width of the result", features(getResult()), features(getInput()));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void KernelOp::build(OpBuilder &builder, OperationState &state, StringRef name, FunctionType type) {
  state.addAttribute(SymbolTable::getSymbolAttrName(), builder.getStringAttr(name));
  state.addAttribute(getFunctionTypeAttrName(state.name), TypeAttr::get(type));
  Region *region = state.addRegion();
  Block *block = new Block();
  region->push_back(block);
  for (Type input : type.getInputs())
    block->addArgument(input, state.location);
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> arguments, ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag,
                      std::string &) { return builder.getFunctionType(arguments, results); };
  llvm::SMLoc start = parser.getCurrentLocation();
  if (function_interface_impl::parseFunctionOp(parser, result, /*allowVariadic=*/false,
                                               getFunctionTypeAttrName(result.name), buildType,
                                               getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name)))
    return failure();
  // An attribute of another kind would be dropped without a word when it becomes a property.
  return verifyInherentAttrs(result.name, result.attributes,
                             [&] { return parser.emitError(start) << "'llama.kernel' op "; });
}

void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
                                           getArgAttrsAttrName(), getResAttrsAttrName());
}

LogicalResult KernelOp::verify() {
  int contractions = 0;
  for (Operation &op : getBody().front()) {
    if (isa<LinearOp, AttentionOp>(op))
      ++contractions;
    if (isa<WeightRefOp, KVLayerOp, LaunchOp>(op))
      return emitOpError() << "must take " << op.getName() << " as an argument, not contain it";
  }
  if (contractions > 1)
    return emitOpError() << "holds " << contractions << " contractions, expected at most one";
  if (ScheduleAttrInterface schedule = getScheduleAttr(); schedule && failed(schedule.verifyKernel(*this)))
    return failure();
  std::optional<ArrayRef<int64_t>> overwrites = getOverwrites();
  if (!overwrites)
    return success();
  if (overwrites->size() != getResultTypes().size())
    return emitOpError() << "has " << overwrites->size() << " overwrites for " << getResultTypes().size() << " results";
  for (auto [result, argument] : llvm::zip_equal(getResultTypes(), *overwrites)) {
    if (argument == -1)
      continue;
    if (argument < 0 || argument >= static_cast<int64_t>(getArgumentTypes().size()))
      return emitOpError() << "overwrites argument " << argument << ", but takes " << getArgumentTypes().size();
    if (getArgumentTypes()[argument] != result)
      return emitOpError() << "overwrites an argument of type " << getArgumentTypes()[argument]
                           << " with a result of type " << result << "; the types must be equal";
    if (llvm::count(*overwrites, argument) > 1)
      return emitOpError() << "overwrites argument " << argument << " with several results";
  }
  return success();
}

LogicalResult YieldOp::verify() {
  auto kernel = cast<KernelOp>((*this)->getParentOp());
  if (getOperandTypes() != TypeRange(kernel.getResultTypes()))
    return emitOpError() << "yields (" << getOperandTypes() << "), but @" << kernel.getSymName() << " declares ("
                         << kernel.getResultTypes() << ")";
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "refers to @" << getKernel() << ", which is no llama.kernel";
  if (getOperandTypes() != TypeRange(kernel.getArgumentTypes()))
    return emitOpError() << "passes (" << getOperandTypes() << "), but @" << getKernel() << " takes ("
                         << kernel.getArgumentTypes() << ")";
  if (getResultTypes() != TypeRange(kernel.getResultTypes()))
    return emitOpError() << "yields (" << getResultTypes() << "), but @" << getKernel() << " gives ("
                         << kernel.getResultTypes() << ")";
  if (getOffsets() && getOffsets()->size() != getNumResults())
    return emitOpError() << "has " << getOffsets()->size() << " offsets for " << getNumResults() << " results";
  size_t workspace = kernel.getWorkspace() ? kernel.getWorkspace()->size() : 0;
  if (getWorkspaceOffsets() && getWorkspaceOffsets()->size() != workspace)
    return emitOpError() << "has " << getWorkspaceOffsets()->size() << " workspace offsets for " << workspace
                         << " workspaces of @" << getKernel();
  return success();
}

// A kernel may read or write the cache layers among its arguments; the rest of it is a function of its operands.
void LaunchOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  for (OpOperand &operand : getOperation()->getOpOperands()) {
    if (!isa<KVLayerType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand, KVCacheResource::get());
    effects.emplace_back(MemoryEffects::Write::get(), &operand, KVCacheResource::get());
  }
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

static bool isIndexTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isInteger(32);
}

RowCounts::RowCounts(FunctionOpInterface program) {
  SymbolTable symbols(SymbolTable::getNearestSymbolTable(program));
  trace(program.getFunctionBody().front(), symbols);
}

void RowCounts::trace(Block &block, const SymbolTable &symbols) {
  auto isOutput = [&](Value value) { return outputs.contains(value); };
  for (Operation &op : block) {
    if (op.hasTrait<SelectsRows>()) {
      outputs.insert_range(op.getResults());
      continue;
    }
    auto launch = dyn_cast<LaunchOp>(op);
    auto kernel = launch ? symbols.lookup<KernelOp>(launch.getKernel()) : KernelOp();
    if (kernel) {
      // All launches of a kernel agree, so its body is traced at the first.
      Block &body = kernel.getBody().front();
      for (auto [argument, operand] : llvm::zip_equal(body.getArguments(), launch.getOperands()))
        if (isOutput(operand))
          outputs.insert(argument);
      if (traced.insert(kernel).second)
        trace(body, symbols);
      for (auto [result, yielded] : llvm::zip_equal(launch.getResults(), body.getTerminator()->getOperands()))
        if (isOutput(yielded))
          outputs.insert(result);
      continue;
    }
    // Row-wise ops: the rows of the first activation among the operands.
    for (Value operand : op.getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      if (!type || isIndexTensor(operand) || !type.isDynamicDim(0))
        continue;
      if (isOutput(operand))
        outputs.insert_range(op.getResults());
      break;
    }
  }
}
