//===- WeightsView.cpp - From tensors in files to weights in memory ----------------------===//

#include "tools/quipu/inspect/WeightsView.h"

#include "runtime/abi/WeightFormat.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/inspect/Columns.h"
#include "tools/quipu/inspect/ModuleDiff.h"
#include "tools/quipu/inspect/PlanJson.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

namespace {

/// A name and the layer in it: "layers.{}.mlp.up_proj" and 3.
struct FoldedName {
  explicit FoldedName(std::string name) : text(std::move(name)) {
    for (size_t begin = 0; begin < text.size();) {
      size_t end = std::min(text.find('.', begin), text.size());
      if (end > begin && std::all_of(text.begin() + ptrdiff_t(begin), text.begin() + ptrdiff_t(end),
                                     [](char c) { return c >= '0' && c <= '9'; })) {
        layer = std::stoul(text.substr(begin, end - begin));
        text.replace(begin, end - begin, "{}");
        return;
      }
      begin = end + 1;
    }
  }

  std::string text;
  Json layer = nullptr;
};

/// Least, mean and greatest of some numbers.
class Spread {
public:
  void add(double number) {
    least = count == 0 ? number : std::min(least, number);
    most = std::max(most, number);
    sum += number;
    ++count;
  }
  Json json() const {
    return count == 0 ? Json(nullptr) : Json{{"least", least}, {"mean", sum / double(count)}, {"most", most}};
  }

private:
  double least = 0, most = 0, sum = 0;
  size_t count = 0;
};

/// Weights of layers that differ in their layer, offsets and errors alone.
struct AlikeWeights {
  Json first;
  std::vector<Json> layers;
  uint64_t bytes = 0;
  Spread error;
};

} // namespace

/// What must be the same in all layers of a line.
static std::string keyOf(const Json &weight) {
  std::string key = concat(weight["folded"].get<std::string>(), " ", weight["dtype"].get<std::string>(), " ",
                           weight["shape"].dump(), " ", weight["transform"].get<std::string>());
  for (const Json &source : weight["sources"]) {
    Json same = source;
    for (const char *field : {"file", "offset", "pieces", "rounding_error"})
      same.erase(field);
    for (const char *field : {"name", "name_in_file"})
      if (same.contains(field))
        same[field] = FoldedName(same[field].get<std::string>()).text;
    key += same.dump();
  }
  return key;
}

static void addShare(Json &shares, const std::string &name, uint64_t bytes) {
  Json &share = shares[name];
  if (share.is_null())
    share = {{"count", 0}, {"bytes", 0}};
  share["count"] = share["count"].get<uint64_t>() + 1;
  share["bytes"] = share["bytes"].get<uint64_t>() + bytes;
}

Json weightsJson(const PlanFile &file) {
  const plan::Plan &plan = file.plan();
  Json files = Json::array(), weights = Json::array();
  if (plan.files())
    for (const plan::WeightFile *weightFile : *plan.files())
      files.push_back({{"path", text(weightFile->path())}, {"size", weightFile->size()}});
  Json byTransform = Json::object(), byFormat = Json::object();
  Spread errors;
  uint64_t total = 0;
  for (const plan::Weight *weight : *plan.weights()) {
    Json item = weightJson(*weight);
    FoldedName name(item["name"].get<std::string>());
    uint64_t bytes = weightBytes(*weight);
    item["bytes"] = bytes;
    item["layer"] = name.layer;
    item["folded"] = name.text;
    for (const Json &source : item["sources"])
      if (source.contains("rounding_error"))
        errors.add(source["rounding_error"]);
    addShare(byTransform, item["transform"], bytes);
    addShare(byFormat, item["dtype"], bytes);
    total += bytes;
    weights.push_back(std::move(item));
  }
  return {{"files", files},
          {"weights", weights},
          {"totals",
           {{"count", plan.weights()->size()},
            {"bytes", total},
            {"by_transform", byTransform},
            {"by_format", byFormat},
            {"rounding_error", errors.json()}}}};
}

static std::string percent(const Json &share) { return fixed(100 * share.get<double>(), 3) + " %"; }

/// "0.352 %, 0.340 % to 0.361 %"; empty: nothing was rounded.
static std::string errorText(const Json &error) {
  if (error.is_null())
    return "";
  std::string text = percent(error["mean"]);
  if (error["least"] != error["most"])
    text += concat(" on average, ", percent(error["least"]), " to ", percent(error["most"]));
  return text;
}

