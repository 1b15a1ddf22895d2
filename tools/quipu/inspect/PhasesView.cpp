//===- PhasesView.cpp - What each phase of the compiler did ------------------------------===//

#include "tools/quipu/inspect/PhasesView.h"

#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/inspect/Columns.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static int64_t sumOf(const Json &counts) {
  int64_t sum = 0;
  for (const Json &count : counts)
    sum += count.get<int64_t>();
  return sum;
}

/// How many ops of each name are more (or less) than before. First those that are less.
static Json changesOf(const Json &before, const Json &after) {
  std::map<std::string, int64_t> changes;
  for (const auto &[name, count] : before.items())
    changes[name] -= count.get<int64_t>();
  for (const auto &[name, count] : after.items())
    changes[name] += count.get<int64_t>();
  Json less = Json::object(), more = Json::object();
  for (const auto &[name, change] : changes)
    if (change != 0)
      (change < 0 ? less : more)[name] = change;
  less.update(more);
  return less;
}

Json phasesJson(const PhaseHistory &history) {
  Json phases = Json::array(), timing = Json::array();
  Json before = Json::object();
  for (const Json &phase : history.phases()) {
    const Json &operations = phase.at("operations");
    phases.push_back({{"name", phase.at("name")},
                      {"us", phase.at("seconds").get<double>() * 1e6},
                      {"ops", sumOf(operations)},
                      {"operations", operations},
                      {"changes", changesOf(before, operations)},
                      {"fired", phase.at("statistics")}});
    before = operations;
  }
  for (const Json &part : history.timing())
    timing.push_back({{"name", part.at("name")}, {"us", part.at("seconds").get<double>() * 1e6}});
  return {{"phases", phases}, {"timing", timing}};
}

/// Words with commas between them, in lines of at most so many characters, which begin with blanks.
static std::string wrapped(const std::vector<std::string> &words, size_t indent) {
  constexpr size_t kWidth = 110;
  std::string text, line;
  for (const std::string &word : words) {
    if (!line.empty() && indent + line.size() + 2 + word.size() > kWidth) {
      text += std::string(indent, ' ') + line + ",\n";
      line.clear();
    }
    line += (line.empty() ? "" : ", ") + word;
  }
  return line.empty() ? text : text + std::string(indent, ' ') + line + "\n";
}

std::string phasesText(const Json &view) {
  constexpr size_t kNames = 30;
  std::string result = concat(padded("phase", kNames), "    ops         us\n");
  bool isFirst = true;
  for (const Json &phase : view["phases"]) {
    result += concat(padded(phase["name"], kNames), paddedLeft(std::to_string(phase["ops"].get<int64_t>()), 7),
                     paddedLeft(fixed(phase["us"].get<double>(), 0), 11), "\n");
    std::vector<std::string> words;
    for (const auto &[op, change] : phase["changes"].items())
      words.push_back(concat(change.get<int64_t>() > 0 && !isFirst ? "+" : "", change.get<int64_t>(), " ", op));
    result += wrapped(words, 4);
    for (const Json &fired : phase["fired"])
      if (fired["count"].get<uint64_t>() > 0)
        result += concat("    fired: ", fired["count"].get<uint64_t>(), " ", fired["name"].get<std::string>(), " (",
                         fired["description"].get<std::string>(), ")\n");
    isFirst = false;
  }
  result += "\nall of the compilation\n";
  for (const Json &part : view["timing"]) {
    result += concat(padded(part["name"], kNames + 7), paddedLeft(fixed(part["us"].get<double>(), 0), 11), "\n");
  }
  return result;
}

} // namespace quipu::tool
