//===- TileSums.cpp - The sums of a wgmma tile on their way to memory --------===//

#include "codegen/cuda/linear/TileSums.h"

#include "codegen/cuda/linear/ManyTiles.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

using Predicate = CudaBuilder::Predicate;

TileSums::TileSums(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame, CudaLinearManyScheduleAttr schedule,
                   int64_t maxRows)
    : b(b), region(region), schedule(schedule), epilogue(b, region, frame), weightFirst(schedule.getWeightFirst()),
      singleFeatures(weightFirst && !LinearEpilogue::combinesPairs(region)) {
  int64_t wholeRows = schedule.getTokens() * (weightFirst ? 1 : schedule.getCluster());
  storesOnlyRowsOfStep = maxRows % wholeRows || tileEndsWithStep(region, schedule, maxRows) ||
                         LinearEpilogue::onlyStores(region) || region.has<LogProbStage>();
  if (region.has<LogProbStage>())
    softmax.emplace(b, region, frame, schedule);
}

int64_t TileSums::pieceCount() const {
  return llvm::divideCeil(weightFirst ? schedule.getTokens() : schedule.getRows(), kPieceColumns);
}

/// Byte offset of a chunk in a piece. A row of a piece has four chunks of 32 bytes (eight columns). If chunk c were at
/// place c of each row, threads would use the same banks of shared memory at the same time. So the chunks of a row are
/// permuted by the number of the row. Threads write a chunk of four rows at a time. At the same time they read:
///
///   the input is operand A                    two rows, every other chunk
///   the weight is operand A, pairs            one row of four pieces, one chunk of each
///   the weight is operand A, single features  rows r, r + 4, r + 8 and r + 12, one chunk of each
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
  Value warpShared = b.at(shared, b.mul(warp, kWarpBytes));
  Value rowWritten = b.div(lane, 4), inChunk = b.mul(b.rem(lane, 4), 8);
  for (int64_t block = 0; block < kPieceColumns / 8; ++block)
    writeAddresses.push_back(b.at(b.at(warpShared, place(b.i32(block), rowWritten)), inChunk));
  if (weightFirst)
    return placeColumns(b.at(shared, b.mul(b.div(warp, 4), 4 * kWarpBytes)));
  tileInPiece = b.div(b.rem(lane, 4), 2);
  pair = b.mul(b.rem(lane, 2), pairCount());
  Value half = b.mul(pair, 4), first = b.mul(tileInPiece, 2);
  readAddresses.push_back(b.at(b.at(warpShared, place(first, rowWritten)), half));
  readAddresses.push_back(b.at(b.at(warpShared, place(b.add(first, 1), rowWritten)), half));
}

