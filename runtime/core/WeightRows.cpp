//===- WeightRows.cpp - The rows of a weight, from wherever they come --------------------===//

#include "runtime/core/WeightRows.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/RowOrder.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu {

bool isUsableInPlace(const plan::Weight &weight) {
  // Kernels rely on two-byte alignment. Files begin at a page, also in a bundle, but their tensors anywhere.
  return weight.transform() == plan::WeightTransform::none && weight.sources()->Get(0)->offset() % 2 == 0;
}

WeightRows::WeightRows(const plan::Weight &weight, std::span<const std::span<const uint8_t>> files,
                       const WeightSource &source, const std::string &planName)
    : weight(weight), planName(planName), seed(source.seed.value_or(0)), numRows(weight.shape()->Get(0)),
      rowElements(1), elementBytes(dtypeSize(weight.dtype())) {
  for (unsigned i = 1; i < weight.shape()->size(); ++i)
    rowElements *= weight.shape()->Get(i);
  for (const plan::Source *part : *weight.sources()) {
    uint64_t elements = 1;
    for (uint64_t dim : *part->shape())
      elements *= dim;
    const uint8_t *bytes = source.seed ? nullptr : files[part->file()].data() + part->offset();
    parts.push_back({part, bytes, elements / rowElements});
  }
}

const uint8_t *WeightRows::inPlace() const { return isUsableInPlace(weight) ? parts.front().bytes : nullptr; }

WeightRows::Run WeightRows::runAt(uint64_t row) const {
  for (const Part &part : parts) {
    uint64_t first = part.source->first_row();
    if (row < first)
      continue;
    SourceRun run = sourceRun(part.source->order(), part.source->group_rows(), part.rows, row - first);
    if (run.count > 0)
      return {&part, run.row, run.count};
  }
  fail(planName, ": weight ", weight.name()->string_view(), ": row ", row,
       " comes from none of its sources; compile the model again");
}

void WeightRows::write(uint64_t first, uint64_t count, char *out) const {
  while (count > 0) {
    Run run = runAt(first);
    run.count = std::min(run.count, count);
    const plan::Source &source = *run.part->source;
    uint64_t begin = run.row * rowElements, elements = run.count * rowElements;
    if (run.part->bytes)
      convertElements(source.dtype(), run.part->bytes + begin * dtypeSize(source.dtype()), weight.dtype(), out,
                      elements);
    else
      quipu::fillRandom(source.name()->string_view(), seed, weight.role(),
                        source.shape()->Get(source.shape()->size() - 1), begin, elements, weight.dtype(), out);
    first += run.count;
    count -= run.count;
    out += elements * elementBytes;
  }
}

} // namespace quipu
