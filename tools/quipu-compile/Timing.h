//===- Timing.h - Where a compilation's time goes ---------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_TIMING_H
#define QUIPU_TOOLS_QUIPU_COMPILE_TIMING_H

#include "runtime/support/Progress.h"
#include "tools/common/Console.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace quipu::tool {

/// Seconds of each part of a compilation, in order.
class Timing {
public:
  /// A part that is running. The destructor notes its time, so a part that fails is in the table too. On a terminal its
  /// name is shown meanwhile.
  class Part {
  public:
    Part(Timing &timing, const std::string &name) : timing(timing), name(name), progress(name) {}
    ~Part() {
      std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      timing.parts.emplace_back(name, elapsed.count());
    }
    Part(const Part &) = delete;
    Part &operator=(const Part &) = delete;

  private:
    Timing &timing;
    std::string name;
    Progress progress;
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  };

  /// Calls `work` and measures it as a part.
  template <typename Work> auto measure(const std::string &name, Work &&work) {
    Part part(*this, name);
    return work();
  }

  /// Adds what one of several threads measured within the part that was measured last.
  void addThread(const Timing &thread) {
    for (const auto &[name, seconds] : thread.parts) {
      auto same = std::find_if(threads.begin(), threads.end(), [&](const auto &part) { return part.first == name; });
      if (same == threads.end())
        threads.emplace_back(name, seconds);
      else
        same->second += seconds;
    }
  }

  /// Names and seconds of the parts that have ended.
  const std::vector<std::pair<std::string, double>> &ended() const { return parts; }
  /// Of the last part of this name that has ended. 0: there is none.
  double secondsOf(const std::string &name) const {
    double found = 0;
    for (const auto &[part, seconds] : parts)
      if (part == name)
        found = seconds;
    return found;
  }

  /// Prints a table on standard error.
  void print() const {
    double total = 0;
    for (const auto &[name, seconds] : parts)
      total += seconds;
    std::string table;
    auto add = [&](const std::string &name, double seconds, const std::string &rest = "") {
      char line[128];
      snprintf(line, sizeof(line), "%-28s %9.4f s", name.c_str(), seconds);
      table += line + rest + "\n";
    };
    for (const auto &[name, seconds] : parts) {
      char share[32];
      snprintf(share, sizeof(share), " %5.1f %%", total > 0 ? 100 * seconds / total : 0);
      add(name, seconds, share);
    }
    add("total", total);
    if (!threads.empty())
      table += "\nseconds of all threads that compiled kernels:\n";
    for (const auto &[name, seconds] : threads)
      add(name, seconds);
    printText(table);
  }

private:
  std::vector<std::pair<std::string, double>> parts, threads;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_TIMING_H
