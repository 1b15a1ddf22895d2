//===- CudaToolkit.h - Where parts of NVIDIA's toolkit lie ------------------*- C++ -*-===//
//
// Nothing of it is needed; what is found makes better plans and benchmarks. The compiler's code generator includes this
// page too.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_CUDATOOLKIT_H
#define QUIPU_RUNTIME_SUPPORT_CUDATOOLKIT_H

#include <string>
#include <vector>

namespace quipu {

/// Folder where NVIDIA's packages put the toolkit's programs. It is looked at after PATH.
inline constexpr const char *kCudaProgramFolder = "/usr/local/cuda/bin";

/// The environment variable with the path of the ptxas to use, or "none".
inline constexpr const char *kPtxasVariable = "QUIPU_PTXAS";

/// Names and paths under which libnvJitLink is looked for, in this order.
inline constexpr const char *kNvJitLinkPlaces[] = {"libnvJitLink.so.13", "libnvJitLink.so.12", "libnvJitLink.so",
                                                   "/usr/local/cuda/lib64/libnvJitLink.so",
                                                   "/usr/local/cuda/lib/libnvJitLink.so"};

/// The same for cuBLAS: as the loader finds it, then in the toolkit that CUDA_HOME or CUDA_PATH names, then in the
/// default toolkit.
std::vector<std::string> cublasPlaces();

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_CUDATOOLKIT_H
