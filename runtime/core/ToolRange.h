//===- ToolRange.h - Named times for profilers ------------------------------*- C++ -*-===//
//
// Profilers such as Nsight Systems show a time line. A range is a part of it with a name, which a program gives through
// NVTX. Ranges of one thread lie inside each other:
//
//   load PLAN > code, weights                        Model
//   prefill | decode | score                         a call of Session
//   decode.b4: 4 rows, 4 sequences                   a launch of a program: what the host does for it
//   layers.3.mlp.down_proj                           a kernel: its work on a CPU, its launch on a GPU
//
// Without a profiler nothing happens: no name is made, and a range is one comparison.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_TOOLRANGE_H
#define QUIPU_RUNTIME_CORE_TOOLRANGE_H

#include <string>

namespace quipu {

/// What a range is of. Profilers can filter by it: it is the range's category.
enum class RangeKind { Load = 1, Phase, Step, Kernel };

/// Whether a profiler takes ranges. The first call looks for one.
bool rangesWanted();

/// A range from the constructor to the destructor.
class ToolRange {
public:
  /// `name()` gives something that ranges can be named by (a string). It is called only if a profiler takes ranges.
  template <typename Name> ToolRange(RangeKind kind, const Name &name) : isOpen(rangesWanted()) {
    if (isOpen)
      begin(kind, name());
  }
  ~ToolRange() {
    if (isOpen)
      end();
  }
  ToolRange(const ToolRange &) = delete;
  ToolRange &operator=(const ToolRange &) = delete;

  // For ranges that no object can stand for. Each begin() needs an end() in the same thread. Only if rangesWanted().
  static void begin(RangeKind kind, const std::string &name);
  static void end();

private:
  bool isOpen;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_TOOLRANGE_H
