//===- TileSums.cpp - The sums of a wgmma tile on their way to memory --------===//

#include "codegen/cuda/linear/TileSums.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

using Predicate = CudaBuilder::Predicate;

TileSums::TileSums(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame, CudaLinearManyScheduleAttr schedule,
                   int64_t maxRows)
    : b(b), region(region), schedule(schedule), epilogue(b, region, frame), weightFirst(schedule.getWeightFirst()),
      single(weightFirst && !LinearEpilogue::combinesPairs(region)) {
  int64_t wholeRows = schedule.getTokens() * (weightFirst ? 1 : schedule.getCluster());
  storesOnlyRowsOfStep = maxRows % wholeRows || LinearEpilogue::onlyStores(region);
}

int64_t TileSums::pieceCount() const {
  return llvm::divideCeil(weightFirst ? schedule.getTokens() : schedule.getRows(), kPieceColumns);
}

/// A row of a piece is four chunks of 32 bytes, exchanged among themselves so that no bank is met twice by the threads
/// that write, four rows of a chunk at a time, nor by those that read at once:
///
///   input as operand A             two rows, every other chunk
///   weight as operand A, pairs     a row of four pieces, a chunk of each
///   weight as operand A, features  rows r, r + 4, r + 8 and r + 12, a chunk
Value TileSums::place(Value chunk, Value row) {
  auto exclusiveOr = [&](Value a, Value c) { return arith::XOrIOp::create(b, a, c).getResult(); };
  Value place = exclusiveOr(chunk, b.rem(row, 4));
  if (weightFirst)
    place = exclusiveOr(place, exclusiveOr(b.div(row, 4), warpInGroup));
  return b.add(b.mul(row, kPieceColumns * 4), b.mul(place, 32));
}

void TileSums::begin(Value shared, Value warp, Value stepRows) {
  this->warp = warp;
  rows = stepRows;
  lane = b.lane();
  warpInGroup = b.rem(warp, 4);
  Value ofWarp = b.at(shared, b.mul(warp, kWarpBytes));
  Value writtenRow = b.div(lane, 4), inChunk = b.mul(b.rem(lane, 4), 8);
  for (int64_t block = 0; block < kPieceColumns / 8; ++block)
    written.push_back(b.at(b.at(ofWarp, place(b.i32(block), writtenRow)), inChunk));
  if (weightFirst)
    return placeColumns(b.at(shared, b.mul(b.div(warp, 4), 4 * kWarpBytes)));
  tileInPiece = b.div(b.rem(lane, 4), 2);
  pair = b.mul(b.rem(lane, 2), pairCount());
  Value half = b.mul(pair, 4), first = b.mul(tileInPiece, 2);
  places.push_back(b.at(b.at(ofWarp, place(first, writtenRow)), half));
  places.push_back(b.at(b.at(ofWarp, place(b.add(first, 1), writtenRow)), half));
}

/// The thread reads chunk number warpInGroup, column lane / 4 of it, of rows r in pieces s of the group's: where r and
/// s are the lane's they are in the address, what is added to them is added to it; the chunk's place (see above) is
/// combined with both.
void TileSums::placeColumns(Value shared) {
  Value inFour = b.rem(lane, 4), column = b.mul(b.div(lane, 4), 4);
  tileInPiece = single ? b.i32(0) : inFour;
  pair = single ? b.mul(inFour, 4) : b.i32(0);
  Value start = b.at(shared, b.add(b.mul(tileInPiece, kWarpBytes), b.mul(pair, kPieceColumns * 4)));
  Value ofLane = arith::XOrIOp::create(b, warpInGroup, inFour);
  for (int64_t number = 0; number < kPieceColumns / 8; ++number) {
    Value chunk = arith::XOrIOp::create(b, ofLane, b.i32(number));
    places.push_back(b.at(start, b.add(b.mul(chunk, 32), column)));
  }
}

void TileSums::beginTile(Value firstRow, Value tileColumn) {
  column = b.mul(tileColumn, tilesOfTile());
  if (weightFirst) {
    column = b.add(column, b.mul(b.div(warp, 4), 4));
    row = b.add(b.add(firstRow, b.mul(warpInGroup, 8)), b.div(lane, 4));
  } else {
    row = b.add(b.add(firstRow, b.mul(warp, kPieceRows)), b.div(lane, 4));
  }
  pieces.assign(pieceCount(), {});
  for (int64_t piece = 0; piece < kPiecesAhead; ++piece)
    request(piece);
}

Value TileSums::weightTile(int64_t piece, int64_t part) {
  return b.add(b.add(column, weightFirst ? part : 2 * piece), tileInPiece);
}

