//===- Report.cpp - quipu inspect --html: one page about a model --------------------------===//

#include "tools/quipu/report/Report.h"

#include "runtime/support/Error.h"
#include "tools/quipu/bench/Bench.h"
#include "tools/quipu/profile/ProfileJson.h"
#include "tools/quipu/report/ReportData.h"
#include "tools/quipu/report/ReportPage.h"
#include "tools/quipu/report/ScriptText.h"

#include <algorithm>
#include <vector>

namespace quipu::tool {

/// Tokens that are generated for a profile.
static constexpr uint32_t kProfiledTokens = 8;

static nlohmann::ordered_json measureProfile(const std::shared_ptr<const PlanFile> &plan, const std::string &source) {
  ProfilerOptions options;
  options.test.generated = std::min(kProfiledTokens, plan->plan().kv_cache()->max_seq());
  const std::vector<BenchTest> tests = {options.test};
  checkTests(*plan, tests);
  std::shared_ptr<const Model> model = Model::load(plan, benchModelOptions({}, /*weightsGiven=*/false, *plan, tests));
  std::unique_ptr<Ceilings> ceilings = Ceilings::create(*model, /*pin=*/false);
  Progress progress("measure", profiledSteps(*model, options), Progress::Unit::Items, "step");
  return profileJson(profileModel(model, *ceilings, options, source, progress));
}

std::string reportPage(const std::shared_ptr<const PlanFile> &plan, const std::string &source, bool withProfile,
                       const std::string &ceilings) {
  nlohmann::ordered_json profile = withProfile ? measureProfile(plan, source) : nullptr;
  nlohmann::ordered_json data = reportData(*plan, source, profile, ceilings, kPageBefore.size() + kPageAfter.size());
  return concat(kPageBefore, scriptText(data), kPageAfter);
}

} // namespace quipu::tool
