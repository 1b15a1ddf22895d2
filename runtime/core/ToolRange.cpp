//===- ToolRange.cpp - Named times for profilers -----------------------------------------===//

#include "runtime/core/ToolRange.h"

#include <cstdint>
#include <nvtx3/nvToolsExt.h>

namespace quipu {

/// Null if there is no profiler: NVTX gives no domain then.
static nvtxDomainHandle_t domain() {
  static const nvtxDomainHandle_t handle = [] {
    nvtxDomainHandle_t created = nvtxDomainCreateA("quipu");
    if (!created)
      return created;
    nvtxDomainNameCategoryA(created, uint32_t(RangeKind::Load), "load");
    nvtxDomainNameCategoryA(created, uint32_t(RangeKind::Phase), "phase");
    nvtxDomainNameCategoryA(created, uint32_t(RangeKind::Step), "step");
    nvtxDomainNameCategoryA(created, uint32_t(RangeKind::Kernel), "kernel");
    return created;
  }();
  return handle;
}

bool rangesWanted() { return domain(); }

void ToolRange::begin(RangeKind kind, const std::string &name) {
  nvtxEventAttributes_t attributes = {};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.category = uint32_t(kind);
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = name.c_str();
  nvtxDomainRangePushEx(domain(), &attributes);
}

void ToolRange::end() { nvtxDomainRangePop(domain()); }

} // namespace quipu
