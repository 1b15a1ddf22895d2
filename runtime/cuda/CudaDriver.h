//===- CudaDriver.h - The CUDA driver API, found at run time ----------------*- C++ -*-===//
//
// The same quipu runs on machines without a driver, and is built on machines without a CUDA toolkit: types, constants
// and the table of functions that we use are declared here, and looked up in libcuda.so.1 when a CUDA device is asked
// for. Layouts and numbers are those of the CUDA 12 and 13 headers.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CUDA_CUDADRIVER_H
#define QUIPU_RUNTIME_CUDA_CUDADRIVER_H

#include "runtime/abi/CudaLimits.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace quipu::cuda {

using Result = int;
using DeviceNumber = int;
using Address = unsigned long long;
using Context = struct ContextHandle *;
using Module = struct ModuleHandle *;
using Function = struct FunctionHandle *;
using Stream = struct StreamHandle *;
using Event = struct EventHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;

inline constexpr Result kSuccess = 0;
inline constexpr Result kOutOfMemory = 2;
inline constexpr Result kNoDevice = 100;
inline constexpr Result kNotFound = 500;

/// Advice for kOutOfMemory.
inline constexpr const char *kFreeMemory = "free memory on the GPU (nvidia-smi shows who has it), or use another";

// CUdevice_attribute
inline constexpr int kClockRate = 13;
inline constexpr int kMultiprocessorCount = 16;
inline constexpr int kMemoryClockRate = 36;
inline constexpr int kMemoryBusWidth = 37;
inline constexpr int kL2CacheSize = 38;
inline constexpr int kCapabilityMajor = 75;
inline constexpr int kCapabilityMinor = 76;
inline constexpr int kMaxSharedBytesPerBlock = 97;

// CUfunction_attribute
inline constexpr int kMaxDynamicSharedBytes = 8;
inline constexpr int kPreferredSharedPercent = 9;

// CUjit_option
inline constexpr int kJitErrorLog = 5;
inline constexpr int kJitErrorLogSize = 6;

// Flags of streams, events, host memory and captures.
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDefault = 0;
inline constexpr unsigned kEventWithoutTime = 2;
inline constexpr unsigned kEventRecordExternal = 1;
inline constexpr unsigned kHostPortable = 1;
inline constexpr unsigned kHostMapped = 2;
inline constexpr int kCaptureRelaxed = 2;

// CUlaunchAttributeID
inline constexpr int kProgrammaticStreamSerialization = 6;

struct LaunchAttribute {
  int id;
  char padding[4];
  union {
    char bytes[64];
    int number;
  } value;
};
static_assert(sizeof(LaunchAttribute) == 72 && offsetof(LaunchAttribute, value) == 8);

struct LaunchConfig {
  unsigned grid[3];
  unsigned block[3];
  unsigned sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(LaunchConfig) == 56 && offsetof(LaunchConfig, stream) == 32);

/// CUtensorMap, opaque.
struct alignas(128) TensorMap {
  uint64_t words[16];
};
static_assert(sizeof(TensorMap) == kTensorMapBytes && alignof(TensorMap) % kTensorMapAlignment == 0);

// CUtensorMapDataType and the other enums of a tensor map.
inline constexpr int kTensorF16 = 6;
inline constexpr int kTensorF32 = 7;
inline constexpr int kTensorBf16 = 9;
inline constexpr int kTensorInterleaveNone = 0;
inline constexpr int kTensorSwizzle128 = 3;
inline constexpr int kTensorPromotion128 = 2;
inline constexpr int kTensorZeros = 0;

class Driver;

/// A function of the driver. If a call fails, it throws Error with the function's name and the driver's message.
template <typename... Params> class Call {
public:
  void operator()(Params... params) const;
  /// Calls it and returns the driver's result. It does not throw.
  Result tryCall(Params... params) const { return pointer(params...); }

private:
  friend class Driver;
  Result (*pointer)(Params...) = nullptr;
  const char *name = nullptr;
};

class Driver {
public:
  /// The driver of this machine, initialised. It is loaded once and stays. QUIPU_CUDA_DRIVER names another library than
  /// libcuda.so.1. Throws Error if there is no driver, or it does not work.
  static const Driver &get();

  /// The CUDA version that the driver supports, as 1000 * major + 10 * minor: 13000 for 13.0.
  int version() const { return driverVersion; }
  /// "out of memory".
  std::string errorText(Result result) const;

  Call<int *> driverGetVersion;
  Call<unsigned> init;
  Call<Result, const char **> getErrorString;
  Call<int *> deviceGetCount;
  Call<DeviceNumber *, int> deviceGet;
  Call<char *, int, DeviceNumber> deviceGetName;
  Call<int *, int, DeviceNumber> deviceGetAttribute;
  Call<size_t *, DeviceNumber> deviceTotalMem;
  Call<Context *, DeviceNumber> primaryContextRetain;
  Call<DeviceNumber> primaryContextRelease;
  Call<Context> contextSetCurrent;
  Call<size_t *, size_t *> memGetInfo;
  Call<Address *, size_t> memAlloc;
  Call<Address> memFree;
  Call<void **, size_t, unsigned> hostAlloc;
  Call<void *> hostFree;
  Call<Address, unsigned char, size_t, Stream> memsetAsync;
  Call<Address, const void *, size_t, Stream> copyToDevice;
  Call<void *, Address, size_t, Stream> copyToHost;
  Call<Address, Address, size_t, Stream> copyOnDevice;
  Call<Module *, const void *, unsigned, int *, void **> moduleLoad;
  Call<Module> moduleUnload;
  Call<Function *, Module, const char *> moduleGetFunction;
  Call<Function, int, int> functionSetAttribute;
  Call<int *, Function, int, size_t> occupancy;
  Call<int *, Function, const LaunchConfig *> activeClusters;
  Call<const LaunchConfig *, Function, void **, void **> launchKernel;
  Call<TensorMap *, int, uint32_t, void *, const uint64_t *, const uint64_t *, const uint32_t *, const uint32_t *, int,
       int, int, int>
      tensorMapEncode;
  Call<Stream *, unsigned> streamCreate;
  Call<Stream> streamDestroy;
  Call<Stream> streamSynchronize;
  Call<Stream, int> streamBeginCapture;
  Call<Stream, Graph *> streamEndCapture;
  Call<GraphExec *, Graph, unsigned long long> graphInstantiate;
  Call<GraphExec, Stream> graphUpload;
  Call<GraphExec, Stream> graphLaunch;
  Call<GraphExec> graphExecDestroy;
  Call<Graph> graphDestroy;
  Call<Event *, unsigned> eventCreate;
  Call<Event> eventDestroy;
  Call<Event, Stream> eventRecord;
  Call<Event, Stream, unsigned> eventRecordWithFlags;
  Call<Event> eventSynchronize;
  Call<float *, Event, Event> eventElapsed;

private:
  explicit Driver(const std::string &path);
  template <typename... Params> void find(Call<Params...> &call, const char *name, const std::string &path);

  void *library = nullptr;
  int driverVersion = 0;
};

/// Throws Error for a call that failed.
[[noreturn]] void failCall(const char *name, Result result);

template <typename... Params> void Call<Params...>::operator()(Params... params) const {
  if (Result result = pointer(params...))
    failCall(name, result);
}

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_CUDA_CUDADRIVER_H
