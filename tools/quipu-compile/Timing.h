//===- Timing.h - Where a compilation's time goes ---------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_TIMING_H
#define QUIPU_TOOLS_QUIPU_COMPILE_TIMING_H

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace quipu::tool {

/// Seconds of each part of a compilation, in order.
class Timing {
public:
  /// Calls `work` and notes how long it took.
  template <typename Work> auto measure(const std::string &name, Work &&work) {
    // Noted on every way out, so that a failing part is in the table too.
    struct Note {
      Timing &timing;
      const std::string &name;
      std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
      ~Note() {
        std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
        timing.parts.emplace_back(name, elapsed.count());
      }
    } note{*this, name};
    return work();
  }

  /// A table on standard error.
  void print() const {
    double total = 0;
    for (const auto &[name, seconds] : parts)
      total += seconds;
    for (const auto &[name, seconds] : parts)
      fprintf(stderr, "%-28s %9.4f s %5.1f %%\n", name.c_str(), seconds, total > 0 ? 100 * seconds / total : 0);
    fprintf(stderr, "%-28s %9.4f s\n", "total", total);
  }

private:
  std::vector<std::pair<std::string, double>> parts;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_TIMING_H
