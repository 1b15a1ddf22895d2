//===- CudaLimits.h - What a CUDA device can launch -------------------------*- C++ -*-===//
//
// Bounds of every GPU that plans are compiled for. The compiler keeps to them and the runtime checks them.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_CUDALIMITS_H
#define QUIPU_RUNTIME_ABI_CUDALIMITS_H

#include <cstdint>

namespace quipu {

inline constexpr uint64_t kMaxGridX = 0x7fffffff;
inline constexpr uint64_t kMaxGridY = 65535;
/// Threads of a warp, and the most of a block.
inline constexpr uint64_t kWarpThreads = 32;
inline constexpr uint64_t kMaxBlockThreads = 1024;
/// Bytes of shared memory that a block of the GPU that has most of it, sm_90, may use.
inline constexpr uint64_t kMaxSharedBytes = 227 * 1024;
/// Blocks of a cluster that every GPU with clusters takes.
inline constexpr uint64_t kMaxCluster = 8;
/// Tensor maps: the most rows of a box, and the bytes of one of its rows, which the swizzle permutes.
inline constexpr uint64_t kMaxBoxRows = 256;
inline constexpr uint64_t kSwizzleBytes = 128;
/// A tensor map as a parameter of a kernel.
inline constexpr uint64_t kTensorMapBytes = 128;
inline constexpr uint64_t kTensorMapAlignment = 64;

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_CUDALIMITS_H
