//===- Compare.cpp - Two profiles side by side -------------------------------------------===//

#include "tools/quipu/profile/Compare.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// The parts of a test that decide what work a step does.
static constexpr const char *kTestFields[] = {"prompt", "depth", "batch"};

void checkSameKind(const NamedProfile &a, const NamedProfile &b) {
  bool isSame = (a.profile["generated"] > 0) == (b.profile["generated"] > 0);
  for (const char *field : kTestFields)
    isSame &= a.profile[field] == b.profile[field];
  if (!isSame)
    fail(a.name, " is a profile of ", a.profile["name"].get<std::string>(), ", ", b.name, " of ",
         b.profile["name"].get<std::string>(),
         ": their steps do different work; profile both with the same -p or -n, -d and -b");
}

namespace {
struct Place {
  std::string name;
  std::optional<double> a, b;

  double difference() const { return b.value_or(0) - a.value_or(0); }
};
} // namespace

/// Time at each place of both. The kernels at a place differ between targets and schedules, so their entries are added
/// up.
static std::vector<Place> placesOf(const Json &a, const Json &b) {
  std::vector<Place> places;
  auto add = [&](const Json &profile, std::optional<double> Place::*side) {
    for (const Json &step : profile["steps"]) {
      std::string name = step["place"];
      auto found = std::ranges::find(places, name, &Place::name);
      if (found == places.end())
        found = places.insert(places.end(), {name, {}, {}});
      std::optional<double> &time = (*found).*side;
      time = time.value_or(0) + step["us_median"].get<double>();
    }
  };
  add(a, &Place::a);
  add(b, &Place::b);
  std::ranges::sort(places, {},
                    [](const Place &place) { return std::pair(-std::abs(place.difference()), place.name); });
  return places;
}

static Json sideBySide(std::optional<double> a, std::optional<double> b) {
  Json json = {{"us_a", a ? Json(*a) : Json()},
               {"us_b", b ? Json(*b) : Json()},
               {"difference_us", b.value_or(0) - a.value_or(0)},
               {"ratio", a && b && *a > 0 ? Json(*b / *a) : Json()}};
  return json;
}

static Json sideJson(const NamedProfile &side) {
  Json json = {{"profile", side.name}};
  for (const char *field : {"name", "model", "dtype", "device", "threads", "ceiling_GBps", "ceiling_TFLOPs"})
    if (side.profile.contains(field))
      json[field == std::string("name") ? "test" : field] = side.profile[field];
  return json;
}

Json compareProfiles(const NamedProfile &a, const NamedProfile &b) {
  checkSameKind(a, b);
  Json json = {{"a", sideJson(a)}, {"b", sideJson(b)}, {"places", Json::array()}};
  for (const Place &place : placesOf(a.profile, b.profile)) {
    Json each = {{"place", place.name}};
    each.update(sideBySide(place.a, place.b));
    json["places"].push_back(std::move(each));
  }
  for (auto [name, field] : {std::pair("steps", "steps_us"), {"waiting", "waiting_us"}, {"total", "total_us"}})
    json[name] = sideBySide(a.profile[field].get<double>(), b.profile[field].get<double>());
  return json;
}

static std::string comparisonLine(const std::string &name, const Json &row) {
  auto number = [&](const char *field, int decimals) {
    return row[field].is_null() ? std::string("-") : fixed(row[field].get<double>(), decimals);
  };
  double difference = row["difference_us"];
  return concat("| ", name, " | ", number("us_a", 1), " | ", number("us_b", 1), " | ", difference > 0 ? "+" : "",
                fixed(difference, 1), " | ", number("ratio", 2), " |\n");
}

std::string comparisonText(const Json &comparison) {
  std::string text;
  for (const char *side : {"a", "b"}) {
    const Json &each = comparison[side];
    text += concat(side, ": ", each["profile"].get<std::string>(), " (", each["model"].get<std::string>(), ", ",
                   each["dtype"].get<std::string>(), "), ", each["test"].get<std::string>(), " on ",
                   each["device"].get<std::string>(), "; ceiling ", fixed(each["ceiling_GBps"].get<double>(), 1),
                   " GB/s\n");
  }
  text += "\n| place | us of a | us of b | b - a | b / a |\n| --- | ---: | ---: | ---: | ---: |\n";
  for (const Json &place : comparison["places"])
    text += comparisonLine(place["place"].get<std::string>(), place);
  return text + comparisonLine("all steps", comparison["steps"]) + comparisonLine("waiting", comparison["waiting"]) +
         comparisonLine("the whole, measured by itself", comparison["total"]);
}

} // namespace quipu::tool
