//===- Setting.cpp - What a benchmark ran on ---------------------------------------------===//

#include "runtime/core/Device.h"
#include "runtime/support/Error.h"
#include "tools/common/Build.h"
#include "tools/quipu/WeightTypes.h"
#include "tools/quipu/bench/Report.h"

namespace quipu::tool {

BenchSetting BenchSetting::of(const Model &model, const std::string &planPath, const Ceilings &ceilings) {
  BenchSetting setting;
  setting.model = model.config().name() ? model.config().name()->str() : planPath;
  setting.dtype = plan::EnumNameDType(model.config().compute_dtype());
  setting.dtypeColumn = dtypeText(model.plan());
  setting.kvDtype = plan::EnumNameDType(model.plan().kv_cache()->dtype());
  setting.weightBytes = model.weightBytes();
  const plan::Target &target = *model.plan().target();
  // For a CUDA plan the variant that runs. For a CPU the target that was asked for, or else the machine's.
  bool isNamed = target.device()->string_view() == "cpu" && target.requested() && target.requested()->size() > 0;
  setting.target = concat(target.device()->str(), ":", isNamed ? target.requested()->str() : model.variantIsa());
  setting.device = model.device().description();
  if (std::optional<MemoryInfo> memory = model.device().memoryInfo())
    setting.deviceMemoryUsed = memory->total - memory->free;
  setting.memoryCeiling = ceilings.bytesName();
  setting.arithmeticCeiling = ceilings.operationsName();
  setting.version = kBuildVersion;
  setting.commit = kBuildCommit;
  return setting;
}

} // namespace quipu::tool
