//===- ArenaMap.h - What lies in the arena of a program, and when -----------*- C++ -*-===//
//
// A plan has no list of the values in its arena, only the arguments of steps. A value begins where a step writes, and
// ends with the last step that reads this place before another one writes there.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_ARENAMAP_H
#define QUIPU_TOOLS_QUIPU_INSPECT_ARENAMAP_H

#include "runtime/abi/plan_generated.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::tool {

/// A step of a program. The steps of a layer stand once.
struct ArenaStep {
  /// "decode.qkv", "layers.0-7.self_attn.qkv".
  std::string name, place;
  /// How often the sequence runs that it belongs to, and the number of the sequence.
  uint32_t repeat = 1;
  size_t sequence = 0;
};

struct ArenaValue {
  /// The step that writes it. A step that writes several has them in the order of its arguments.
  std::string name;
  uint64_t offset = 0;
  /// For as many rows as the program takes.
  uint64_t bytes = 0;
  /// Numbers of steps, both included.
  size_t first = 0, last = 0;
  /// The next iteration of its sequence reads it: there it lives from the first step to the one that reads it last.
  bool isCarried = false;
  size_t carriedFrom = 0, carriedTo = 0;
  /// It lies there only while its step runs.
  bool isWorkspace = false;

  /// Whether it lives while a step runs.
  bool livesAt(size_t step) const {
    return (first <= step && step <= last) || (isCarried && carriedFrom <= step && step <= carriedTo);
  }
};

struct ArenaMap {
  std::vector<ArenaStep> steps;
  /// In the order in which they begin.
  std::vector<ArenaValue> values;
  /// Rows that the places are made for.
  uint64_t rows = 0;
  uint64_t arenaBytes = 0;
  /// The greatest number of bytes that live at the same time, and the first step of them.
  uint64_t peakBytes = 0;
  size_t peakStep = 0;

  static ArenaMap of(const plan::Plan &plan, const plan::Program &program);

  /// Bytes that live while a step runs. Values over each other, where one continues the other, count once.
  uint64_t bytesAt(size_t step) const;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_ARENAMAP_H
