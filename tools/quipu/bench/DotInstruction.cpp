//===- DotInstruction.cpp - What a plan's kernels multiply with ---------------------------===//

#include "runtime/cpu/CpuFeatures.h"
#include "runtime/plan/Steps.h"
#include "tools/quipu/bench/Ceilings.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace quipu::tool {

/// What a printed schedule says behind "NAME = ". Empty: nothing.
static std::string_view valueOf(std::string_view schedule, std::string_view name) {
  size_t begin = schedule.find(name);
  if (begin == std::string_view::npos)
    return {};
  begin += name.size();
  return schedule.substr(begin, schedule.find_first_of(",>", begin) - begin);
}

/// The kind of dot product that does most operations on the tokens of the program that takes most of them.
static std::string_view mainDot(const plan::Plan &plan) {
  const plan::Program *largest = nullptr;
  for (const plan::Program *program : *plan.programs())
    if (!largest || program->max_rows() > largest->max_rows())
      largest = program;
  std::map<std::string_view, uint64_t> operations;
  forEachStep(*largest, [&](const plan::Step &step, uint64_t) {
    const plan::Kernel *kernel = kernelOf(plan, step);
    if (!kernel || !kernel->schedule() || kernel->rows() != plan::RowDim::tokens)
      return;
    if (std::string_view dot = valueOf(kernel->schedule()->string_view(), "dot = "); !dot.empty())
      operations[dot] += kernel->flops_per_row();
  });
  auto most = std::ranges::max_element(operations, {}, [](const auto &kind) { return kind.second; });
  return most == operations.end() ? std::string_view() : most->first;
}

DotInstruction dotInstruction(const plan::Plan &plan) {
  auto targets = [&](std::string_view feature) {
    const auto *features = plan.target()->features();
    return hasCpuFeature(feature) && features && std::any_of(features->begin(), features->end(), [&](const auto *it) {
             return it->string_view() == feature;
           });
  };
  struct Choice {
    std::string_view dot, feature;
    DotInstruction instruction;
  };
  static constexpr Choice kChoices[] = {
      {"amx_bf16", "amx-bf16", DotInstruction::Bf16Tiles},  {"amx_int8", "amx-int8", DotInstruction::Int8Tiles},
      {"bf16", "avx512bf16", DotInstruction::Bf16Dot512},   {"int8", "avx512vnni", DotInstruction::Int8Dot512},
      {"int8", "avxvnni", DotInstruction::Int8Dot256},      {"int8_pairs", "avx2", DotInstruction::Int8Pairs256},
      {"int16", "avx512bw", DotInstruction::Int16Pairs512}, {"int16", "avx2", DotInstruction::Int16Pairs256},
  };
  std::string_view dot = mainDot(plan);
  for (const Choice &choice : kChoices)
    if (choice.dot == dot && targets(choice.feature))
      return choice.instruction;
  if (targets("avx512f"))
    return DotInstruction::Fma512;
  return targets("fma") ? DotInstruction::Fma256 : DotInstruction::Scalar;
}

} // namespace quipu::tool
