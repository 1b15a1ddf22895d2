//===- PlanText.h - A plan for people to read -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_PLANTEXT_H
#define QUIPU_TOOLS_QUIPU_INSPECT_PLANTEXT_H

#include "runtime/plan/PlanFile.h"

#include <string>

namespace quipu::tool {

/// Configuration, target, programs with their steps, kernels with schedules, memory and weights in short.
std::string planText(const PlanFile &plan);

/// Where the memory goes: the arena of each program with the place of every step's tensors, cache and weights.
std::string memoryText(const PlanFile &plan);

/// One line for each weight, and for each of its sources when they are several.
std::string weightsText(const PlanFile &plan);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_PLANTEXT_H
