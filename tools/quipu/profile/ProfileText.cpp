//===- ProfileText.cpp - Profiles as tables ----------------------------------------------===//

#include "tools/quipu/profile/ProfileText.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"

#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static std::string textOf(const Json &value) { return value.get<std::string>(); }
static double numberOf(const Json &value) { return value.get<double>(); }
static std::string countOf(const Json &value) { return fixed(numberOf(value), 0); }
static std::string timeOf(const Json &value) { return fixed(numberOf(value), 1); }
static std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

static std::string row(const std::vector<std::string> &cells) {
  std::string text;
  for (const std::string &cell : cells)
    text += cell.empty() ? "| " : "| " + cell + " ";
  return text + "|\n";
}

/// The columns that stand in front of a row's rates.
static std::vector<std::string> timeCells(const std::string &name, const std::string &place, const std::string &count,
                                          double microseconds, double whole) {
  return {name, place, count, fixed(microseconds, 1), whole > 0 ? percent(microseconds / whole) : "-"};
}

namespace {

/// A table of the steps; its columns depend on what was measured.
class StepTable {
public:
  explicit StepTable(const Json &profile)
      : profile(profile), whole(numberOf(profile["total_us"])),
        hasThreads(profile["threads"] > 1 && !profile["steps"].empty() && profile["steps"][0].contains("imbalance_us")),
        hasCounts(!profile["steps"].empty() && profile["steps"][0].contains("cycles")) {}

  std::string text() const {
    std::string text = header();
    for (const Json &step : profile["steps"])
      text += line(step);
    text += total("all steps", numberOf(profile["steps_us"]), "", "");
    text += total("waiting", numberOf(profile["waiting_us"]), "", "");
    for (const auto &[name, value] : profile["waiting"].items())
      if (value.is_number())
        text += total("· " + waitingName(name), numberOf(value), "", "");
    text += total("steps and waiting", numberOf(profile["steps_us"]) + numberOf(profile["waiting_us"]), "", "");
    return text + total("the whole, measured by itself", whole, timeOf(profile["total_us_min"]),
                        timeOf(profile["total_us_max"]));
  }

private:
  std::string header() const {
    std::vector<std::string> names = {"step", "place", "launches", "us",         "share",  "min",
                                      "max",  "GB/s",  "TFLOP/s",  "of ceiling", "lost us"};
    std::vector<std::string> rule = {"---", "---"};
    if (hasThreads)
      names.emplace_back("imbalance us");
    if (hasCounts)
      names.insert(names.end(), {"cycles", "instructions a cycle", "LLC misses"});
    rule.resize(names.size(), "---:");
    return row(names) + row(rule);
  }

  std::string line(const Json &step) const {
    double seconds = numberOf(step["us_median"]);
    std::vector<std::string> cells =
        timeCells(textOf(step["name"]), textOf(step["place"]), countOf(step["count"]), seconds, whole);
    auto rate = [&](const char *amount, const char *name, int decimals) {
      return seconds > 0 && numberOf(step[amount]) > 0 ? fixed(numberOf(step[name]), decimals) : "-";
    };
    bool isRated = step["lost_us"].is_number();
    cells.insert(cells.end(), {timeOf(step["us_min"]), timeOf(step["us_max"]), rate("bytes", "GBps", 1),
                               rate("flops", "TFLOPs", 3), isRated ? percent(numberOf(step["of_ceiling"])) : "-",
                               timeOf(step[isRated ? "lost_us" : "us_median"])});
    if (hasThreads)
      cells.push_back(step.contains("imbalance_us") ? timeOf(step["imbalance_us"]) : "-");
    if (hasCounts) {
      double cycles = step.value("cycles", 0.0), instructions = step.value("instructions", 0.0);
      cells.insert(cells.end(), {fixed(cycles, 0), cycles > 0 ? fixed(instructions / cycles, 2) : "-",
                                 fixed(step.value("llc_misses", 0.0), 0)});
    }
    return row(cells);
  }

  /// A row without rates.
  std::string total(const std::string &name, double microseconds, const std::string &least,
                    const std::string &most) const {
    std::vector<std::string> cells = timeCells(name, "", "", microseconds, whole);
    cells.insert(cells.end(), {least, most});
    cells.resize(11 + hasThreads + 3 * hasCounts);
    return row(cells);
  }

  static std::string waitingName(const std::string &field) {
    return field == "imbalance_us"  ? "for slower threads"
           : field == "barriers_us" ? "at barriers"
           : field == "edges_us"    ? "at the begin and the end"
           : field == "overlap_us"  ? "overlap of kernels"
                                    : field;
  }

  const Json &profile;
  double whole;
  bool hasThreads, hasCounts;
};

} // namespace

std::string profileText(const Json &profile) {
  std::string text =
      concat("device: ", textOf(profile["device"]), "; ", textOf(profile["ceiling_memory"]), " ceiling ",
             fixed(numberOf(profile["ceiling_GBps"]), 1), " GB/s, ", textOf(profile["ceiling_instruction"]));
  if (profile.contains("ceiling_TFLOPs"))
    text += concat(" ceiling ", fixed(numberOf(profile["ceiling_TFLOPs"]), 3), " TFLOP/s");
  text += concat("\nmodel: ", textOf(profile["model"]), ", ", textOf(profile["dtype"]), "\n\n");
  double rows = numberOf(profile["rows"]), threads = numberOf(profile["threads"]);
  std::string programs;
  for (const Json &program : profile["programs"])
    programs += (programs.empty() ? "" : ", ") + textOf(program);
  text += concat(
      textOf(profile["name"]), threads > 0 ? concat(", ", threads, threads == 1 ? " thread" : " threads") : "",
      numberOf(profile["prompt"]) > 0 ? ": a prompt of " : ": a step of ", rows, rows == 1 ? " row" : " rows", ", by ",
      programs, "; microseconds, medians of ", countOf(profile["runs"]), " runs\n\n", StepTable(profile).text());
  double observed = numberOf(profile["observed_us"]), whole = numberOf(profile["total_us"]);
  if (whole > 0)
    text += concat("\nSteps and waiting are ",
                   percent((numberOf(profile["steps_us"]) + numberOf(profile["waiting_us"])) / whole),
                   " of the whole. Timing each launch makes it ", fixed(observed, 1), " us (",
                   observed < whole ? "" : "+", percent(observed / whole - 1), ").\n");
  if (profile.contains("counters") && profile["counters"].is_string())
    text += concat("No hardware counters: ", textOf(profile["counters"]), ".\n");
  return text;
}

} // namespace quipu::tool
