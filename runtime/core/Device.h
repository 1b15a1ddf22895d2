//===- Device.h - What runs kernels -----------------------------------------*- C++ -*-===//
//
// The launch model is the same everywhere: launch(kernel, grid, args). A program is handed over as a list of launches
// with all pointers resolved, and run whole: a CPU wakes its threads once for the list, a GPU captures it as a graph.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_DEVICE_H
#define QUIPU_RUNTIME_CORE_DEVICE_H

#include "runtime/core/KernelAbi.h"
#include "runtime/plan/plan_generated.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace quipu {

class Device;

/// Memory that kernels of one device reach, freed with the object. Zero at first.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(Device *device, void *address, size_t size) : device(device), address(address), length(size) {}
  DeviceMemory(DeviceMemory &&other) noexcept { swap(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceMemory();

  /// Address as kernels see it.
  void *data() const { return address; }
  size_t size() const { return length; }

private:
  void swap(DeviceMemory &other) {
    std::swap(device, other.device);
    std::swap(address, other.address);
    std::swap(length, other.length);
  }

  Device *device = nullptr;
  void *address = nullptr;
  size_t length = 0;
};

/// Code of a plan, loaded.
class CodeModule {
public:
  virtual ~CodeModule();
  /// Handle of an entry function for Launch.entry; null when the module has no such symbol.
  virtual const void *lookup(const char *symbol) const = 0;
};

/// One kernel entry with its grid and arguments.
struct Launch {
  const void *entry;
  /// Arguments in the order of KernelAbi.h.
  void *const *buffers;
  uint32_t numBuffers;
  /// Number of blocks = fixed * ceil(rows / rowsPerBlock), where rows comes from the step's dims.
  plan::RowDim rows;
  uint32_t rowsPerBlock;
  uint64_t fixed;
};

/// Blocks of a launch for a step's dims; 0 when the step has no rows of its kind.
inline uint64_t gridBlocks(const Launch &launch, const int64_t *dims) {
  uint64_t rows = 1;
  if (launch.rows == plan::RowDim::tokens)
    rows = uint64_t(dims[kDimTokens]);
  else if (launch.rows == plan::RowDim::outputs)
    rows = uint64_t(dims[kDimOutputs]);
  return launch.fixed * ((rows + launch.rowsPerBlock - 1) / launch.rowsPerBlock);
}

/// Launches that run in order, each after the one before has finished. Owns the argument arrays.
struct LaunchList {
  std::vector<Launch> launches;
  std::vector<void *> pointers;
  /// Largest Kernel.scratch_bytes among them.
  size_t scratchBytes = 0;
};

/// How memory will be used.
enum class MemoryUse {
  /// Touched in parts, as needed: pages appear when first used.
  Sparse,
  /// Filled whole and read often: large pages where the system has them.
  Dense
};

class Device {
public:
  virtual ~Device();

  /// A device by name ("cpu"); `threads` and `pin` as in ModelOptions. Throws Error for another name.
  static std::unique_ptr<Device> create(const std::string &name, unsigned threads, bool pin);

  /// "cpu".
  virtual const char *name() const = 0;
  /// For summaries: "AMD EPYC ..., 2 threads".
  virtual std::string description() const = 0;
  /// Host threads that compute; 0 for a device that has its own.
  virtual unsigned threads() const = 0;

  /// Throws Error that names what the target needs and this device lacks.
  virtual void checkTarget(const plan::Target &target, const std::string &planName) const = 0;

  /// Throws Error when there is not enough memory.
  virtual DeviceMemory allocate(size_t size, MemoryUse use) = 0;

  /// The host's address of device memory, null when the host cannot reach it.
  virtual void *hostPointer(void *address) const = 0;
  virtual void upload(void *target, const void *source, size_t size) = 0;
  virtual void download(void *target, const void *source, size_t size) = 0;

  /// Whether kernels read host memory in place, so that mapped weights need no copy.
  virtual bool sharesHostMemory() const = 0;

  virtual std::unique_ptr<CodeModule> loadModule(const plan::CodeModule &module, const std::string &planName) = 0;

  /// Makes ready what a list needs (scratch memory); call once before running it.
  virtual void prepare(const LaunchList &list) = 0;

  /// Runs the list for `dims` (QuipuDim) and returns when it has finished. One list at a time; callers wait in turn.
  virtual void run(const LaunchList &list, const int64_t *dims) = 0;

private:
  friend class DeviceMemory;
  virtual void release(void *address, size_t size) = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_DEVICE_H
