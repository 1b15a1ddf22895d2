//===- TensorPieces.h - Where in files a tensor lies ------------------------*- C++ -*-===//
//
// Most tensors lie in one place of one file. A model that was trained on several devices may have a file for each of
// them, and each file a block of the rows and columns of a tensor. And files of llama2.c have integers in one place and
// their scales in another.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_TENSORPIECES_H
#define QUIPU_RUNTIME_ABI_TENSORPIECES_H

#include "runtime/abi/WeightFormat.h"
#include "runtime/support/WeightIdentity.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace quipu {

/// In place of the number of a file: there is none.
inline constexpr uint32_t kNoFile = 0xffffffff;

/// The format of blocks that are made of integers and scales which lie apart.
inline constexpr std::string_view kFormatOfGroups = "q8_f32";

/// A block of a tensor's rows and columns, row-major, without gaps. Columns are the elements of a row.
struct TensorPiece {
  /// Number of the file, and bytes from its start.
  uint32_t file = 0;
  uint64_t offset = 0;
  uint64_t firstRow = 0, rows = 0;
  uint64_t firstColumn = 0, columns = 0;
  /// Nothing but 0: the tensor's format is kFormatOfGroups, but its blocks are not in the file. At `offset` lie their
  /// integers of 8 bits, and at `scales` an f32 for each `group` neighbours of a row.
  uint64_t scales = 0;
  uint32_t group = 0;

  uint64_t elements() const { return rows * columns; }
  /// The bytes of the file that it takes.
  std::vector<ByteRange> bytes(const WeightFormat &format) const;
  bool operator==(const TensorPiece &) const = default;
};

/// Whether pieces cover a tensor once, in order: bands of rows one below the other, of which each is one piece or
/// several side by side.
bool coverTensor(std::span<const TensorPiece> pieces, uint64_t rows, uint64_t columns);

TensorPiece tensorPiece(const plan::Piece &piece);

/// Where the tensor of a source lies; nothing where there is no file. A plan's loader has checked the source, or is
/// about to.
std::vector<TensorPiece> piecesOf(const plan::Source &source);

/// Reads a tensor, wherever its pieces are.
class TensorBytes {
public:
  /// The pieces cover the tensor. `files`: the bytes of each file.
  TensorBytes(std::vector<TensorPiece> pieces, uint64_t columns, const WeightFormat &format,
              std::span<const std::span<const uint8_t>> files);

  /// The `count` elements from number `first` on where they follow each other in one piece, else null. Elements are
  /// counted as the tensor has them, row by row, in whole blocks.
  const uint8_t *find(uint64_t first, uint64_t count) const;
  /// The same elements; where they do not, they are put together in `out`.
  const uint8_t *read(uint64_t first, uint64_t count, std::vector<uint8_t> &out) const;

private:
  /// Elements that follow each other in a piece.
  struct Run {
    size_t piece;
    /// Number in the piece.
    uint64_t first;
    uint64_t count;
  };
  Run runAt(uint64_t element) const;
  uint8_t *copy(const Run &run, uint8_t *out) const;

  std::vector<TensorPiece> pieces;
  uint64_t tensorColumns;
  const WeightFormat *format;
  std::vector<std::span<const uint8_t>> files;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_TENSORPIECES_H
