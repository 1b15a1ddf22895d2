//===- Profile.h - Where the time of a step goes ----------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_PROFILE_H
#define QUIPU_TOOLS_QUIPU_BENCH_PROFILE_H

#include "runtime/core/Session.h"

#include <string>
#include <vector>

namespace quipu::tool {

/// A table of the launches' times, one line for each entry of a kernel: how often it is launched, microseconds of one
/// launch and of all, share of the step, and what it reads of weights or computes a second. `name`: of the test;
/// `tokens` and `outputs`: rows of the step.
std::string profileTable(const Model &model, const std::string &name, const std::vector<LaunchTime> &times,
                         uint64_t tokens, uint64_t outputs);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_PROFILE_H
