//===- Cache.cpp - quipu cache: the plans compiled on the fly ----------------------------===//

#include "runtime/plan/PlanFile.h"
#include "runtime/support/Error.h"
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
/// A plan of the cache, for the list.
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

static Listed describe(const CachedFile &cached) {
  Listed listed;
  listed.date = dateOf(cached.path);
  try {
    std::shared_ptr<const PlanFile> file = PlanFile::open(cached.path);
    const plan::Plan &plan = file->plan();
    auto text = [](const flatbuffers::String *string) { return string ? string->str() : std::string(); };
    // The folder's name says more than the name in the config, because many models have the same. Rounded weights lie
    // here, whatever folder the model is in.
    if (plan.files() && plan.files()->size() > 0 && !isOwnWeightFile(*plan.files()->Get(0)))
      listed.model = fs::path(text(plan.files()->Get(0)->path())).parent_path().string();
    else
      listed.model = text(plan.config()->name()) + (plan.files() && plan.files()->size() > 0 ? "" : " (no weights)");
    listed.target = text(plan.target()->device()) + ":" + text(plan.target()->isa());
    listed.dtype = plan::EnumNameDType(plan.config()->compute_dtype());
  } catch (const Error &) {
    listed.model = "(damaged, or of another version; compiled anew when it is needed)";
  }
  return listed;
}

static std::string leftoversText(size_t count, uint64_t bytes) {
  return concat(count, count == 1 ? " unfinished file" : " unfinished files", " of killed compilers, ",
                binaryBytes(double(bytes)));
}

static int listCache(const std::string &folder, bool json) {
  CacheContents contents = readCache(folder);
  if (json) {
    nlohmann::ordered_json plans = nlohmann::ordered_json::array();
    for (const CachedFile &plan : contents.plans) {
      Listed listed = describe(plan);
      plans.push_back({{"file", plan.path},
                       {"bytes", plan.bytes},
                       {"date", listed.date},
                       {"model", listed.model},
                       {"target", listed.target},
                       {"dtype", listed.dtype}});
    }
    out().write(jsonText({{"folder", folder},
                          {"plans", plans},
                          {"leftovers", contents.leftovers.size()},
                          {"others", contents.others}}) +
                "\n");
    return 0;
  }
  for (const CachedFile &plan : contents.plans) {
    Listed listed = describe(plan);
    std::string size = binaryBytes(double(plan.bytes));
    size.resize(std::max<size_t>(size.size(), 10), ' ');
    out().write(concat(listed.date, "  ", size, "  ", listed.target, listed.target.empty() ? "" : "  ", listed.dtype,
                       listed.dtype.empty() ? "" : "  ", printableLine(listed.model), "\n"));
  }
  out().write(plansText(contents.plans.size(), totalBytes(contents.plans)) + " in " + folder + "\n");
  if (!contents.leftovers.empty())
    out().write(leftoversText(contents.leftovers.size(), totalBytes(contents.leftovers)) + "; clear deletes them\n");
  return 0;
}

namespace {
/// Deletes files, and counts them.
struct Deletion {
  size_t count = 0;
  uint64_t bytes = 0;
  /// Why the last file that could not be deleted was not deleted.
  std::string problem;

  void remove(const std::vector<CachedFile> &files) {
    for (const CachedFile &file : files) {
      std::error_code error;
      if (removeCached(file, error)) {
        ++count;
        bytes += file.bytes;
      } else if (error) {
        problem = concat(file.path, ": cannot be deleted: ", error.message());
      }
    }
  }
};
} // namespace

static int clearCache(const std::string &folder) {
  CacheContents contents = readCache(folder);
  Deletion plans, leftovers;
  plans.remove(contents.plans);
  leftovers.remove(contents.leftovers);
  out().write("deleted " + plansText(plans.count, plans.bytes) + ", from " + folder + "\n");
  if (leftovers.count)
    out().write("deleted " + leftoversText(leftovers.count, leftovers.bytes) + "\n");
  if (contents.others)
    out().write(concat("left ", contents.others,
                       contents.others == 1 ? " thing that is no plan" : " things that are no plans",
                       " of the cache\n"));
  for (const Deletion *deletion : {&plans, &leftovers})
    if (!deletion->problem.empty())
      throw Error(deletion->problem);
  return 0;
}

void addCache(CLI::App &program, Action &action) {
  auto what = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App *command = program.add_subcommand("cache", "List or delete the plans that were compiled on the fly");
  command->footer("Example:\n  quipu cache list\n  quipu cache clear");
  command
      ->add_option(
          "ACTION", *what,
          "list: what there is; clear: delete the plans and what killed compilers left, and nothing else in the folder")
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
