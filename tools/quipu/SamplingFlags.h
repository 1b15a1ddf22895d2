//===- SamplingFlags.h - How tokens are chosen, on the command line ---------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SAMPLINGFLAGS_H
#define QUIPU_TOOLS_QUIPU_SAMPLINGFLAGS_H

#include "runtime/text/Generate.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace quipu::tool {

/// Flags of `run` and `chat`: how tokens are chosen, and what ends a text.
struct SamplingFlags {
  /// `lengthText`: help of -n.
  void addOptions(CLI::App &command, const std::string &lengthText);
  /// The options, with a random seed if none was given. Throws UsageError for values that make no sense.
  GenerateOptions options() const;

private:
  GenerateOptions given;
  /// -1: until the end of the text or the context.
  int64_t maxTokens = -1;
  std::optional<uint64_t> seed;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_SAMPLINGFLAGS_H
