//===- CpuFeatures.h - What this CPU can do ---------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_CPUFEATURES_H
#define QUIPU_RUNTIME_CPU_CPUFEATURES_H

#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Features of this CPU in LLVM's names ("avx2", "avx512bf16", "amx-tile"), those only whose registers the operating
/// system saves. Sorted.
const std::vector<std::string> &cpuFeatures();

bool hasCpuFeature(std::string_view feature);

/// "AMD EPYC 9755 ...".
std::string cpuModelName();

/// Asks the system for the right to use AMX tiles, for all threads of the process; false when it refuses.
bool requestAmx();

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_CPUFEATURES_H
