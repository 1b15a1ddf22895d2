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

/// First elements of pairs that lie side by side, followed by as many partners.
inline constexpr uint64_t kPairRun = 8;

/// Rows of a tile: the first elements of kPairRun pairs, then their partners.
inline constexpr uint64_t kPairTileRows = 2 * kPairRun;

/// A pair of rows, and which of the two a row is: 0 or 1.
template <typename Number> struct RowOfPair {
  Number pair, partner;
};

// The arithmetic of the orders, for integers and for what a code generator has in their place.

/// Row `row` of a group whose first half holds the first elements.
template <typename Number> RowOfPair<Number> rowInHalves(const Number &row, const Number &half) {
  return {row % half, row / half};
}
/// Row `row` of a group in which each partner lies behind its first element.
template <typename Number> RowOfPair<Number> rowInTurn(const Number &row) { return {row / 2, row % 2}; }

/// Where tiles put a row.
template <typename Number> Number rowInTiles(const RowOfPair<Number> &row) {
  return row.pair / kPairRun * kPairTileRows + row.partner * kPairRun + row.pair % kPairRun;
}

/// Whether the rows of a source are pairs in groups (heads), of which each is ordered by itself.
constexpr bool hasGroups(plan::RowOrder order) {
  return order == plan::RowOrder::halves || order == plan::RowOrder::alternating;
}

/// Whether groups of so many rows are whole tiles, as each is that the order is for.
constexpr bool isWholeTiles(uint64_t groupRows) { return groupRows > 0 && groupRows % kPairTileRows == 0; }

/// The row of the weight, counted from the source's first row there, that row `row` of a source becomes. Groups (heads)
/// keep their order; where there are groups, they are whole tiles.
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

/// The row of the weight from which the rows of a source are counted, where the sources in front of it have
/// `rowsInFront` rows: the second elements of pairs lie among the first ones, which are as many.
inline uint64_t firstRowOf(plan::RowOrder order, uint64_t rowsInFront, uint64_t rows) {
  return order == plan::RowOrder::second ? rowsInFront - rows : rowsInFront;
}

/// Rows of a source that follow each other there and in the weight.
struct SourceRun {
  uint64_t row;
  uint64_t count;
};

/// The opposite of targetRow for a source of `rows` rows: the longest run that begins at row `target` of the weight,
/// counted from the source's first row there. Empty when the row is another source's.
inline SourceRun sourceRun(plan::RowOrder order, uint64_t groupRows, uint64_t rows, uint64_t target) {
  // What rowInTiles puts there, and how far the run of pairs goes.
  uint64_t pair = target / kPairTileRows * kPairRun + target % kPairRun;
  uint64_t partner = target / kPairRun % 2, left = kPairRun - target % kPairRun;
  switch (order) {
  case plan::RowOrder::plain:
    return target < rows ? SourceRun{target, rows - target} : SourceRun{0, 0};
  case plan::RowOrder::halves:
  case plan::RowOrder::alternating: {
    if (target >= rows)
      return {0, 0};
    // Groups are whole tiles, so pairs of all groups count on.
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
