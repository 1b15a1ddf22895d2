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

/// The flags that decide how a MODEL is compiled on the fly, and the path itself.
class PlanSource {
public:
  /// Adds the positional PLAN and the compile flags.
  void addOptions(CLI::App &command);
  /// Adds the positional PLAN alone, for a command that compiles nothing.
  void addPath(CLI::App &command, const std::string &text);

  const std::string &path() const { return source; }
  /// Whether the path names a model rather than a plan.
  bool isModel() const;

  /// Protects the plan, or the model's files, from the command's output (InputFiles.h) before they are opened.
  void noteInputs() const;

  /// The plan: opened, or compiled first, without --target for the `device` that is to run it ("cuda:1"; empty: not
  /// said). `verify`: what is compiled gets a hash of all weights. Throws Error; UsageError when compile flags come
  /// with a plan.
  std::shared_ptr<const PlanFile> open(bool verbose = false, const std::string &device = "", bool verify = false) const;

  /// The compile flags that were given, as quipu-compile takes them.
  std::vector<std::string> compileFlags() const;

private:
  std::shared_ptr<const PlanFile> compileCached(bool verbose, const std::string &device, bool verify) const;

  std::string source;
  /// Flag name and value, empty when not given.
  std::vector<std::pair<std::string, std::string>> flags;
};

/// Flags on how a plan is run: --weights, --threads, --pin, --device, --variant, --verify.
struct ModelFlags {
  /// With `threadCounts` --threads takes a list and fills that, for a command that loads a model several times.
  void addOptions(CLI::App &command, std::vector<unsigned> *threadCounts = nullptr);
  /// Throws UsageError for values that make no sense.
  ModelOptions options() const;

  std::string weights;
  unsigned threads = 0;
  bool pin = false;
  std::string device, variant;
  bool verify = false;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PLANSOURCE_H
