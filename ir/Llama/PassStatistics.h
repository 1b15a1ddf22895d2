//===- PassStatistics.h - What passes count ---------------------*- C++ -*-===//
//
// A `Statistic` of a Passes.td becomes a member of the class PassStatistic. The class of MLIR counts nothing where LLVM
// was built with NDEBUG, and distributions build it so. cmake/QuipuPasses.cmake exchanges the one for the other in what
// mlir-tblgen writes.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_PASSSTATISTICS_H
#define QUIPU_IR_LLAMA_PASSSTATISTICS_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringRef.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace quipu {

/// A number that a pass counts. MLIR's class is its base for one reason: the pass then lists it (Pass::getStatistics).
class PassStatistic : public mlir::Pass::Statistic {
public:
  PassStatistic(mlir::Pass *owner, const char *name, const char *description)
      : Statistic(owner, name, description), name(name), description(description) {}

  PassStatistic &operator++() { return *this += 1; }
  PassStatistic &operator+=(uint64_t number) {
    count.fetch_add(number, std::memory_order_relaxed);
    return *this;
  }

  /// What was counted since the last call.
  uint64_t take() {
    uint64_t now = whole();
    return now - taken.exchange(now, std::memory_order_relaxed);
  }
  /// What was counted since the pass was made.
  uint64_t whole() const { return count.load(std::memory_order_relaxed); }

  const char *const name, *const description;

private:
  std::atomic<uint64_t> count = 0, taken = 0;
};

/// Hands over, when it goes, a table of what the passes of Quipu counted. It is laid out as MLIR's.
class PassStatisticsReport {
public:
  explicit PassStatisticsReport(std::function<void(llvm::StringRef)> print) : print(std::move(print)) {}
  ~PassStatisticsReport();

  /// Takes what a pass has counted since the last call. It may run several times, and as several objects. `target` is
  /// put behind its name, if any.
  void add(mlir::Pass *pass, llvm::StringRef target);
  /// Adds to what was counted by something else.
  void add(const std::string &who, const std::string &name, uint64_t count, const std::string &description);

private:
  struct Line {
    uint64_t count = 0;
    std::string description;
  };

  std::function<void(llvm::StringRef)> print;
  /// Pass managers run at the same time where a file is split.
  std::mutex mutex;
  /// In the order of the first addition.
  template <typename Value> using InOrder = llvm::MapVector<std::string, Value, std::map<std::string, unsigned>>;
  /// By the names of passes and of statistics.
  InOrder<InOrder<Line>> counted;
};

/// Adds what the passes of a pass manager count to a report.
class PassStatisticsWatch : public mlir::PassInstrumentation {
public:
  explicit PassStatisticsWatch(PassStatisticsReport &report, std::string target = {})
      : report(report), target(std::move(target)) {}

  void runAfterPass(mlir::Pass *pass, mlir::Operation *) override { report.add(pass, target); }
  void runAfterPassFailed(mlir::Pass *pass, mlir::Operation *) override { report.add(pass, target); }

private:
  PassStatisticsReport &report;
  std::string target;
};

} // namespace quipu

#endif // QUIPU_IR_LLAMA_PASSSTATISTICS_H
