//===- WeightRows.cpp - The rows of a weight, from wherever they come --------------------===//

#include "runtime/core/WeightRows.h"
#include "runtime/abi/InterleavedRows.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/RowOrder.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cstring>

namespace quipu {

bool isUsableInPlace(const plan::Weight &weight) {
  // Files begin at a page, also in a bundle, but their tensors anywhere. A slice is aligned as its tensor is.
  const plan::Source &source = *weight.sources()->Get(0);
  return weight.transform() == plan::WeightTransform::none && weight.interleave() == 1 &&
         source.offset() % formatOf(weight).alignment == 0 && SourceSlice::of(source).isContiguous();
}

WeightRows::WeightRows(const plan::Weight &weight, std::span<const std::span<const uint8_t>> files,
                       const WeightSource &source, const std::string &planName)
    : weight(weight), planName(planName), seed(source.seed.value_or(0)), numRows(weight.shape()->Get(0)),
      rowElements(1), format(formatOf(weight)) {
  for (unsigned i = 1; i < weight.shape()->size(); ++i)
    rowElements *= weight.shape()->Get(i);
  for (const plan::Source *part : *weight.sources()) {
    Part &added = parts.emplace_back(Part{part, SourceSlice::of(*part), std::nullopt});
    if (!source.seed)
      added.tensor.emplace(piecesOf(*part), added.slice.tensorColumns, formatOf(*part), files);
  }
}

const uint8_t *WeightRows::inPlace() const {
  const Part &part = parts.front();
  return isUsableInPlace(weight) ? part.tensor->find(part.slice.elementAt(0), part.slice.elements()) : nullptr;
}

WeightRows::Run WeightRows::runAt(uint64_t row) const {
  for (const Part &part : parts) {
    uint64_t first = part.source->first_row();
    if (row < first)
      continue;
    SourceRun run = sourceRun(part.source->order(), part.source->group_rows(), part.slice.rows, row - first);
    if (run.count > 0)
      return {&part, run.row, run.count};
  }
  fail(planName, ": weight ", weight.name()->string_view(), ": row ", row,
       " comes from none of its sources; compile the model again");
}

/// The plan loader has seen that the weight is f32.
static void addToFloats(float addend, char *out, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i, out += sizeof(float)) {
    float value;
    memcpy(&value, out, sizeof(value));
    value += addend;
    memcpy(out, &value, sizeof(value));
  }
}

void WeightRows::writeElements(const Part &part, uint64_t first, uint64_t elements, char *out) const {
  const plan::Source &source = *part.source;
  if (part.tensor) {
    const WeightFormat &from = formatOf(source);
    std::vector<uint8_t> joined;
    if (auto bad = convertBlocks(from, part.tensor->read(first, elements, joined), format, out, elements))
      refuseValue(part, first + *bad);
    if (weight.plus() != 0)
      addToFloats(weight.plus(), out, elements);
  } else {
    quipu::fillRandom(source.name()->string_view(), seed, weight.role(),
                      source.shape()->Get(source.shape()->size() - 1), first, elements, format, out);
  }
}

void WeightRows::write(uint64_t first, uint64_t count, char *out) const {
  uint32_t together = weight.interleave();
  if (together == 1)
    return writeInOrder(first, count, out);
  std::vector<char> rows(together * rowBytes());
  for (uint64_t end = first + count; first < end; first += together, out += rows.size()) {
    writeInOrder(first, together, rows.data());
    interleaveRows(format, together, rowBytes(), rows.data(), out);
  }
}

void WeightRows::writeInOrder(uint64_t first, uint64_t count, char *out) const {
  while (count > 0) {
    Run run = runAt(first);
    run.count = std::min(run.count, count);
    // Rows without a gap between them are written at once.
    const SourceSlice &slice = run.part->slice;
    uint64_t perPiece = slice.isContiguous() ? run.count : 1;
    for (uint64_t row = 0; row < run.count; row += perPiece) {
      uint64_t elements = perPiece * rowElements;
      writeElements(*run.part, slice.elementAt(run.row + row), elements, out);
      out += format.bytes(elements);
    }
    first += run.count;
    count -= run.count;
  }
}

void WeightRows::refuseValue(const Part &part, uint64_t element) const {
  const WeightFormat &from = formatOf(*part.source);
  uint64_t firstOfBlock = element / from.blockElements * from.blockElements;
  float values[kMaxBlockElements];
  std::vector<uint8_t> joined;
  decodeBlocks(from, part.tensor->read(firstOfBlock, from.blockElements, joined), values, from.blockElements);
  fail(planName, ": tensor ",
       (part.source->name_in_file() ? part.source->name_in_file() : part.source->name())->string_view(), ": row ",
       element / part.slice.tensorColumns, ", column ", element % part.slice.tensorColumns, " is ",
       values[element - firstOfBlock], ", which no block of ", format.name,
       " can hold; mend the weights, or compile without --quantize");
}

} // namespace quipu
