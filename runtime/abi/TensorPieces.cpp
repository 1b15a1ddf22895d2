//===- TensorPieces.cpp - Where in files a tensor lies -----------------------------------===//

#include "runtime/abi/TensorPieces.h"
#include "runtime/abi/SourceSlice.h"

#include <algorithm>
#include <cassert>

namespace quipu {

std::vector<ByteRange> TensorPiece::bytes(const WeightFormat &format) const {
  if (!group)
    return {{offset, format.bytes(elements())}};
  return {{offset, elements()}, {scales, elements() / group * sizeof(float)}};
}

bool coverTensor(std::span<const TensorPiece> pieces, uint64_t rows, uint64_t columns) {
  uint64_t row = 0, column = 0, bandRows = 0;
  for (const TensorPiece &piece : pieces) {
    if (column == 0)
      bandRows = piece.rows;
    if (piece.firstRow != row || piece.firstColumn != column || piece.rows != bandRows || bandRows == 0 ||
        bandRows > rows - row || piece.columns == 0 || piece.columns > columns - column)
      return false;
    column += piece.columns;
    if (column == columns) {
      row += bandRows;
      column = 0;
    }
  }
  return row == rows && column == 0;
}

TensorPiece tensorPiece(const plan::Piece &piece) {
  return {piece.file(),         piece.offset(),  piece.first_row(), piece.rows(),
          piece.first_column(), piece.columns(), piece.scales(),    piece.group()};
}

std::vector<TensorPiece> piecesOf(const plan::Source &source) {
  std::vector<TensorPiece> result;
  if (source.pieces()) {
    for (const plan::Piece *piece : *source.pieces())
      result.push_back(tensorPiece(*piece));
    return result;
  }
  if (source.file() == kNoFile)
    return result;
  uint64_t rows = source.shape()->Get(0);
  return {{source.file(), source.offset(), 0, rows, 0, SourceSlice::of(source).tensorColumns}};
}

TensorBytes::TensorBytes(std::vector<TensorPiece> list, uint64_t columns, const WeightFormat &format,
                         std::span<const std::span<const uint8_t>> files)
    : pieces(std::move(list)), tensorColumns(columns), format(&format), files(files.begin(), files.end()) {}

TensorBytes::Run TensorBytes::runAt(uint64_t element) const {
  uint64_t row = element / tensorColumns, column = element % tensorColumns;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const TensorPiece &piece = pieces[i];
    if (row < piece.firstRow || row - piece.firstRow >= piece.rows || column < piece.firstColumn ||
        column - piece.firstColumn >= piece.columns)
      continue;
    uint64_t first = (row - piece.firstRow) * piece.columns + column - piece.firstColumn;
    uint64_t end = piece.columns == tensorColumns ? piece.elements() : (first / piece.columns + 1) * piece.columns;
    return {i, first, end - first};
  }
  assert(false && "pieces cover their tensor");
  return {0, 0, 0};
}

/// Returns the end of what it writes.
uint8_t *TensorBytes::copy(const Run &run, uint8_t *out) const {
  const TensorPiece &piece = pieces[run.piece];
  const uint8_t *file = files[piece.file].data();
  if (!piece.group)
    return std::copy_n(file + piece.offset + format->bytes(run.first), format->bytes(run.count), out);
  // An f32 scale, and the integers.
  for (uint64_t i = run.first; i < run.first + run.count; i += format->blockElements) {
    out = std::copy_n(file + piece.scales + i / piece.group * sizeof(float), sizeof(float), out);
    out = std::copy_n(file + piece.offset + i, format->blockElements, out);
  }
  return out;
}

const uint8_t *TensorBytes::find(uint64_t first, uint64_t count) const {
  Run run = runAt(first);
  const TensorPiece &piece = pieces[run.piece];
  return run.count >= count && !piece.group ? files[piece.file].data() + piece.offset + format->bytes(run.first)
                                            : nullptr;
}

const uint8_t *TensorBytes::read(uint64_t first, uint64_t count, std::vector<uint8_t> &out) const {
  if (const uint8_t *there = find(first, count))
    return there;
  out.resize(format->bytes(count));
  uint8_t *target = out.data();
  while (count > 0) {
    Run run = runAt(first);
    run.count = std::min(run.count, count);
    target = copy(run, target);
    first += run.count;
    count -= run.count;
  }
  return out.data();
}

} // namespace quipu
