//===- TensorWriter.cpp - Tensors of a model, in other formats ---------------------------===//

#include "frontends/convert/TensorWriter.h"

#include "runtime/abi/TensorPieces.h"
#include "runtime/support/Error.h"
#include "runtime/support/ParallelFor.h"

#include <algorithm>
#include <cmath>
#include <thread>

namespace quipu::convert {

/// Values that a thread converts at a time: enough to make the hand-over cheap.
static constexpr uint64_t kPieceValues = 256 << 10;
/// Pieces of each thread between two writes.
static constexpr size_t kPiecesPerThread = 4;

double RoundingError::relative() const { return values > 0 ? std::sqrt(errors / values) : 0; }

TensorWriter::TensorWriter(const frontend::WeightIndex &index) : index(index) {
  for (const frontend::WeightFile &file : index.files) {
    files.push_back(MappedFile::open(file.path, "weight file"));
    contents.push_back(files.back()->span());
  }
}

/// A tensor that is written.
struct TensorWriter::Part {
  const frontend::WeightEntry &tensor;
  const TensorChange &change;
  uint64_t rows, columns;
  TensorBytes bytes;

  uint64_t sourceRow(uint64_t row) const {
    uint64_t place = change.firstRow + row;
    return change.sourceRow ? change.sourceRow(place) : place;
  }
};

/// Rows of a tensor, and values of each. A tensor of one dimension has a value in each row.
static std::pair<uint64_t, uint64_t> extentOf(const frontend::WeightEntry &tensor) {
  uint64_t columns = 1;
  for (size_t i = 1; i < tensor.shape.size(); ++i)
    columns *= tensor.shape[i];
  return {tensor.shape.empty() ? 1 : tensor.shape[0], columns};
}

/// Rows [row, row + count) of what is written.
RoundingError TensorWriter::convert(const Part &part, uint64_t row, uint64_t count, std::vector<uint8_t> &out) const {
  const WeightFormat &from = *part.tensor.format, &to = *part.change.format;
  uint64_t columns = part.columns;
  out.resize(to.bytes(count * columns));
  bool isCopied = &from == &to && part.change.plus == 0;
  std::vector<uint8_t> joined;
  std::vector<float> values(isCopied ? 0 : count * columns);
  // Without a change of order all rows follow each other.
  uint64_t perRead = part.change.sourceRow ? 1 : count;
  for (uint64_t done = 0; done < count; done += perRead) {
    uint64_t first = part.sourceRow(row + done) * columns, size = perRead * columns;
    const uint8_t *bytes = part.bytes.read(first, size, joined);
    if (isCopied)
      std::copy_n(bytes, from.bytes(size), out.data() + to.bytes(done * columns));
    else
      decodeBlocks(from, bytes, values.data() + done * columns, size);
  }
  RoundingError error;
  if (isCopied)
    return error;
  for (float &value : values)
    value = float(value + part.change.plus);
  if (std::optional<size_t> bad = encodeBlocks(to, values.data(), out.data(), values.size()))
    refuseValue(part, row + *bad / columns, *bad % columns, values[*bad]);
  std::vector<float> written(values.size());
  decodeBlocks(to, out.data(), written.data(), written.size());
  for (size_t i = 0; i < values.size(); ++i) {
    // A number beyond f16 becomes an infinity there.
    if (std::isinf(written[i]) && std::isfinite(values[i]))
      refuseValue(part, row + i / columns, i % columns, values[i]);
    double difference = double(values[i]) - written[i];
    error.errors += difference * difference;
    error.values += double(values[i]) * values[i];
  }
  return error;
}

RoundingError TensorWriter::write(const frontend::WeightEntry &tensor, const TensorChange &change,
                                  const TensorSink &sink, Progress *progress) const {
  auto [rows, columns] = extentOf(tensor);
  Part part{tensor, change, std::min(change.rows, rows - change.firstRow), columns,
            TensorBytes(tensor.places(), columns, *tensor.format, contents)};
  uint64_t perPiece = std::max<uint64_t>(kPieceValues / columns, 1);
  uint64_t pieces = (part.rows + perPiece - 1) / perPiece;
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::vector<uint8_t>> outputs(std::min<uint64_t>(pieces, threads * kPiecesPerThread));
  std::vector<RoundingError> errors(outputs.size());
  RoundingError total;
  for (uint64_t first = 0; first < pieces; first += outputs.size()) {
    size_t count = std::min<uint64_t>(outputs.size(), pieces - first);
    parallelFor(count, threads, [&](unsigned, const std::function<size_t()> &next) {
      for (size_t i = next(); i < count; i = next()) {
        uint64_t row = (first + i) * perPiece;
        errors[i] = convert(part, row, std::min(perPiece, part.rows - row), outputs[i]);
      }
    });
    for (size_t i = 0; i < count; ++i) {
      sink(outputs[i]);
      total.add(errors[i]);
      if (progress)
        progress->add(outputs[i].size());
    }
  }
  return total;
}

std::vector<float> TensorWriter::values(const frontend::WeightEntry &tensor) const {
  auto [rows, columns] = extentOf(tensor);
  TensorBytes bytes(tensor.places(), columns, *tensor.format, contents);
  std::vector<uint8_t> joined;
  std::vector<float> values(rows * columns);
  decodeBlocks(*tensor.format, bytes.read(0, values.size(), joined), values.data(), values.size());
  return values;
}

void TensorWriter::refuseValue(const Part &part, uint64_t row, uint64_t column, float value) const {
  const frontend::WeightEntry &tensor = part.tensor;
  uint32_t file = tensor.places().front().file;
  fail(index.files[file].path, ": tensor ", tensor.nameInFile, ": row ", part.sourceRow(row), ", column ", column,
       " is ", value, ", which ", part.change.format->name, " cannot hold; mend the weights, or choose another format");
}

} // namespace quipu::convert
