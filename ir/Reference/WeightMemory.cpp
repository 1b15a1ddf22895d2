//===- WeightMemory.cpp - Weights as they lie in memory -------------------===//

#include "ir/Reference/WeightMemory.h"

#include "ir/Llama/RowPairing.h"
#include "ir/Llama/WeightTypes.h"

#include <cstring>
#include <vector>

using namespace mlir;

namespace quipu::llama {

namespace {
/// The slice of a tensor that is a source of a weight.
struct Slice {
  /// The whole tensor.
  std::vector<char> bytes;
  int64_t tensorColumns, firstRow, firstColumn;
  const WeightFormat *format;

  /// The first element of a row of the slice.
  const char *row(int64_t number) const {
    return bytes.data() + format->bytes(static_cast<uint64_t>((firstRow + number) * tensorColumns + firstColumn));
  }
};
} // namespace

static Slice readSlice(WeightOp weight, unsigned index, const WeightFill &fill) {
  SourceAttr source = weight.getSource(index);
  SmallVector<int64_t> shape = weight.getTensorShape(index);
  Type element = cast<RankedTensorType>(weight.getType()).getElementType();
  Slice slice;
  slice.format = weightFormatOf(element);
  slice.bytes.resize(slice.format->bytes(static_cast<uint64_t>(ShapedType::getNumElements(shape))));
  fill(source.getName(), shape, weight.getRole(), element, slice.bytes.data());
  slice.tensorColumns = shape.size() == 2 ? shape[1] : 1;
  slice.firstRow = source.getRows() ? source.getRows().getBegin() : 0;
  slice.firstColumn = source.getColumns() ? source.getColumns().getBegin() : 0;
  return slice;
}

/// Adds `plus` to `count` elements.
static void addToAll(float plus, char *elements, size_t count) {
  for (char *at = elements; at != elements + count * sizeof(float); at += sizeof(float)) {
    float value;
    std::memcpy(&value, at, sizeof(value));
    value += plus;
    std::memcpy(at, &value, sizeof(value));
  }
}

void fillWeight(WeightOp weight, const WeightFill &fill, char *out) {
  auto type = cast<RankedTensorType>(weight.getType());
  auto paired = dyn_cast_or_null<PairedRowsAttr>(type.getEncoding());
  uint64_t rowsInFront = 0;
  for (auto [index, count] : llvm::enumerate(weight.getRowCounts())) {
    Slice slice = readSlice(weight, static_cast<unsigned>(index), fill);
    plan::RowOrder order = plan::RowOrder::plain;
    uint64_t group = 0;
    if (paired) {
      order = rowOrderOf(paired.getSources()[index].getPairing());
      group = static_cast<uint64_t>(paired.getSources()[index].getGroup());
    }
    size_t rowBytes = slice.format->bytes(static_cast<uint64_t>(type.getRank() == 2 ? type.getDimSize(1) : 1));
    uint64_t first = firstRowOf(order, rowsInFront, static_cast<uint64_t>(count));
    for (int64_t row = 0; row < count; ++row)
      std::memcpy(out + (first + targetRow(order, group, static_cast<uint64_t>(row))) * rowBytes, slice.row(row),
                  rowBytes);
    rowsInFront += static_cast<uint64_t>(count);
  }
  // The verifier has seen that the elements are f32.
  if (std::optional<APFloat> plus = weight.getPlus())
    addToAll(static_cast<float>(plus->convertToDouble()), out, static_cast<size_t>(type.getNumElements()));
}

} // namespace quipu::llama