/// "[192:384, 0:64]"
static std::string sliceText(const Json &source) {
  if (!source.contains("slice"))
    return "";
  const Json &slice = source["slice"];
  auto range = [&](const char *first, const char *count) {
    uint64_t begin = slice[first];
    return concat(begin, ":", begin + slice[count].get<uint64_t>());
  };
  return concat("[", range("first_row", "rows"), ", ", range("first_column", "columns"), "]");
}

/// "model.layers.{}.self_attn.q_proj.weight (bf16, file 0)"
static std::string sourceText(const Json &source) {
  std::string name = source.contains("name_in_file") ? source["name_in_file"] : source["name"];
  std::string text = concat(FoldedName(name).text, sliceText(source), " (", source["dtype"].get<std::string>());
  if (source.contains("file"))
    text += concat(", file ", source["file"].get<uint64_t>());
  else if (source.contains("pieces"))
    text += concat(", ", source["pieces"].size(), " pieces");
  if (source.contains("order"))
    text += concat(", rows ", source["order"].get<std::string>());
  return text + ")";
}

static std::string shapeOf(const Json &weight) {
  std::string text;
  for (const Json &size : weight["shape"])
    text += (text.empty() ? "" : "x") + size.dump();
  return text;
}

static std::string layersOf(const std::vector<Json> &layers) {
  if (layers.front().is_null())
    return "-";
  std::string text = alikeLayersText(layers);
  text = text.substr(text.find(' ') + 1);
  return text.substr(0, text.find(", "));
}

static std::string totalsText(const Json &totals) {
  std::string text = concat(totals["count"].get<uint64_t>(), " weights, ",
                            decimalBytes(double(totals["bytes"].get<uint64_t>())), " in memory\n");
  for (const auto &[field, title] :
       {std::pair("by_transform", "  by transform: "), std::pair("by_format", "  by format:    ")}) {
    std::string list;
    for (const auto &[name, share] : totals[field].items())
      list += concat(list.empty() ? "" : "; ", name, " ", share["count"].get<uint64_t>(), " of ",
                     decimalBytes(double(share["bytes"].get<uint64_t>())));
    text += title + list + "\n";
  }
  if (std::string error = errorText(totals["rounding_error"]); !error.empty())
    text += concat("  rounded with errors of ", error, " (root mean square, of that of the values)\n");
  return text;
}

std::string weightsViewText(const Json &view) {
  std::vector<AlikeWeights> lines;
  std::vector<std::string> keys;
  for (const Json &weight : view["weights"]) {
    std::string key = keyOf(weight);
    size_t number = size_t(std::ranges::find(keys, key) - keys.begin());
    if (number == keys.size()) {
      keys.push_back(key);
      lines.emplace_back().first = weight;
    }
    AlikeWeights &line = lines[number];
    line.layers.push_back(weight["layer"]);
    line.bytes += weight["bytes"].get<uint64_t>();
    for (const Json &source : weight["sources"])
      if (source.contains("rounding_error"))
        line.error.add(source["rounding_error"]);
  }
  std::string text;
  for (size_t i = 0; i < view["files"].size(); ++i)
    text += concat("file ", i, ": ", view["files"][i]["path"].get<std::string>(), ", ",
                   decimalBytes(double(view["files"][i]["size"].get<uint64_t>())), "\n");
  text += concat(text.empty() ? "" : "\n", padded("weight", 38), padded("layers", 8), padded("shape", 12),
                 padded("format", 7), paddedLeft("bytes", 11), "  ", padded("transform", 10), "from\n");
  for (const AlikeWeights &line : lines) {
    std::string sources;
    for (const Json &source : line.first["sources"])
      sources += (sources.empty() ? "" : " and ") + sourceText(source);
    std::string error = errorText(line.error.json());
    text += concat(padded(line.first["folded"], 38), padded(layersOf(line.layers), 8), padded(shapeOf(line.first), 12),
                   padded(line.first["dtype"], 7), paddedLeft(std::to_string(line.bytes), 11), "  ",
                   padded(line.first["transform"], 10), sources, error.empty() ? "" : ", error " + error, "\n");
  }
  return text + "\n" + totalsText(view["totals"]);
}

} // namespace quipu::tool
