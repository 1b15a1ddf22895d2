//===- RowOrder.h - The order of a weight's rows in memory ------------------*- C++ -*-===//
//
// The compiler's layout tag #llama.paired_rows and the runtime's loading of weights agree on this function.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_ROWORDER_H
#define QUIPU_RUNTIME_CORE_ROWORDER_H

#include "runtime/plan/plan_generated.h"

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

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_ROWORDER_H
