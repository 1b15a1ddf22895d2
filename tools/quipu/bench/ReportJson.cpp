//===- ReportJson.cpp - bench's results for programs -------------------------------------===//

#include "runtime/support/Error.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/bench/Report.h"
#include "tools/quipu/profile/ProfileJson.h"

#include <nlohmann/json.hpp>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static Json profileJson(const BenchResult &result) {
  const BenchRow &row = result.row;
  Json json = stepProfileJson(*row.profile, row.ceilingBytes, row.ceilingOperations);
  json["device"] = result.setting.device;
  return json;
}

/// Every field of a row except its profile. A field that does not apply is null. Programs read the names, so they must
/// not change.
static Json describe(const BenchResult &result) {
  const BenchSetting &setting = result.setting;
  const BenchRow &row = result.row;
  Json json = {{"name", row.test.name()},
               {"tok_s", row.rate.mean},
               {"median_tok_s", row.rate.median},
               {"stddev", row.rate.deviation},
               {"scatter", row.rate.scatter()},
               {"repeats", row.runs.size()},
               {"runs_tok_s", row.runs},
               {"prompt", row.test.prompt},
               {"generated", row.test.generated},
               {"scored", row.test.scored ? Json(row.test.scored) : Json()},
               {"depth", row.test.depth},
               {"batch", row.test.batch},
               {"threads", row.threads},
               {"bytes_per_token", row.work.bytes()},
               {"achieved_GBps", row.work.bytes() * row.rate.mean / 1e9},
               {"ceiling_GBps", row.ceilingBytes / 1e9},
               {"ceiling_memory", setting.memoryCeiling},
               {"flops_per_token", row.work.operations},
               {"achieved_TFLOPs", row.work.operations * row.rate.mean / 1e12},
               {"ceiling_TFLOPs", row.ceilingOperations > 0 ? Json(row.ceilingOperations / 1e12) : Json()},
               {"ceiling_instruction", setting.arithmeticCeiling},
               {"of_ceiling", row.ofCeiling ? Json(*row.ofCeiling) : Json()},
               {"bound", row.isMemoryBound ? "memory" : "compute"},
               {"model", setting.model},
               {"dtype", setting.dtype},
               {"kv_dtype", setting.kvDtype},
               {"weight_bytes", setting.weightBytes},
               {"target", setting.target},
               {"device", setting.device},
               {"device_memory_used", setting.deviceMemoryUsed ? Json(*setting.deviceMemoryUsed) : Json()},
               {"version", setting.version},
               {"commit", setting.commit}};
  return json;
}

std::string benchJson(const std::vector<BenchResult> &results) {
  Json rows = Json::array();
  for (const BenchResult &result : results) {
    Json row, fields = describe(result);
    for (const auto &[name, value] : fields.items())
      if (!value.is_null())
        row[name] = value;
    if (result.row.profile)
      row["profile"] = profileJson(result);
    rows.push_back(std::move(row));
  }
  return jsonText(rows) + "\n";
}

/// Texts and lists are in quotes. Quotes inside are doubled. Elements of lists are separated by blanks.
static std::string csvField(const Json &value) {
  if (value.is_null())
    return "";
  if (!value.is_string() && !value.is_array())
    return jsonText(value, -1);
  std::string text;
  if (value.is_string())
    text = value.get<std::string>();
  else
    for (const Json &item : value)
      text += (text.empty() ? "" : " ") + jsonText(item, -1);
  std::string quoted = "\"";
  for (char c : text)
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string benchCsv(const std::vector<BenchResult> &results) {
  std::string text;
  for (const BenchResult &result : results) {
    std::string names, values;
    Json fields = describe(result);
    for (const auto &[name, value] : fields.items()) {
      const char *separator = names.empty() ? "" : ",";
      names += separator + name;
      values += separator + csvField(value);
    }
    if (text.empty())
      text = names + "\n";
    text += values + "\n";
  }
  return text;
}

} // namespace quipu::tool
