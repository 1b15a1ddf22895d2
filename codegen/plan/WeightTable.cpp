//===- WeightTable.cpp - The weights of a plan ---------------------------------===//

#include "codegen/plan/WeightTable.h"

#include "codegen/common/Arguments.h"
#include "codegen/plan/PlanEnums.h"
#include "ir/Llama/RowPairing.h"
#include "ir/Llama/WeightTypes.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// The order of rows that kernels read a weight in; null where it is the order of the sources.
PairedRowsAttr pairingOf(WeightOp weight) {
  return dyn_cast_or_null<PairedRowsAttr>(cast<RankedTensorType>(weight.getType()).getEncoding());
}

/// What makes two weights the same in memory: their sources, their elements, what is added, and the order of rows.
std::string keyOf(WeightOp weight, ArrayRef<unsigned> sourceIndices) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  for (unsigned index : sourceIndices)
    stream << weight.getSource(index) << "\n";
  stream << cast<RankedTensorType>(weight.getType()).getElementType();
  if (PairedRowsAttr paired = pairingOf(weight))
    stream << paired;
  if (weight.getPlus())
    stream << weight.getPlusAttr();
  return key;
}

/// The name of a part of a weight, by the tensor that it comes from: "layers.0.self_attn.q_proj". A slice also has its
/// first row: "layers.0.self_attn.qkv_proj[576]".
std::string partName(SourceAttr source) {
  RangeAttr rows = source.getRows();
  return source.getName().str() + (rows ? "[" + std::to_string(rows.getBegin()) + "]" : "");
}

/// What loading the weight takes.
plan::WeightTransform transformOf(const plan::WeightT &weight) {
  auto isOrdered = [](const auto &source) { return source->order != plan::RowOrder::plain; };
  if (weight.sources.size() > 1 || llvm::any_of(weight.sources, isOrdered))
    return plan::WeightTransform::concat;
  auto isConverted = [&](const auto &source) { return source->format != weight.format || !source->pieces.empty(); };
  return llvm::any_of(weight.sources, isConverted) ? plan::WeightTransform::convert : plan::WeightTransform::none;
}

} // namespace

FailureOr<uint64_t> WeightTable::indexOf(WeightOp weight, ArrayRef<unsigned> sourceIndices, ArrayRef<int64_t> shape) {
  auto [entry, isNew] = indices.try_emplace(keyOf(weight, sourceIndices), weights.size());
  if (isNew) {
    FailureOr<std::unique_ptr<plan::WeightT>> created = create(weight, sourceIndices, shape);
    if (failed(created))
      return failure();
    weights.push_back(std::move(*created));
  }
  return entry->second;
}

FailureOr<std::unique_ptr<plan::WeightT>> WeightTable::create(WeightOp weight, ArrayRef<unsigned> sourceIndices,
                                                              ArrayRef<int64_t> shape) {
  auto to = std::make_unique<plan::WeightT>();
  to->shape.assign(shape.begin(), shape.end());
  to->role = toPlan(weight.getRole());
  if (to->role == plan::WeightRole::embedding && to->shape[0] != model.config.vocabSize)
    return weight.emitOpError() << "embeds " << to->shape[0] << " tokens where the config's vocab_size is "
                                << model.config.vocabSize;
  if (failed(addSources(weight, sourceIndices, *to)))
    return failure();
  to->name = sourceIndices.size() == weight.getSources().size() ? weight.getSymName().str()
                                                                : partName(weight.getSource(sourceIndices.front()));
  to->transform = transformOf(*to);
  to->interleave = static_cast<uint32_t>(interleaveOf(weight.getType()));
  if (std::optional<APFloat> plus = weight.getPlus()) {
    to->plus = static_cast<float>(plus->convertToDouble());
    // An addition is done while numbers are converted.
    if (to->transform == plan::WeightTransform::none)
      to->transform = plan::WeightTransform::convert;
  }
  return to;
}

LogicalResult WeightTable::addSources(WeightOp weight, ArrayRef<unsigned> sourceIndices, plan::WeightT &to) {
  const WeightFormat *format = weightFormatOf(cast<RankedTensorType>(weight.getType()).getElementType());
  assert(format && "a weight verifies with elements of a format alone");
  to.format = format->name;
  SmallVector<int64_t> rowCounts = weight.getRowCounts();
  uint64_t rowsInFront = 0;
  for (unsigned index : sourceIndices) {
    FailureOr<std::unique_ptr<plan::SourceT>> source = createSource(weight, index, *format);
    if (failed(source))
      return failure();
    auto rows = static_cast<uint64_t>(rowCounts[index]);
    if (PairedRowsAttr paired = pairingOf(weight)) {
      SourceRowsAttr order = paired.getSources()[index];
      (*source)->order = rowOrderOf(order.getPairing());
      (*source)->group_rows = order.getGroup();
    }
    (*source)->first_row = firstRowOf((*source)->order, rowsInFront, rows);
    rowsInFront += rows;
    to.sources.push_back(std::move(*source));
  }
  return success();
}

/// Where the rows of one source of a weight come from. `memory` is the weight's format.
FailureOr<std::unique_ptr<plan::SourceT>> WeightTable::createSource(WeightOp weight, unsigned index,
                                                                    const WeightFormat &memory) {
  SourceAttr from = weight.getSource(index);
  SmallVector<int64_t> shape = weight.getTensorShape(index);
  auto source = std::make_unique<plan::SourceT>();
  source->name = from.getName().str();
  source->file = kNoFile;
  source->format = memory.name;
  source->shape.assign(shape.begin(), shape.end());
  source->size = memory.bytes(static_cast<uint64_t>(ShapedType::getNumElements(shape)));
  if (!from.isWhole()) {
    RangeAttr rows = from.getRows(), columns = from.getColumns();
    int64_t allColumns = shape.size() == 2 ? shape[1] : 1;
    source->slice =
        std::make_unique<plan::Slice>(rows ? rows.getBegin() : 0, weight.getRowCounts()[index],
                                      columns ? columns.getBegin() : 0, columns ? columns.getCount() : allColumns);
  }
  // A model without weights runs with random ones.
  if (model.weights && failed(findTensor(weight, shape, *source)))
    return failure();
  return source;
}

/// Fills in where the model's files have the tensor of a source.
LogicalResult WeightTable::findTensor(WeightOp weight, ArrayRef<int64_t> shape, plan::SourceT &source) {
  const frontend::WeightEntry *tensor = model.weights->find(source.name);
  if (!tensor)
    return weight.emitOpError() << "has source '" << source.name << "', which is not among the weights";
  if (!llvm::equal(shape, tensor->shape))
    return weight.emitOpError() << "has source '" << source.name << "' of shape " << shape
                                << ", but among the weights it has " << ArrayRef<uint64_t>(tensor->shape);
  source.name_in_file = tensor->nameInFile;
  source.size = tensor->size;
  source.format = tensor->format->name;
  source.rounding_error = tensor->roundingError;
  if (tensor->pieces.empty()) {
    source.file = tensor->file;
    source.offset = tensor->offset;
    return success();
  }
  for (const TensorPiece &piece : tensor->pieces)
    source.pieces.emplace_back(piece.offset, piece.firstRow, piece.rows, piece.firstColumn, piece.columns, piece.scales,
                               piece.file, piece.group);
  return success();
}

} // namespace quipu::codegen
