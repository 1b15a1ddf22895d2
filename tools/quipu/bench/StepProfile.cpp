//===- StepProfile.cpp - Where the time of a step goes -----------------------------------===//

#include "tools/quipu/bench/StepProfile.h"

#include <algorithm>
#include <map>
#include <utility>

namespace quipu::tool {

double ProfileLine::ofCeiling(double ceilingBytes, double ceilingOperations) const {
  if (seconds.median <= 0)
    return 0;
  double bytes = ceilingBytes > 0 ? work.bytes / ceilingBytes : 0;
  double operations = ceilingOperations > 0 ? work.operations / ceilingOperations : 0;
  return std::max(bytes, operations) / seconds.median;
}

/// The entry that does the work that the plan states of a kernel. Others prepare its input, or compare what it gives.
/// It has the name of the kernel, or is the last.
static std::string workingEntry(const plan::Kernel &kernel) {
  for (const plan::Entry *entry : *kernel.entries())
    if (entry->symbol()->string_view() == kernel.name()->string_view())
      return entry->symbol()->str();
  return kernel.entries()->Get(kernel.entries()->size() - 1)->symbol()->str();
}

StepProfile StepProfile::of(const plan::Plan &plan, const StepTimes &times) {
  StepProfile profile;
  profile.rows = times.rows;
  std::map<std::pair<std::string, std::string>, size_t> numbers;
  // Of all launches of a line, by runs.
  std::vector<std::vector<double>> seconds;
  for (const LaunchTime &time : times.launches) {
    const plan::Kernel *kernel = time.kernel ? plan.kernels()->Get(*time.kernel) : nullptr;
    auto [number, isNew] = numbers.try_emplace({time.entry, time.place}, profile.lines.size());
    if (isNew) {
      profile.lines.push_back({time.entry, time.place, kernel ? kernel->name()->str() : time.entry});
      seconds.emplace_back(time.seconds.size());
    }
    ProfileLine &line = profile.lines[number->second];
    ++line.launches;
    for (size_t run = 0; run < time.seconds.size(); ++run)
      seconds[number->second][run] += time.seconds[run];
    if (kernel && workingEntry(*kernel) == time.entry)
      line.work += kernelWork(*kernel, times.rows);
  }
  profile.whole = Statistics::of(times.whole);
  profile.between = profile.whole.median;
  for (size_t i = 0; i < profile.lines.size(); ++i) {
    profile.lines[i].seconds = Statistics::of(seconds[i]);
    profile.between -= profile.lines[i].seconds.median;
  }
  return profile;
}

} // namespace quipu::tool
