//===- CpuFeatures.h - What this CPU can do ---------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_CPUFEATURES_H
#define QUIPU_RUNTIME_CPU_CPUFEATURES_H

#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Features of this CPU, sorted, by LLVM's names ("avx2", "avx512bf16", "amx-tile"). A feature whose registers the
/// operating system does not save is left out.
const std::vector<std::string> &cpuFeatures();

bool hasCpuFeature(std::string_view feature);

/// "AMD EPYC 9755 ...".
std::string cpuModelName();

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_CPUFEATURES_H
