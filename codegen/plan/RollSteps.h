//===- RollSteps.h - Repeated steps as loops --------------------*- C++ -*-===//
//
// The layers of a model launch the same kernels with arguments that differ by a constant: the next layer's weights, the
// next layer of the cache. A plan stores such a stretch once, with strides, so that it does not grow with depth.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_PLAN_ROLLSTEPS_H
#define QUIPU_CODEGEN_PLAN_ROLLSTEPS_H

#include "runtime/abi/plan_generated.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu::codegen {

/// A step before rolling.
struct FlatStep {
  struct Argument {
    plan::ArgKind kind;
    uint64_t value;
  };
  /// The kernel that it runs; of a sample, its mode.
  uint32_t kernel = 0;
  std::optional<plan::SampleMode> sample;
  std::vector<Argument> arguments;
  /// Place in the model, with "{}" for the layer's number if it has one.
  std::string location;
  std::optional<uint32_t> layer;
};

/// Covers `steps` with sequences, in order, so that as few steps as possible are stored.
std::vector<std::unique_ptr<plan::SequenceT>> rollSteps(const std::vector<FlatStep> &steps);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_ROLLSTEPS_H
