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
/// Threads of a warp, and the greatest number of threads of a block.
inline constexpr uint64_t kWarpThreads = 32;
inline constexpr uint64_t kMaxBlockThreads = 1024;
/// Bytes of shared memory that a block may use on sm_90, the GPU with the most.
inline constexpr uint64_t kMaxSharedBytes = 227 * 1024;
/// The greatest number of blocks of a cluster on every GPU that has clusters.
inline constexpr uint64_t kMaxCluster = 8;
/// Tensor maps: the greatest number of rows of a box, and the bytes of a row of a box. The swizzle permutes 16-byte
/// chunks of these rows.
inline constexpr uint64_t kMaxBoxRows = 256;
inline constexpr uint64_t kSwizzleBytes = 128;
/// A tensor map as a parameter of a kernel.
inline constexpr uint64_t kTensorMapBytes = 128;
inline constexpr uint64_t kTensorMapAlignment = 64;

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_CUDALIMITS_H
