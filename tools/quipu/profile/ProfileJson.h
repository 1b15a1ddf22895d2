//===- ProfileJson.h - Profiles for programs ---------------------------------*- C++ -*-===//
//
// A profile as JSON has all that is said of it: tables, comparisons and reports are made of it, also when it was saved.
// Times are in microseconds.
//
//   name               the test: "tg8", "pp512@d64 b2"; prompt, generated, depth, batch are its parts
//   rows, outputs      of what the times are of: a step of generation, or the whole prompt
//   steps              one for each kernel entry and place of a layer, sorted by lost_us
//     name             the entry
//     place            "layers.*.mlp.down_proj"
//     kernel, count    the plan's kernel; launches
//     us_min, us_median, us_max, spread (largest less least, as a part of the median)
//     bytes, flops     the work that the plan states; GBps, TFLOPs, of_ceiling follow from it and the median
//     lost_us          the median less the time that the work takes at the ceiling. null: no work is stated
//     thread_us        of each thread (CPU); imbalance_us: how long threads wait behind it for the slowest
//     cycles, instructions, llc_misses   of all threads, where the system gives counters
//   steps_us           the sum of their medians
//   waiting_us         time in which no kernel runs, and what it is: waiting.imbalance_us, barriers_us, edges_us (CPU);
//                      waiting.overlap_us (GPU, negative: kernels overlap)
//   total_us, total_us_min, total_us_max   the whole, while nobody observes; observed_us: while every launch is timed
//   counters           why there are none. null: there are some, or nobody asked
//   ceiling_GBps, ceiling_TFLOPs, device …  as bench --json has them
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_PROFILE_PROFILEJSON_H
#define QUIPU_TOOLS_QUIPU_PROFILE_PROFILEJSON_H

#include "tools/quipu/profile/Profiler.h"

#include <nlohmann/json.hpp>

namespace quipu::tool {

/// What a profile says of its steps, in the order in which they run. Ceilings per second; 0: not known.
nlohmann::ordered_json stepProfileJson(const StepProfile &profile, double ceilingBytes, double ceilingOperations);

/// The fields of a profile that say what is measured.
nlohmann::ordered_json testJson(const BenchTest &test);

/// The whole profile.
nlohmann::ordered_json profileJson(const Profile &profile);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROFILE_PROFILEJSON_H
