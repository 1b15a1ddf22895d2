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

/// The row of the weight, counted from the source's first row there, that row `row` of a source becomes. Groups (heads)
/// keep their order; group_rows is a multiple of 2 * kPairRun where it matters.
inline uint64_t targetRow(plan::RowOrder order, uint64_t groupRows, uint64_t row) {
  auto place = [](uint64_t pair, uint64_t partner) {
    return pair / kPairRun * (2 * kPairRun) + partner * kPairRun + pair % kPairRun;
  };
  switch (order) {
  case plan::RowOrder::plain:
    return row;
  case plan::RowOrder::halves: {
    uint64_t group = row / groupRows, inGroup = row % groupRows, half = groupRows / 2;
    return group * groupRows + place(inGroup % half, inGroup / half);
  }
  case plan::RowOrder::alternating: {
    uint64_t group = row / groupRows, inGroup = row % groupRows;
    return group * groupRows + place(inGroup / 2, inGroup % 2);
  }
  case plan::RowOrder::first:
    return place(row, 0);
  case plan::RowOrder::second:
    return place(row, 1);
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
  // Where `place` in targetRow puts something: pair, partner, and how far the run of pairs goes.
  uint64_t pair = target / (2 * kPairRun) * kPairRun + target % kPairRun;
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
