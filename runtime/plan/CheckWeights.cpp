//===- CheckWeights.cpp - Whether weights and their sources mean something ---------------===//

#include "runtime/abi/InterleavedRows.h"
#include "runtime/abi/RowOrder.h"
#include "runtime/abi/SourceSlice.h"
#include "runtime/abi/TensorPieces.h"
#include "runtime/plan/PlanChecks.h"

#include <cmath>

namespace quipu {
namespace {

class WeightChecks : PlanChecks {
public:
  using PlanChecks::PlanChecks;

  void run() {
    checkFiles();
    for (size_t i = 0; i < plan.weights()->size(); ++i)
      checkWeight(*plan.weights()->Get(i), i);
  }

private:
  void checkFiles() {
    numFiles = plan.files() ? plan.files()->size() : 0;
    for (size_t i = 0; i < numFiles; ++i) {
      const plan::WeightFile &file = *plan.files()->Get(i);
      std::string field = concat("files[", i, "]");
      checkName(file.path(), field + ".path");
      if (file.relative_path() && strlen(file.relative_path()->c_str()) != file.relative_path()->size())
        wrong(field, ".relative_path holds a zero byte");
      checkRange(file.size(), 1, kMaxBytes, field + ".size");
      checkHeader(file, field);
      if (!file.header_hash() || file.header_hash()->size() != 16)
        wrong(field, ".header_hash is not 16 bytes");
      size_t contentBytes = file.content_hash() ? file.content_hash()->size() : 0;
      size_t sampleBytes = file.sample_hash() ? file.sample_hash()->size() : 0;
      if (contentBytes != 16 && contentBytes != 0)
        wrong(field, ".content_hash is not 16 bytes");
      if (sampleBytes != 16 && (sampleBytes != 0 || contentBytes == 0))
        wrong(field, ".sample_hash is not 16 bytes");
    }
  }

  void checkHeader(const plan::WeightFile &file, const std::string &field) {
    if (!file.header() || file.header()->size() == 0)
      wrong(field, ".header is empty: nothing says which bytes are compared");
    checkAligned(*file.header(), field + ".header");
    for (const plan::FileRange *range : *file.header())
      if (range->offset() > file.size() || range->size() > file.size() - range->offset())
        wrong(field, ".header: bytes ", range->offset(), " and ", range->size(), " more leave the file of ",
              file.size(), " bytes");
  }

  /// Number of elements of a shape.
  uint64_t elements(const flatbuffers::Vector<uint64_t> *shape, const std::string &field) {
    if (!shape || shape->size() == 0 || shape->size() > 8)
      wrong(field, ".shape has ", shape ? shape->size() : 0, " dimensions, expected 1 to 8");
    checkAligned(*shape, field + ".shape");
    uint64_t count = 1;
    for (uint64_t dim : *shape) {
      checkRange(dim, 1, kMaxElements / count, field + ".shape");
      count *= dim;
    }
    return count;
  }

  void checkWeight(const plan::Weight &weight, size_t index) {
    checkName(weight.name(), concat("weights[", index, "].name"));
    std::string field = concat("weight ", weight.name()->string_view());
    checkFormat(*weight.format(), field + ": format");
    checkEnum(weight.transform(), plan::WeightTransform::MAX, field + ": transform");
    checkEnum(weight.role(), plan::WeightRole::MAX, field + ": role");
    uint64_t total = elements(weight.shape(), field);
    checkBlocks(formatOf(weight), *weight.shape(), total, field);
    size_t numSources = weight.sources() ? weight.sources()->size() : 0;
    if (numSources == 0 || (weight.transform() != plan::WeightTransform::concat && numSources != 1))
      wrong(field, " has ", numSources, " sources for its transform ",
            plan::EnumNameWeightTransform(weight.transform()));
    uint64_t sum = 0;
    for (const plan::Source *source : *weight.sources()) {
      checkName(source->name(), field + ": name of a source");
      std::string where = field + ", source " + source->name()->str();
      checkSource(*source, where);
      checkSlice(*source, where);
      uint64_t count = SourceSlice::of(*source).elements();
      if (count > total - sum)
        wrong(field, ": its sources have more elements than its shape");
      sum += count;
      if (weight.transform() == plan::WeightTransform::none && &formatOf(*source) != &formatOf(weight))
        wrong(field, " is used in place but its source is ", source->format()->string_view(), ", not ",
              weight.format()->string_view());
      if (weight.transform() == plan::WeightTransform::none && source->pieces())
        wrong(field, " is used in place but its source lies in pieces");
      checkJoinable(weight, *source, field);
    }
    if (sum != total)
      wrong(field, ": its sources have ", sum, " elements, its shape has ", total);
    if (weight.plus() != 0 && (!std::isfinite(weight.plus()) || formatOf(weight).dense != plan::DType::f32 ||
                               weight.transform() == plan::WeightTransform::none))
      wrong(field, ": plus is ", weight.plus(), " for ", weight.format()->string_view(), " and transform ",
            plan::EnumNameWeightTransform(weight.transform()));
    checkInterleave(weight, field);
    checkRowOrders(weight, field);
    // Ids of tokens choose rows of the embedding. Ids are checked only against the vocabulary of the config.
    if (weight.role() == plan::WeightRole::embedding &&
        (weight.shape()->size() != 2 || weight.shape()->Get(0) != plan.config()->vocab_size()))
      wrong(field, " embeds ", weight.shape()->Get(0), " tokens where config.vocab_size is ",
            plan.config()->vocab_size());
  }

