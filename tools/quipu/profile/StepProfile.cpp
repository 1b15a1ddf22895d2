//===- StepProfile.cpp - Where the time of a step goes -----------------------------------===//

#include "tools/quipu/profile/StepProfile.h"

#include <algorithm>
#include <map>
#include <utility>

namespace quipu::tool {

double ProfileLine::leastSeconds(double ceilingBytes, double ceilingOperations) const {
  double bytes = ceilingBytes > 0 ? work.bytes() / ceilingBytes : 0;
  double operations = ceilingOperations > 0 ? work.operations / ceilingOperations : 0;
  return std::max(bytes, operations);
}

double ProfileLine::ofCeiling(double ceilingBytes, double ceilingOperations) const {
  return seconds.median > 0 ? leastSeconds(ceilingBytes, ceilingOperations) / seconds.median : 0;
}

double StepProfile::stepSeconds() const {
  double sum = 0;
  for (const ProfileLine &line : lines)
    sum += line.seconds.median;
  return sum;
}

/// The entry that does the work that the plan states of a kernel. Others prepare its input, or compare what it gives.
/// It has the name of the kernel, or is the last.
static std::string workingEntry(const plan::Kernel &kernel) {
  for (const plan::Entry *entry : *kernel.entries())
    if (entry->symbol()->string_view() == kernel.name()->string_view())
      return entry->symbol()->str();
  return kernel.entries()->Get(kernel.entries()->size() - 1)->symbol()->str();
}

Work workOf(const plan::Plan &plan, const LaunchTime &launch, const LaunchRows &rows) {
  const plan::Kernel *kernel = launch.kernel ? plan.kernels()->Get(*launch.kernel) : nullptr;
  return kernel && workingEntry(*kernel) == launch.entry ? kernelWork(*kernel, rows) : Work();
}

/// "layers.*.mlp" of "layers.{}.mlp".
static std::string foldedPlace(std::string place) {
  if (size_t layer = place.find("{}"); layer != place.npos)
    place.replace(layer, 2, "*");
  return place;
}

namespace {

/// Collects the runs of all steps. A sample is a run, or of steps together the sum of their runs with one number.
class Collector {
public:
  Collector(const plan::Plan &plan, std::span<const StepTimes> times, Steps steps)
      : plan(plan), runs(times.front().observed.size()), samples(steps == Steps::Together ? runs : runs * times.size()),
        divisor(samples / runs) {
    profile.tracks = times.front().tracks;
    profile.onThreads = times.front().onThreads;
    profile.runs = samples;
    profile.hasCounts = times.front().hasCounts;
    profile.countersProblem = times.front().countersProblem;
    for (std::vector<double> *each : {&whole, &observed, &apart, &imbalance, &barriers, &edges})
      each->resize(samples);
    for (size_t step = 0; step < times.size(); ++step)
      add(times[step], steps == Steps::Together ? 0 : step * runs);
  }

  StepProfile finish() {
    for (size_t i = 0; i < profile.lines.size(); ++i) {
      ProfileLine &line = profile.lines[i];
      line.seconds = Statistics::of(seconds[i].all);
      line.imbalance = Statistics::of(seconds[i].imbalance).median;
      for (const std::vector<double> &track : seconds[i].tracks)
        line.trackSeconds.push_back(Statistics::of(track).median);
      line.launches /= divisor;
      line.work = line.work * (1 / double(divisor));
      for (double &count : line.counts)
        count /= double(divisor);
    }
    profile.rows /= divisor;
    profile.outputs /= divisor;
    profile.whole = Statistics::of(whole);
    profile.observed = Statistics::of(observed);
    if (profile.onThreads)
      profile.waiting = {Statistics::of(imbalance).median, Statistics::of(barriers).median,
                         Statistics::of(edges).median};
    else if (isApart)
      profile.waiting.overlap = profile.whole.median - Statistics::of(apart).median;
    return std::move(profile);
  }

private:
  /// Of a line, by samples.
  struct LineSamples {
    std::vector<double> all, imbalance;
    std::vector<std::vector<double>> tracks;
  };

