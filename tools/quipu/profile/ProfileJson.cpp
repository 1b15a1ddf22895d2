//===- ProfileJson.cpp - Profiles for programs -------------------------------------------===//

#include "tools/quipu/profile/ProfileJson.h"

#include <algorithm>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static double microseconds(double seconds) { return seconds * 1e6; }

static Json lineJson(const ProfileLine &line, const StepProfile &profile, double ceilingBytes,
                     double ceilingOperations) {
  double seconds = line.seconds.median;
  auto rate = [&](double amount, double unit) { return seconds > 0 ? amount / seconds / unit : 0.0; };
  bool hasWork = line.work.bytes() + line.work.operations > 0;
  Json json = {
      {"name", line.entry},
      {"place", line.place},
      {"kernel", line.kernel},
      {"count", line.launches},
      {"us_min", microseconds(line.seconds.min)},
      {"us_median", microseconds(seconds)},
      {"us_max", microseconds(line.seconds.max)},
      {"spread", line.seconds.scatter()},
      {"bytes", line.work.bytes()},
      {"flops", line.work.operations},
      {"GBps", rate(line.work.bytes(), 1e9)},
      {"TFLOPs", rate(line.work.operations, 1e12)},
      {"of_ceiling", line.ofCeiling(ceilingBytes, ceilingOperations)},
      {"lost_us", hasWork ? Json(microseconds(seconds - line.leastSeconds(ceilingBytes, ceilingOperations))) : Json()}};
  if (profile.onThreads) {
    json["thread_us"] = Json::array();
    for (double track : line.trackSeconds)
      json["thread_us"].push_back(microseconds(track));
    json["imbalance_us"] = microseconds(line.imbalance);
  }
  if (profile.hasCounts) {
    json["cycles"] = line.counts[size_t(HardwareCounter::Cycles)];
    json["instructions"] = line.counts[size_t(HardwareCounter::Instructions)];
    json["llc_misses"] = line.counts[size_t(HardwareCounter::CacheMisses)];
  }
  return json;
}

static Json waitingJson(const StepProfile &profile) {
  const Waiting &waiting = profile.waiting;
  if (!profile.onThreads)
    return {{"overlap_us", microseconds(waiting.overlap)}};
  return {{"imbalance_us", microseconds(waiting.imbalance)},
          {"barriers_us", microseconds(waiting.barriers)},
          {"edges_us", microseconds(waiting.edges)}};
}

Json stepProfileJson(const StepProfile &profile, double ceilingBytes, double ceilingOperations) {
  Json steps = Json::array();
  for (const ProfileLine &line : profile.lines)
    steps.push_back(lineJson(line, profile, ceilingBytes, ceilingOperations));
  Json json = {{"rows", profile.rows},
               {"outputs", profile.outputs},
               {"programs", profile.programs},
               {"runs", profile.runs},
               {"steps", std::move(steps)},
               {"steps_us", microseconds(profile.stepSeconds())},
               {"waiting_us", microseconds(profile.waiting.total())},
               {"waiting", waitingJson(profile)},
               {"total_us", microseconds(profile.whole.median)},
               {"total_us_min", microseconds(profile.whole.min)},
               {"total_us_max", microseconds(profile.whole.max)},
               {"observed_us", microseconds(profile.observed.median)},
               {"ceiling_GBps", ceilingBytes / 1e9}};
  if (ceilingOperations > 0)
    json["ceiling_TFLOPs"] = ceilingOperations / 1e12;
  return json;
}

/// The time that a step loses, as a number that is least for the greatest loss; the name decides between equals. What
/// states no work loses all of its time.
static std::pair<double, std::string> orderOf(const Json &step) {
  const Json &lost = step["lost_us"];
  return {-(lost.is_null() ? step["us_median"] : lost).get<double>(), step["name"].get<std::string>()};
}

Json testJson(const BenchTest &test) {
  return {{"name", test.name()},
          {"prompt", test.prompt},
          {"generated", test.generated},
          {"depth", test.depth},
          {"batch", test.batch}};
}

Json profileJson(const Profile &profile) {
  const BenchSetting &setting = profile.setting;
  Json json = testJson(profile.test);
  json.update(stepProfileJson(profile.steps, profile.ceilingBytes, profile.ceilingOperations));
  std::ranges::sort(json["steps"].get_ref<Json::array_t &>(), {}, orderOf);
  json["counters"] = profile.steps.countersProblem.empty() ? Json() : Json(profile.steps.countersProblem);
  json["ceiling_memory"] = setting.memoryCeiling;
  json["ceiling_instruction"] = setting.arithmeticCeiling;
  json["threads"] = profile.threads;
  json["device"] = setting.device;
  json["model"] = setting.model;
  json["dtype"] = setting.dtypeColumn;
  json["target"] = setting.target;
  json["weight_bytes"] = setting.weightBytes;
  json["version"] = setting.version;
  json["commit"] = setting.commit;
  return json;
}

} // namespace quipu::tool