  /// A row must be whole blocks.
  void checkBlocks(const WeightFormat &format, const flatbuffers::Vector<uint64_t> &shape, uint64_t total,
                   const std::string &field) {
    if (uint64_t columns = total / shape.Get(0); !format.fits(columns))
      wrong(field, ": rows of ", columns, " elements are no whole blocks of ", format.blockElements, " (", format.name,
            ")");
  }

  /// Rows are interleaved in whole groups, and only where they have words.
  void checkInterleave(const plan::Weight &weight, const std::string &field) {
    uint32_t rows = weight.interleave();
    checkRange(rows, 1, kMostInterleavedRows, field + ": interleave");
    if (rows == 1)
      return;
    if (unitsOf(formatOf(weight)).empty())
      wrong(field, " has interleaved rows of ", weight.format()->string_view(), ", which has no words to interleave");
    if (weight.shape()->Get(0) % rows)
      wrong(field, " has ", weight.shape()->Get(0), " rows, of which ", rows, " each are interleaved");
  }

  void checkSource(const plan::Source &source, const std::string &field) {
    const WeightFormat &format = checkFormat(*source.format(), field + ": format");
    uint64_t total = elements(source.shape(), field);
    checkBlocks(format, *source.shape(), total, field);
    uint64_t bytes = format.bytes(total);
    // Without a file there is no offset to check.
    if (source.file() == kNoFile && source.size() == 0 && !source.pieces())
      return;
    if (source.size() != bytes)
      wrong(field, ": size is ", source.size(), " bytes, its shape and format need ", bytes);
    if (!(source.rounding_error() >= 0) || std::isinf(source.rounding_error()))
      wrong(field, ": rounding_error is ", source.rounding_error(), ", expected a finite number from 0");
    if (source.pieces())
      checkAligned(*source.pieces(), field + ".pieces");
    std::vector<TensorPiece> pieces = piecesOf(source);
    uint64_t rows = source.shape()->Get(0), columns = total / rows;
    if (source.pieces() && (source.file() != kNoFile || !coverTensor(pieces, rows, columns)))
      wrong(field, ": its ", pieces.size(), " pieces are not a tensor of ", rows, " x ", columns, " elements");
    for (const TensorPiece &piece : pieces)
      checkPiece(piece, format, field);
  }

  void checkPiece(const TensorPiece &piece, const WeightFormat &format, const std::string &field) {
    if (piece.file >= numFiles)
      wrong(field, ": file is ", piece.file, ", the plan has ", numFiles);
    if (!format.fits(piece.columns))
      wrong(field, ": a piece has ", piece.columns, " columns, which are no whole blocks of ", format.blockElements,
            " (", format.name, ")");
    if (piece.group &&
        (format.name != kFormatOfGroups || !format.fits(piece.group) || piece.columns % piece.group != 0))
      wrong(field, ": a piece of ", piece.columns, " columns has groups of ", piece.group, " integers in the format ",
            format.name);
    uint64_t fileSize = plan.files()->Get(piece.file)->size();
    for (const ByteRange &range : piece.bytes(format))
      if (range.offset > fileSize || range.size > fileSize - range.offset)
        wrong(field, ": bytes ", range.offset, " and ", range.size, " more leave its file of ", fileSize, " bytes");
  }

