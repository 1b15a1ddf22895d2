//===- PlanSource.h - PLAN or MODEL, and the cache between them -------------*- C++ -*-===//
//
// Wherever a command takes a plan it takes a model too. The model is compiled by quipu-compile into the cache folder,
// under a name made of everything that the plan depends on; the next run finds it there.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_PLANSOURCE_H
#define QUIPU_TOOLS_QUIPU_PLANSOURCE_H

#include "runtime/core/Model.h"
#include "runtime/plan/PlanFile.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace quipu::tool {

/// The path of a plan or model, and the flags that say how a model is compiled before it runs.
class PlanSource {
public:
  /// Adds the positional PLAN and the compile flags.
  void addOptions(CLI::App &command);
  /// Adds only the positional PLAN, for a command that compiles nothing.
  void addPath(CLI::App &command, const std::string &text);

  const std::string &path() const { return source; }
  /// Another plan or model, with the same compile flags.
  PlanSource withPath(const std::string &path) const {
    PlanSource other = *this;
    other.source = path;
    return other;
  }
  /// Whether the path names a model rather than a plan.
  bool isModel() const;
  /// Whether --target says that a model is compiled for a GPU.
  bool isForCuda() const;

  /// Protects the plan, or the model's files, from the command's output (InputFiles.h) before they are opened.
  void noteInputs() const;

  /// Opens the plan. A model is compiled first; without --target for the device that will run it. `device`: "cuda:1";
  /// empty: not given. `verify`: whether the compiled plan gets a hash of all weights. Throws Error. Throws UsageError
  /// if compile flags are given with a plan.
  std::shared_ptr<const PlanFile> open(bool verbose = false, const std::string &device = "", bool verify = false) const;

  /// A model is compiled with --keep-ir (runtime/plan/Insight.h).
  void keepIr() { keepsIr = true; }

  /// The compile flags that were given, as quipu-compile takes them.
  std::vector<std::string> compileFlags() const;

private:
  std::shared_ptr<const PlanFile> compileCached(bool verbose, const std::string &device, bool verify) const;

  std::string source;
  bool keepsIr = false;
  /// A plan that is not deterministic is refused, and a model is compiled so.
  bool deterministic = false;
  /// Name and value of each flag. The value is empty if the flag was not given.
  std::vector<std::pair<std::string, std::string>> flags;
};

/// Flags on how a plan is run: --weights, --map-weights, --threads, --pin, --device, --variant, --verify.
struct ModelFlags {
  /// With `threadCounts` --threads takes a list and fills it. That is for a command that loads a model several times.
  void addOptions(CLI::App &command, std::vector<unsigned> *threadCounts = nullptr);
  /// Throws UsageError for values that make no sense.
  ModelOptions options() const;

  std::string weights;
  bool mapWeights = false;
  unsigned threads = 0;
  bool pin = false;
  std::string device, variant;
  bool verify = false;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PLANSOURCE_H
