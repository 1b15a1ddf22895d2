//===- Targets.h - What is fuzzed, and how --------------------------*- C++ -*-===//
//
// A target gives arbitrary bytes to one reader. The reader accepts them, or throws quipu::Error. Everything else ends
// the process: another exception, a report of a sanitizer, and an accepted input that breaks what others rely on.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TEST_FUZZ_TARGETS_H
#define QUIPU_TEST_FUZZ_TARGETS_H

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::test {

struct FuzzTarget {
  /// Its seeds are in test/fuzz/corpus/NAME.
  const char *name;
  void (*run)(std::string_view input);
};

/// All of them, by name.
const std::vector<FuzzTarget> &fuzzTargets();

/// Null: there is no target of that name.
const FuzzTarget *findFuzzTarget(std::string_view name);

/// The targets of each kind of reader.
std::span<const FuzzTarget> modelTargets();
std::span<const FuzzTarget> tokenizerTargets();
std::span<const FuzzTarget> planTargets();
std::span<const FuzzTarget> chatTargets();
std::span<const FuzzTarget> scoreTargets();
std::span<const FuzzTarget> serveTargets();

} // namespace quipu::test

#endif // QUIPU_TEST_FUZZ_TARGETS_H