  /// A slice must lie in its tensor.
  void checkSlice(const plan::Source &source, const std::string &field) {
    if (source.name_in_file())
      checkName(source.name_in_file(), field + ": name_in_file");
    if (!source.slice())
      return;
    SourceSlice slice = SourceSlice::of(source);
    auto check = [&](uint64_t first, uint64_t count, uint64_t extent, const char *what) {
      if (count == 0 || count > extent || first > extent - count)
        wrong(field, ": its slice has ", count, " ", what, " from number ", first, " on, its tensor has ", extent);
    };
    check(slice.firstRow, slice.rows, source.shape()->Get(0), "rows");
    check(slice.firstColumn, slice.columns, slice.tensorColumns, "columns");
    const WeightFormat &format = formatOf(source);
    if (!format.fits(slice.firstColumn) || !format.fits(slice.columns))
      wrong(field, ": its slice has ", slice.columns, " columns from number ", slice.firstColumn,
            " on, which are no whole blocks of ", format.blockElements, " (", format.name, ")");
    if (source.shape()->size() != 2 && slice.columns != slice.tensorColumns)
      wrong(field, ": its slice has ", slice.columns, " of ", slice.tensorColumns,
            " columns, which only a matrix has; its tensor has ", source.shape()->size(), " dimensions");
  }

  /// Sources are joined along dimension 0. They must agree with the weight in the other dimensions.
  void checkJoinable(const plan::Weight &weight, const plan::Source &source, const std::string &field) {
    size_t rank = weight.shape()->size();
    bool same = source.shape()->size() == rank;
    // Only a slice of a matrix may have fewer columns than its tensor.
    for (unsigned i = 1; same && i < rank; ++i)
      same = (rank == 2 ? SourceSlice::of(source).columns : source.shape()->Get(i)) == weight.shape()->Get(i);
    if (!same)
      wrong(field, ": source ", source.name()->string_view(), " differs from it in a dimension other than the first");
  }

  /// The sources of a concat lie one below the other. Sources of first and of second elements of pairs alternate in the
  /// same rows.
  void checkRowOrders(const plan::Weight &weight, const std::string &field) {
    uint64_t next = 0;
    const plan::Source *first = nullptr;
    for (const plan::Source *source : *weight.sources()) {
      std::string where = field + ", source " + source->name()->str();
      checkEnum(source->order(), plan::RowOrder::MAX, where + ": order");
      if (weight.transform() != plan::WeightTransform::concat) {
        if (source->order() != plan::RowOrder::plain || source->first_row() != 0)
          wrong(where, ": rows have another place, but the transform is ",
                plan::EnumNameWeightTransform(weight.transform()));
        continue;
      }
      uint64_t rows = SourceSlice::of(*source).rows;
      bool isSecond = source->order() == plan::RowOrder::second;
      if (isSecond != (first != nullptr) || (isSecond && rows != SourceSlice::of(*first).rows))
        wrong(where, ": first and second elements of pairs do not follow each other in equal number");
      if (uint64_t place = firstRowOf(source->order(), next, rows); source->first_row() != place)
        wrong(where, ": first_row is ", source->first_row(), ", expected ", place);
      next += rows;
      first = nullptr;
      switch (source->order()) {
      case plan::RowOrder::plain:
        break;
      case plan::RowOrder::halves:
      case plan::RowOrder::alternating:
        if (!isWholeTiles(source->group_rows()) || rows % source->group_rows() != 0)
          wrong(where, ": ", rows, " rows are no groups of ", source->group_rows(), ", in tiles of ", kPairTileRows);
        break;
      case plan::RowOrder::first:
        first = source;
        [[fallthrough]];
      case plan::RowOrder::second:
        if (rows % kPairRun != 0)
          wrong(where, ": ", rows, " rows are no multiple of ", kPairRun);
        break;
      }
    }
    if (first)
      wrong(field, ": second elements of pairs are missing");
  }

  size_t numFiles = 0;
};

} // namespace

void checkWeights(const plan::Plan &plan, const std::string &name) { WeightChecks(plan, name).run(); }

} // namespace quipu
