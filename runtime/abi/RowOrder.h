//===- RowOrder.h - The order of a weight's rows in memory ------------------*- C++ -*-===//
//
// The compiler's layout tag #llama.paired_rows and the runtime's loading of weights agree on this function.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_ROWORDER_H
#define QUIPU_RUNTIME_ABI_ROWORDER_H

#include "runtime/abi/plan_generated.h"

#include <cstdint>

namespace quipu {

/// So many first elements of pairs lie side by side, and then so many second elements (their partners).
inline constexpr uint64_t kPairRun = 8;

/// Rows of a tile: the first elements of kPairRun pairs, then their partners.
inline constexpr uint64_t kPairTileRows = 2 * kPairRun;

/// A pair of rows, and which of the two a row is: 0 or 1.
template <typename Number> struct RowOfPair {
  Number pair, partner;
};

// The arithmetic of the orders, for integers and for what a code generator has in their place.

/// For row `row` of a group whose first half has the first elements.
template <typename Number> RowOfPair<Number> rowInHalves(const Number &row, const Number &half) {
  return {row % half, row / half};
}
/// For row `row` of a group in which each partner lies behind its first element.
template <typename Number> RowOfPair<Number> rowInTurn(const Number &row) { return {row / 2, row % 2}; }

/// The place of a row in rows that are ordered by tiles.
template <typename Number> Number rowInTiles(const RowOfPair<Number> &row) {
  return row.pair / kPairRun * kPairTileRows + row.partner * kPairRun + row.pair % kPairRun;
}

/// Whether the rows of a source are pairs in groups (heads). Each group is ordered by itself.
constexpr bool hasGroups(plan::RowOrder order) {
  return order == plan::RowOrder::halves || order == plan::RowOrder::alternating;
}

/// Whether a group of so many rows is whole tiles. The order needs that.
constexpr bool isWholeTiles(uint64_t groupRows) { return groupRows > 0 && groupRows % kPairTileRows == 0; }

/// The row of the weight where row `row` of a source goes, counted from the source's first row in the weight. Groups
/// (heads) keep their order, and are whole tiles.
inline uint64_t targetRow(plan::RowOrder order, uint64_t groupRows, uint64_t row) {
  switch (order) {
  case plan::RowOrder::plain:
    return row;
  case plan::RowOrder::halves:
    return row / groupRows * groupRows + rowInTiles(rowInHalves(row % groupRows, groupRows / 2));
  case plan::RowOrder::alternating:
    return row / groupRows * groupRows + rowInTiles(rowInTurn(row % groupRows));
  case plan::RowOrder::first:
    return rowInTiles<uint64_t>({row, 0});
  case plan::RowOrder::second:
    return rowInTiles<uint64_t>({row, 1});
  }
  return row;
}

/// The row of the weight from which the rows of a source are counted. `rowsInFront`: rows of all sources in front of
/// it. A source of second elements counts from where its source of first elements counts: the two sources have equally
/// many rows, and runs of kPairRun rows of them alternate.
inline uint64_t firstRowOf(plan::RowOrder order, uint64_t rowsInFront, uint64_t rows) {
  return order == plan::RowOrder::second ? rowsInFront - rows : rowsInFront;
}

/// Rows that follow each other in a source and in the weight.
struct SourceRun {
  uint64_t row;
  uint64_t count;
};

/// The inverse of targetRow for a source of `rows` rows: the longest run that begins at row `target` of the weight.
/// `target` is counted as the result of targetRow is. Empty if the row belongs to another source.
inline SourceRun sourceRun(plan::RowOrder order, uint64_t groupRows, uint64_t rows, uint64_t target) {
  // The inverse of rowInTiles, and the number of rows until the run of pairs ends.
  uint64_t pair = target / kPairTileRows * kPairRun + target % kPairRun;
  uint64_t partner = target / kPairRun % 2, left = kPairRun - target % kPairRun;
  switch (order) {
  case plan::RowOrder::plain:
    return target < rows ? SourceRun{target, rows - target} : SourceRun{0, 0};
  case plan::RowOrder::halves:
  case plan::RowOrder::alternating: {
    if (target >= rows)
      return {0, 0};
    // Groups are whole tiles, so pairs are numbered through all groups.
    uint64_t half = groupRows / 2, group = pair / half;
    if (order == plan::RowOrder::halves)
      return {group * groupRows + partner * half + pair % half, left};
    return {2 * pair + partner, 1};
  }
  case plan::RowOrder::first:
  case plan::RowOrder::second:
    if (partner != (order == plan::RowOrder::second ? 1 : 0) || pair >= rows)
      return {0, 0};
    return {pair, left < rows - pair ? left : rows - pair};
  }
  return {0, 0};
}

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_ROWORDER_H