/// The thread reads column lane / 4 of chunk number warpInGroup, in some rows of some of the group's pieces. Which rows
/// and pieces depends on the lane in part; that part is in the addresses computed here. The rest is known when the code
/// is generated, and readColumns() adds it. Both parts change the place of the chunk by exclusive or (see place()), so
/// there is an address for each of the four values of the second part.
void TileSums::placeColumns(Value shared) {
  Value inFour = b.rem(lane, 4), column = b.mul(b.div(lane, 4), 4);
  tileInPiece = singleFeatures ? b.i32(0) : inFour;
  pair = singleFeatures ? b.mul(inFour, 4) : b.i32(0);
  Value start = b.at(shared, b.add(b.mul(tileInPiece, kWarpBytes), b.mul(pair, kPieceColumns * 4)));
  Value ofLane = arith::XOrIOp::create(b, warpInGroup, inFour);
  for (int64_t number = 0; number < kPieceColumns / 8; ++number) {
    Value chunk = arith::XOrIOp::create(b, ofLane, b.i32(number));
    readAddresses.push_back(b.at(start, b.add(b.mul(chunk, 32), column)));
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
    startLoads(piece);
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
  // Rows are computed once where they repeat: in all pieces if the input is operand A, else in all parts of a piece.
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
  // A row in front of the first one is negative, and without a sign a large number.
  Value inStep = b.compare(Predicate::ult, value.row, rows);
  value.operands.cacheRow = weightFirst ? epilogue.cacheRow(weightTile(piece, part), value.row, inStep)
                                        : epilogue.cacheRow(value.row, inStep);
  if (storesOnlyRowsOfStep)
    value.valid = inStep;
  return value;
}

void TileSums::startLoads(int64_t piece) {
  if (piece >= pieceCount())
    return;
  for (int64_t part = 0; part < partCount(); ++part) {
    Value tile = weightTile(piece, part);
    if (exists(piece, part))
      tile = b.min(tile, b.i32(LinearEpilogue::countTiles(region) - 1));
    EpilogueValues value = rowOfPart(piece, part);
    value.operands =
        epilogue.load(tile, value.pair, pairCount(), value.row, value.valid, !singleFeatures, value.operands.cacheRow);
    pieces[piece].push_back(value);
  }
}

/// Byte offset of row 0 (half = 0) or row 8 (half = 1) of a piece in the shared memory of its warp.
static int64_t placeOf(int64_t piece, int64_t half) {
  return piece % 2 * TileSums::kPieceBytes + half * TileSums::kPieceBytes / 2;
}

void TileSums::write(ArrayRef<Value> sums, int64_t piece) {
  ArrayRef<Value> ofPiece = sums.drop_front(piece * kPieceColumns / 2);
  for (auto [block, place] : llvm::enumerate(writeAddresses))
    for (int64_t half = 0; half < 2 && 4 * block < ofPiece.size(); ++half)
      b.storeRun(b.getF32Type(), ofPiece.slice(4 * block + 2 * half, 2),
                 b.at(weightFirst && half ? writeAddresses[block ^ 2] : place, placeOf(piece, half)));
}

void TileSums::read(int64_t piece) {
  if (weightFirst)
    return readColumns(piece);
  Type f32 = b.getF32Type();
  for (auto [half, value] : llvm::enumerate(pieces[piece])) {
    value.first = b.loadRun(f32, pairCount(), b.at(readAddresses[0], placeOf(piece, half)));
    value.second = b.loadRun(f32, pairCount(), b.at(readAddresses[1], placeOf(piece, half)));
  }
}

void TileSums::readColumns(int64_t piece) {
  auto load = [&](int64_t part, int64_t row) {
    int64_t behind = placeOf(piece, 0) + part * kWarpBytes + row * kPieceColumns * 4;
    return b.load(b.getF32Type(), b.at(readAddresses[row % 4 ^ row / 4 ^ part], behind), 4);
  };
  for (auto [part, value] : llvm::enumerate(pieces[piece]))
    for (int64_t i = 0; i < pairCount(); ++i) {
      value.first.push_back(load(part, i));
      if (!singleFeatures)
        value.second.push_back(load(part, i + 8));
    }
}

void TileSums::barrier() {
  if (weightFirst)
    b.barrier(b.add(b.div(warp, 4), 1), 128);
  else
    b.warpBarrier();
}

/// Stores `count` parts of a piece from number `first` on. They are of one tile of the weight.
void TileSums::storeParts(int64_t piece, int64_t first, int64_t count) {
  auto store = [&] { epilogue.store(weightTile(piece, first), ArrayRef(pieces[piece]).slice(first, count)); };
  if (Value present = exists(piece, first))
    b.ifThen(present, store);
  else
    store();
}

void TileSums::scoreParts(int64_t piece) {
  if (weightFirst)
    scores.assign(1, softmax->none());
  else if (piece == 0)
    scores.assign(partCount(), softmax->none());
  for (auto [part, value] : llvm::enumerate(pieces[piece])) {
    auto number = static_cast<int64_t>(part);
    RowSoftmax::Part &score = scores[weightFirst ? 0 : part];
    score = softmax->add(score, weightTile(piece, number), exists(piece, number), value);
  }
  // The rows of the step are other ones in each piece.
  if (weightFirst)
    softmax->store(scores.front(), column, pieces[piece].front());
}

void TileSums::finishScores() {
  if (!weightFirst)
    for (auto [score, value] : llvm::zip_equal(scores, pieces.front()))
      softmax->store(score, column, value);
}

void TileSums::store(ArrayRef<Value> sums) {
  write(sums, 0);
  for (int64_t piece = 0; piece < pieceCount(); ++piece) {
    startLoads(piece + kPiecesAhead);
    // Now all threads have written this piece and read the one before.
    barrier();
    read(piece);
    if (piece + 1 < pieceCount())
      write(sums, piece + 1);
    if (softmax) {
      scoreParts(piece);
      continue;
    }
    if (!singleFeatures) {
      storeParts(piece, 0, partCount());
      continue;
    }
    for (int64_t part = 0; part < partCount(); ++part)
      storeParts(piece, part, 1);
  }
  if (softmax)
    finishScores();
  // The next tile's first piece overwrites this one's last. And the products that follow need all lanes of a warp.
  barrier();
}

} // namespace quipu::codegen::cuda