Value TileSums::exists(int64_t piece, int64_t part) {
  Value inTile, inWeight;
  if (!weightFirst && 2 * (piece + 1) > tilesOfTile())
    inTile = b.compare(Predicate::slt, tileInPiece, tilesOfTile() - 2 * piece);
  if (region.outputs() % (schedule.getRows() * (weightFirst ? schedule.getCluster() : 1)))
    inWeight = b.compare(Predicate::slt, weightTile(piece, part), LinearEpilogue::countTiles(region));
  return inTile && inWeight ? b.both(inTile, inWeight) : inTile ? inTile : inWeight;
}

EpilogueValues TileSums::rowOfPart(int64_t piece, int64_t part) {
  EpilogueValues value;
  value.pair = pair;
  // With the input as operand A all pieces have the same rows, with the weight all parts of a piece the same.
  const EpilogueValues *same = nullptr;
  if (weightFirst && part > 0)
    same = &pieces[piece].front();
  if (!weightFirst && piece > 0)
    same = &pieces.front()[part];
  if (same) {
    value.row = same->row;
    value.valid = same->valid;
    value.operands.cacheRow = same->operands.cacheRow;
    return value;
  }
  value.row = b.add(row, weightFirst ? piece * kPieceColumns : part * kPieceRows / 2);
  Value inStep = b.compare(Predicate::slt, value.row, rows);
  value.operands.cacheRow = weightFirst ? epilogue.cacheRow(weightTile(piece, part), value.row, inStep)
                                        : epilogue.cacheRow(value.row, inStep);
  if (storesOnlyRowsOfStep)
    value.valid = inStep;
  return value;
}

void TileSums::request(int64_t piece) {
  if (piece >= pieceCount())
    return;
  for (int64_t part = 0; part < partCount(); ++part) {
    Value tile = weightTile(piece, part);
    if (exists(piece, part))
      tile = b.min(tile, b.i32(LinearEpilogue::countTiles(region) - 1));
    EpilogueValues value = rowOfPart(piece, part);
    value.operands =
        epilogue.load(tile, value.pair, pairCount(), value.row, value.valid, !single, value.operands.cacheRow);
    pieces[piece].push_back(value);
  }
}

/// Behind the start of a warp's shared memory: a piece, in one of its two places, and in it row 0 or row 8.
static int64_t placeOf(int64_t piece, int64_t half) {
  return piece % 2 * TileSums::kPieceBytes + half * TileSums::kPieceBytes / 2;
}

void TileSums::write(ArrayRef<Value> sums, int64_t piece) {
  ArrayRef<Value> ofPiece = sums.drop_front(piece * kPieceColumns / 2);
  for (auto [block, place] : llvm::enumerate(written))
    for (int64_t half = 0; half < 2 && 4 * block < ofPiece.size(); ++half)
      b.storeRun(b.getF32Type(), ofPiece.slice(4 * block + 2 * half, 2),
                 b.at(weightFirst && half ? written[block ^ 2] : place, placeOf(piece, half)));
}

void TileSums::read(int64_t piece) {
  if (weightFirst)
    return readColumns(piece);
  Type f32 = b.getF32Type();
  for (auto [half, value] : llvm::enumerate(pieces[piece])) {
    value.first = b.loadRun(f32, pairCount(), b.at(places[0], placeOf(piece, half)));
    value.second = b.loadRun(f32, pairCount(), b.at(places[1], placeOf(piece, half)));
  }
}

void TileSums::readColumns(int64_t piece) {
  auto load = [&](int64_t part, int64_t row) {
    int64_t behind = placeOf(piece, 0) + part * kWarpBytes + row * kPieceColumns * 4;
    return b.load(b.getF32Type(), b.at(places[row % 4 ^ row / 4 ^ part], behind), 4);
  };
  for (auto [part, value] : llvm::enumerate(pieces[piece]))
    for (int64_t i = 0; i < pairCount(); ++i) {
      value.first.push_back(load(part, i));
      if (!single)
        value.second.push_back(load(part, i + 8));
    }
}

void TileSums::barrier() {
  if (weightFirst)
    b.barrier(b.add(b.div(warp, 4), 1), 128);
  else
    b.warpBarrier();
}

/// Parts of one tile of the weight.
void TileSums::storeParts(int64_t piece, int64_t first, int64_t count) {
  auto store = [&] { epilogue.store(weightTile(piece, first), ArrayRef(pieces[piece]).slice(first, count)); };
  if (Value present = exists(piece, first))
    b.ifThen(present, store);
  else
    store();
}

void TileSums::store(ArrayRef<Value> sums) {
  write(sums, 0);
  for (int64_t piece = 0; piece < pieceCount(); ++piece) {
    request(piece + kPiecesAhead);
    // The piece is there, and the one before has been read.
    barrier();
    read(piece);
    if (piece + 1 < pieceCount())
      write(sums, piece + 1);
    if (!single) {
      storeParts(piece, 0, partCount());
      continue;
    }
    for (int64_t part = 0; part < partCount(); ++part)
      storeParts(piece, part, 1);
  }
  // All lanes together again: products take whole warps, and the next tile's first piece the place of this one's last.
  barrier();
}

} // namespace quipu::codegen::cuda
