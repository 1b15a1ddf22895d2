//===- MergeOrder.h - Merges in the order of files --------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_CONVERT_MERGEORDER_H
#define QUIPU_FRONTENDS_CONVERT_MERGEORDER_H

#include "runtime/abi/BpeData.h"

#include <algorithm>
#include <tuple>

namespace quipu::convert {

/// The merges as files list them, the best first.
inline std::vector<BpeMerge> mergesInOrder(const BpeData &bpe) {
  std::vector<BpeMerge> merges = bpe.merges;
  if (bpe.rankedByResult)
    std::ranges::sort(merges, {},
                      [](const BpeMerge &merge) { return std::tuple(merge.result, merge.left, merge.right); });
  return merges;
}

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_MERGEORDER_H