  void add(const StepTimes &times, size_t first) {
    for (size_t run = 0; run < runs; ++run) {
      whole[first + run] += times.whole[run];
      observed[first + run] += times.observed[run];
      if (!times.apart.empty())
        apart[first + run] += times.apart[run];
    }
    isApart |= !times.apart.empty();
    if (std::ranges::find(profile.programs, times.program) == profile.programs.end())
      profile.programs.push_back(times.program);
    profile.rows += rowsOf(times.rows);
    profile.outputs += times.rows.outputs;
    for (const LaunchTime &launch : times.launches)
      addLaunch(launch, times.rows, first);
    for (size_t run = 0; run < runs; ++run)
      addWaiting(times, run, first + run);
  }

  void addLaunch(const LaunchTime &launch, const LaunchRows &rows, size_t first) {
    const plan::Kernel *kernel = launch.kernel ? plan.kernels()->Get(*launch.kernel) : nullptr;
    auto [number, isNew] = numbers.try_emplace({launch.entry, launch.place}, profile.lines.size());
    if (isNew) {
      profile.lines.push_back({launch.entry, foldedPlace(launch.place), kernel ? kernel->name()->str() : launch.entry});
      std::vector<double> zeros(samples);
      seconds.push_back({zeros, zeros, std::vector<std::vector<double>>(profile.tracks, zeros)});
    }
    ProfileLine &line = profile.lines[number->second];
    LineSamples &into = seconds[number->second];
    ++line.launches;
    line.work += workOf(plan, launch, rows);
    for (size_t i = 0; i < kNumHardwareCounters; ++i)
      line.counts[i] += launch.counts[i];
    for (size_t run = 0; run < runs; ++run) {
      std::span<const TrackSpan> spans = spansOf(launch, run);
      double last = lastEnd(spans), share = 1.0 / double(spans.size());
      for (size_t track = 0; track < spans.size(); ++track) {
        into.all[first + run] += spans[track].seconds() * share;
        into.tracks[track][first + run] += spans[track].seconds();
        into.imbalance[first + run] += (last - spans[track].end) * share;
      }
    }
  }

  /// What lies between the parts of launches in a run. On a CPU this and the parts are the run, without gaps.
  void addWaiting(const StepTimes &times, size_t run, size_t sample) {
    double before = 0, share = 1.0 / double(times.tracks);
    for (const LaunchTime &launch : times.launches) {
      std::span<const TrackSpan> spans = spansOf(launch, run);
      double last = lastEnd(spans);
      for (const TrackSpan &span : spans) {
        (&launch == &times.launches.front() ? edges : barriers)[sample] += (span.begin - before) * share;
        imbalance[sample] += (last - span.end) * share;
      }
      before = last;
    }
    edges[sample] += times.observed[run] - before;
  }

  std::span<const TrackSpan> spansOf(const LaunchTime &launch, size_t run) const {
    return std::span(launch.spans).subspan(run * profile.tracks, profile.tracks);
  }

  static double lastEnd(std::span<const TrackSpan> spans) {
    return std::ranges::max_element(spans, {}, &TrackSpan::end)->end;
  }

  const plan::Plan &plan;
  size_t runs, samples;
  /// Steps in a sum of all, of which the profile is the mean.
  size_t divisor;
  StepProfile profile;
  std::map<std::pair<std::string, std::string>, size_t> numbers;
  std::vector<LineSamples> seconds;
  std::vector<double> whole, observed, apart, imbalance, barriers, edges;
  bool isApart = false;
};

} // namespace

StepProfile StepProfile::of(const plan::Plan &plan, std::span<const StepTimes> times, Steps steps) {
  return Collector(plan, times, steps).finish();
}

} // namespace quipu::tool
