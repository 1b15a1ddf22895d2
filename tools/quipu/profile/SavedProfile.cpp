//===- SavedProfile.cpp - Profiles in files ----------------------------------------------===//

#include "tools/quipu/profile/SavedProfile.h"
#include "runtime/support/Error.h"
#include "runtime/support/MappedFile.h"

#include <filesystem>
#include <initializer_list>
#include <string_view>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static constexpr const char *kExpected = "; expected is what quipu profile --json printed";

static std::string_view textOf(const MappedFile &file) {
  return {reinterpret_cast<const char *>(file.data()), file.size()};
}

/// A model's config says what the model is. What is no JSON at all is no config either, and the profile's reader says
/// where it breaks off.
bool isSavedProfile(const std::string &path) {
  std::error_code error;
  if (std::filesystem::path(path).extension() != ".json" || !std::filesystem::is_regular_file(path, error))
    return false;
  Json json = Json::parse(textOf(*MappedFile::open(path, "profile")), nullptr, /*allow_exceptions=*/false);
  return !json.is_object() || json.contains("steps") ||
         !(json.contains("architectures") || json.contains("model_type") || json.contains("hidden_size"));
}

namespace {

/// Says of a value of the file what it must be.
class Reader {
public:
  explicit Reader(const std::string &path) : path(path) {}

  void need(const Json &object, const std::string &where, Json::value_t type,
            std::initializer_list<const char *> names) const {
    for (const char *name : names) {
      auto found = object.find(name);
      std::string full = where.empty() ? name : where + "." + name;
      if (found == object.end())
        fail(path, ": no profile: ", full, " is missing", kExpected);
      bool isRight = type == Json::value_t::number_float ? found->is_number() : found->type() == type;
      if (!isRight)
        fail(path, ": no profile: ", full, " is ", found->type_name(), ", not ", Json(type).type_name(), kExpected);
    }
  }

private:
  const std::string &path;
};

} // namespace

Json readProfile(const std::string &path) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path, "profile");
  Json json;
  try {
    json = Json::parse(textOf(*file));
  } catch (const Json::parse_error &error) {
    fail(path, ": is not JSON (it breaks off at byte ", error.byte, ")", kExpected);
  }
  if (!json.is_object())
    fail(path, ": no profile: it has ", json.type_name(), " in place of an object", kExpected);
  Reader reader(path);
  using Type = Json::value_t;
  reader.need(json, "", Type::array, {"steps", "programs"});
  reader.need(json, "", Type::string, {"name", "device", "model", "dtype", "ceiling_memory", "ceiling_instruction"});
  reader.need(json, "", Type::object, {"waiting"});
  reader.need(json, "", Type::number_float,
              {"prompt", "generated", "depth", "batch", "threads", "rows", "runs", "steps_us", "waiting_us", "total_us",
               "total_us_min", "total_us_max", "observed_us", "ceiling_GBps"});
  for (size_t i = 0; i < json["steps"].size(); ++i) {
    const Json &step = json["steps"][i];
    std::string where = concat("steps[", i, "]");
    if (!step.is_object())
      fail(path, ": no profile: ", where, " is ", step.type_name(), ", not object", kExpected);
    reader.need(step, where, Type::string, {"name", "place", "kernel"});
    reader.need(step, where, Type::number_float,
                {"count", "us_min", "us_median", "us_max", "bytes", "flops", "GBps", "TFLOPs", "of_ceiling"});
    if (!step.contains("lost_us") || !(step["lost_us"].is_null() || step["lost_us"].is_number()))
      fail(path, ": no profile: ", where, ".lost_us is neither a number nor null", kExpected);
  }
  return json;
}

} // namespace quipu::tool
