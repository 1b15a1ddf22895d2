//===- CudaVariant.h - What of a plan a GPU can run -------------------------*- C++ -*-===//
//
// A cubin runs on the architecture that it was assembled for. PTX of a plain architecture (sm_80) is assembled by the
// driver for that one and all later ones, PTX of one with a letter (sm_90a) for that one alone.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAVARIANT_H
#define QUIPU_RUNTIME_CUDA_CUDAVARIANT_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaProperties.h"

#include <string>
#include <string_view>

namespace quipu {

/// What the GPU can run of the plan, the best first: cubins of the first variant, its PTX, cubins of the second
/// variant, and so on. `driverVersion`: as Driver::version. `wanted`: isa of the only variant to look at; empty: all.
/// It may also be the isa of the variant's code: "sm_86" means the variant for sm_80 whose cubins are for sm_86. Throws
/// Error that says for each variant why the GPU cannot run it.
std::vector<PlanChoice> chooseCudaVariants(const plan::Plan &plan, const std::string &planName,
                                           const std::string &wanted, const CudaProperties &gpu, int driverVersion);

/// Version of the first CUDA release (as Driver::version) whose driver assembles a PTX version (86 for 8.6).
int driverForPtx(uint32_t ptxVersion);

/// Architecture number of an isa: 90 for "sm_90a". 0 for a text that is not an isa.
int isaNumber(std::string_view isa);

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAVARIANT_H
