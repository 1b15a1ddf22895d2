//===- Cache.cpp - quipu cache: the plans compiled on the fly ----------------------------===//

#include "runtime/core/Error.h"
#include "runtime/plan/PlanFile.h"
#include "tools/common/Console.h"
#include "tools/common/Escape.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/PlanCache.h"

#include <ctime>
#include <filesystem>
#include <memory>
#include <sys/stat.h>

namespace fs = std::filesystem;

namespace quipu::tool {

namespace {
/// A plan of the cache as it is listed.
struct Listed {
  std::string model, target, dtype, date;
};
} // namespace

static std::string dateOf(const std::string &path) {
  struct stat status;
  tm local = {};
  char text[32] = "";
  if (stat(path.c_str(), &status) == 0 && localtime_r(&status.st_mtim.tv_sec, &local))
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &local);
  return text;
}

static Listed describe(const CachedPlan &cached) {
  Listed listed;
  listed.date = dateOf(cached.path);
  try {
    std::shared_ptr<const PlanFile> file = PlanFile::open(cached.path);
    const plan::Plan &plan = file->plan();
    auto text = [](const flatbuffers::String *string) { return string ? string->str() : std::string(); };
    // The folder says more than the name in the config, which many models share.
    if (plan.files() && plan.files()->size() > 0)
      listed.model = fs::path(text(plan.files()->Get(0)->path())).parent_path().string();
    else
      listed.model = text(plan.config()->name()) + " (no weights)";
    listed.target = text(plan.target()->device()) + ":" + text(plan.target()->isa());
    listed.dtype = plan::EnumNameDType(plan.config()->compute_dtype());
  } catch (const Error &) {
    listed.model = "(damaged, or of another version; compiled anew when it is needed)";
  }
  return listed;
}

static std::string plural(size_t count) { return concat(count, count == 1 ? " plan" : " plans"); }

static uint64_t totalBytes(const CacheContents &contents) {
  uint64_t bytes = 0;
  for (const CachedPlan &plan : contents.plans)
    bytes += plan.bytes;
  return bytes;
}

static int listCache(const std::string &folder, bool json) {
  CacheContents contents = readCache(folder);
  if (json) {
    nlohmann::ordered_json plans = nlohmann::ordered_json::array();
    for (const CachedPlan &plan : contents.plans) {
      Listed listed = describe(plan);
      plans.push_back({{"file", plan.path},
                       {"bytes", plan.bytes},
                       {"date", listed.date},
                       {"model", listed.model},
                       {"target", listed.target},
                       {"dtype", listed.dtype}});
    }
    out().write(jsonText({{"folder", folder}, {"plans", plans}, {"others", contents.others}}) + "\n");
    return 0;
  }
  for (const CachedPlan &plan : contents.plans) {
    Listed listed = describe(plan);
    std::string size = binaryBytes(double(plan.bytes));
    size.resize(std::max<size_t>(size.size(), 10), ' ');
    out().write(concat(listed.date, "  ", size, "  ", listed.target, listed.target.empty() ? "" : "  ", listed.dtype,
                       listed.dtype.empty() ? "" : "  ", printableLine(listed.model), "\n"));
  }
  out().write(
      concat(plural(contents.plans.size()), ", ", binaryBytes(double(totalBytes(contents))), " in ", folder, "\n"));
  return 0;
}

static int clearCache(const std::string &folder) {
  CacheContents contents = readCache(folder);
  size_t deleted = 0;
  uint64_t bytes = 0;
  std::string problem;
  for (const CachedPlan &plan : contents.plans) {
    std::error_code error;
    if (fs::remove(plan.path, error)) {
      ++deleted;
      bytes += plan.bytes;
    } else if (error) {
      problem = concat(plan.path, ": cannot be deleted: ", error.message());
    }
  }
  out().write(concat("deleted ", plural(deleted), ", ", binaryBytes(double(bytes)), ", from ", folder, "\n"));
  if (contents.others)
    out().write(concat("left ", contents.others, " other ", contents.others == 1 ? "thing" : "things",
                       " that Quipu did not put there\n"));
  if (!problem.empty())
    throw Error(problem);
  return 0;
}

void addCache(CLI::App &program, Action &action) {
  auto what = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App *command = program.add_subcommand("cache", "List or delete the plans that were compiled on the fly");
  command->footer("Example:\n  quipu cache list\n  quipu cache clear");
  command
      ->add_option("ACTION", *what,
                   "list: what there is; clear: delete the plans, and nothing else that lies in the folder")
      ->required()
      ->check(CLI::IsMember({"list", "clear"}));
  CLI::Option *jsonOption = command->add_flag("--json", *json, "Print one object (list)");
  command->callback([what, json, jsonOption, &action] {
    action = [what, json, jsonOption] {
      if (*what == "clear" && jsonOption->count())
        throw UsageError("--json goes with list");
      std::string folder = cacheFolder();
      if (folder.empty())
        fail("there is no cache: none of QUIPU_CACHE, XDG_CACHE_HOME and HOME is set");
      return *what == "clear" ? clearCache(folder) : listCache(folder, *json);
    };
  });
}

} // namespace quipu::tool
