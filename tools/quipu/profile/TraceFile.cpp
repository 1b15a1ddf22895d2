//===- TraceFile.cpp - Profiles on a time line -------------------------------------------===//

#include "tools/quipu/profile/TraceFile.h"
#include "runtime/support/Error.h"
#include "tools/quipu/JsonText.h"

namespace quipu::tool {

using Json = nlohmann::ordered_json;

namespace {

/// The track of the runs; those of threads follow.
constexpr size_t kRunTrack = 0, kFirstTrack = 1;
constexpr int kProcess = 1;
/// A part of the file that is written at once.
constexpr size_t kPartBytes = 1 << 20;

class TraceWriter {
public:
  TraceWriter(const plan::Plan &plan, const Profile &profile, const std::function<void(std::string_view)> &write)
      : plan(plan), profile(profile), write(write) {}

  void run() {
    text = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
    nameTracks();
    for (const StepTimes &times : profile.times)
      for (size_t run = 0; run < times.observed.size(); ++run)
        writeRun(times, run);
    text += "\n]}\n";
    write(text);
  }

private:
  void event(const Json &json) {
    text += isFirst ? "\n" : ",\n";
    text += jsonText(json, -1);
    isFirst = false;
    if (text.size() < kPartBytes)
      return;
    write(text);
    text.clear();
  }

  void name(const char *what, size_t track, const std::string &text) {
    event({{"ph", "M"}, {"name", what}, {"pid", kProcess}, {"tid", track}, {"args", {{"name", text}}}});
  }

  void nameTracks() {
    name("process_name", kRunTrack,
         concat(profile.setting.model, ", ", profile.test.name(), ", ", profile.setting.device));
    name("thread_name", kRunTrack, "runs");
    for (size_t track = 0; track < profile.steps.tracks; ++track)
      name("thread_name", kFirstTrack + track,
           profile.steps.onThreads ? concat("thread ", track) : std::string("stream"));
  }

  void slice(const std::string &name, size_t track, double begin, double seconds, Json arguments) {
    event({{"ph", "X"},
           {"name", name},
           {"pid", kProcess},
           {"tid", track},
           {"ts", (begin + now) * 1e6},
           {"dur", seconds * 1e6},
           {"args", std::move(arguments)}});
  }

  void writeRun(const StepTimes &times, size_t run) {
    uint64_t position = times.rows.sequences.empty() ? 0 : times.rows.sequences.front().position;
    slice(times.program, kRunTrack, 0, times.observed[run],
          {{"run", run}, {"position", position}, {"rows", rowsOf(times.rows)}});
    for (const LaunchTime &launch : times.launches) {
      Json arguments = {{"kernel", launch.entry}, {"program", times.program}};
      Work work = workOf(plan, launch, times.rows);
      arguments["bytes"] = work.bytes();
      arguments["flops"] = work.operations;
      for (size_t track = 0; track < times.tracks; ++track) {
        const TrackSpan &span = launch.spans[run * times.tracks + track];
        slice(launch.location.empty() ? launch.entry : launch.location, kFirstTrack + track, span.begin, span.seconds(),
              arguments);
      }
    }
    now += times.observed[run];
  }

  const plan::Plan &plan;
  const Profile &profile;
  const std::function<void(std::string_view)> &write;
  /// What is not written yet.
  std::string text;
  /// Seconds at which the current run begins.
  double now = 0;
  bool isFirst = true;
};

} // namespace

void writeTrace(const plan::Plan &plan, const Profile &profile, const std::function<void(std::string_view)> &write) {
  TraceWriter(plan, profile, write).run();
}

} // namespace quipu::tool
