//===- CudaDriver.cpp - The CUDA driver API, found at run time ---------------------------===//

#include "runtime/cuda/CudaDriver.h"
#include "runtime/support/Error.h"

#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>

namespace quipu::cuda {

static constexpr const char *kUseCpu = "; or use the CPU: compile with --target cpu";

template <typename... Params> void Driver::find(Call<Params...> &call, const char *name, const std::string &path) {
  call.pointer = reinterpret_cast<Result (*)(Params...)>(dlsym(library, name));
  call.name = name;
  if (!call.pointer)
    fail("the CUDA driver ", path, " has no ", name, "; install a driver for CUDA 12 or later (525 or newer)", kUseCpu);
}

Driver::Driver(const std::string &path) {
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fail("no CUDA driver on this machine (", dlerror(), "); install NVIDIA's driver", kUseCpu);
  find(init, "cuInit", path);
  find(driverGetVersion, "cuDriverGetVersion", path);
  find(getErrorString, "cuGetErrorString", path);
  find(deviceGetCount, "cuDeviceGetCount", path);
  find(deviceGet, "cuDeviceGet", path);
  find(deviceGetName, "cuDeviceGetName", path);
  find(deviceGetAttribute, "cuDeviceGetAttribute", path);
  find(deviceTotalMem, "cuDeviceTotalMem_v2", path);
  find(primaryContextRetain, "cuDevicePrimaryCtxRetain", path);
  find(primaryContextRelease, "cuDevicePrimaryCtxRelease_v2", path);
  find(contextSetCurrent, "cuCtxSetCurrent", path);
  find(memGetInfo, "cuMemGetInfo_v2", path);
  find(memAlloc, "cuMemAlloc_v2", path);
  find(memFree, "cuMemFree_v2", path);
  find(hostAlloc, "cuMemHostAlloc", path);
  find(hostFree, "cuMemFreeHost", path);
  find(memsetAsync, "cuMemsetD8Async", path);
  find(copyToDevice, "cuMemcpyHtoDAsync_v2", path);
  find(copyToHost, "cuMemcpyDtoHAsync_v2", path);
  find(copyOnDevice, "cuMemcpyDtoDAsync_v2", path);
  find(moduleLoad, "cuModuleLoadDataEx", path);
  find(moduleUnload, "cuModuleUnload", path);
  find(moduleGetFunction, "cuModuleGetFunction", path);
  find(functionSetAttribute, "cuFuncSetAttribute", path);
  find(occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor", path);
  find(activeClusters, "cuOccupancyMaxActiveClusters", path);
  find(launchKernel, "cuLaunchKernelEx", path);
  find(tensorMapEncode, "cuTensorMapEncodeTiled", path);
  find(streamCreate, "cuStreamCreate", path);
  find(streamDestroy, "cuStreamDestroy_v2", path);
  find(streamSynchronize, "cuStreamSynchronize", path);
  find(streamBeginCapture, "cuStreamBeginCapture_v2", path);
  find(streamEndCapture, "cuStreamEndCapture", path);
  find(graphInstantiate, "cuGraphInstantiateWithFlags", path);
  find(graphUpload, "cuGraphUpload", path);
  find(graphLaunch, "cuGraphLaunch", path);
  find(graphExecDestroy, "cuGraphExecDestroy", path);
  find(graphDestroy, "cuGraphDestroy", path);
  find(eventCreate, "cuEventCreate", path);
  find(eventDestroy, "cuEventDestroy_v2", path);
  find(eventRecord, "cuEventRecord", path);
  find(eventRecordWithFlags, "cuEventRecordWithFlags", path);
  find(eventSynchronize, "cuEventSynchronize", path);
  find(eventElapsed, "cuEventElapsedTime", path);

  if (Result result = init.tryCall(0)) {
    if (result == kNoDevice)
      fail("no GPU that CUDA can use on this machine (cuInit: ", errorText(result),
           "); check nvidia-smi, CUDA_VISIBLE_DEVICES and, in a container, that it was started with GPUs", kUseCpu);
    fail("the CUDA driver does not start (cuInit: ", errorText(result), "); check nvidia-smi", kUseCpu);
  }
  driverGetVersion(&driverVersion);
}

const Driver &Driver::get() {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Driver>> drivers;
  const char *override = getenv("QUIPU_CUDA_DRIVER");
  std::string path = override && *override ? override : "libcuda.so.1";
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Driver> &driver = drivers[path];
  if (!driver)
    driver.reset(new Driver(path));
  return *driver;
}

std::string Driver::errorText(Result result) const {
  const char *text = nullptr;
  if (getErrorString.tryCall(result, &text) != kSuccess || !text)
    return concat("error ", result);
  return concat(text, " (", result, ")");
}

void failCall(const char *name, Result result) {
  fail("CUDA: ", name, " failed: ", Driver::get().errorText(result),
       result == kOutOfMemory ? concat("; ", kFreeMemory) : "");
}

} // namespace quipu::cuda
