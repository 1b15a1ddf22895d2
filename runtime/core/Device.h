//===- Device.h - What runs kernels -----------------------------------------*- C++ -*-===//
//
// The launch model is the same everywhere: launch(kernel, grid, args), and copies beside it. A program is handed over
// as a list of launches with all pointers resolved, and run whole: a CPU wakes its threads once for the list, a GPU
// captures it as a graph.
//
// A device works through what it is given in order, and may lag behind the host: what is enqueued has happened for
// certain only after synchronize(), or after waiting for an event recorded behind it. The CPU never lags.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_DEVICE_H
#define QUIPU_RUNTIME_CORE_DEVICE_H

#include "runtime/abi/KernelAbi.h"
#include "runtime/abi/SampleRule.h"
#include "runtime/abi/plan_generated.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  void swap(DeviceMemory &other) noexcept {
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

/// One kernel entry with its grid and arguments, or a copy.
struct Launch {
  /// Null for a copy.
  const void *entry;
  /// Arguments in the order of KernelAbi.h; of a copy: from and to.
  void *const *buffers;
  uint32_t numBuffers;
  /// Number of blocks = fixed * ceil(rows / rowsPerBlock), where rows comes from the step's dims.
  plan::RowDim rows;
  uint32_t rowsPerBlock;
  uint64_t fixed;
  /// Threads, shared memory and tensor maps, for devices that have them.
  const plan::Entry *shape = nullptr;
  /// Of a copy, whose blocks are rows: bytes of each.
  uint64_t rowBytes = 0;

  bool isCopy() const { return !entry; }
};

/// Rows of a kind in a step of so many tokens and output rows.
inline uint64_t rowCount(plan::RowDim rows, uint64_t tokens, uint64_t outputs) {
  switch (rows) {
  case plan::RowDim::one:
    return 1;
  case plan::RowDim::tokens:
    return tokens;
  case plan::RowDim::outputs:
    return outputs;
  }
  return 0;
}

/// Blocks of a launch for a step's dims; 0 when the step has no rows of its kind.
inline uint64_t gridBlocks(const Launch &launch, const int64_t *dims) {
  uint64_t rows = rowCount(launch.rows, uint64_t(dims[kDimTokens]), uint64_t(dims[kDimOutputs]));
  return launch.fixed * ((rows + launch.rowsPerBlock - 1) / launch.rowsPerBlock);
}

/// What a device keeps for a list of launches.
class PreparedList {
public:
  virtual ~PreparedList();
};

/// Launches and copies that run in order, each after the one before has finished. Owns the argument arrays.
struct LaunchList {
  std::vector<Launch> launches;
  std::vector<void *> pointers;
  /// Largest Kernel.scratch_bytes among them.
  size_t scratchBytes = 0;
  /// Will run many times with the same dims: worth recording.
  bool repeats = false;
  /// Set by Device::prepare.
  std::unique_ptr<PreparedList> prepared;
};

/// Where a device that chooses tokens by itself finds the logits and leaves its choice, so that the next step can
/// follow without the host. Addresses of device memory, except `history`.
struct TokenChoice {
  /// float[R][vocab], and the row of each in the step: int32[R].
  const float *logits = nullptr;
  const int32_t *outputRows = nullptr;
  uint32_t vocab = 0;
  /// Inputs of the next step: the token of each row is replaced, its position raised by one.
  int32_t *tokens = nullptr;
  int32_t *positions = nullptr;
  /// uint64[R], zero before and after.
  uint64_t *keys = nullptr;
  /// Steps so far; entry (*step % capacity) * R + r of `history` (MemoryUse::Staging) gets the token of output r.
  int32_t *step = nullptr;
  int32_t *history = nullptr;
  uint32_t capacity = 0;

  /// Tokens are drawn by a rule each, SampleRule[R]; null: the most likely ones are chosen.
  const SampleRule *rules = nullptr;
  /// int32[R][kSampleWindow]: the rings of the tokens seen last (-1: none).
  int32_t *recent = nullptr;
  /// Random numbers, used as the entries of `history` are filled: double[capacity][R] in MemoryUse::Staging.
  const double *uniforms = nullptr;
};

/// Seconds that a list of launches took, in each of several runs.
struct ListTimes {
  /// Of each launch; empty for those that have no blocks.
  std::vector<std::vector<double>> launches;
  /// Of the whole list.
  std::vector<double> whole;
};

/// A place in the device's work.
class DeviceEvent {
public:
  virtual ~DeviceEvent();
};

/// What a device runs of a plan: one variant, and the modules with its code, all of one form.
struct PlanChoice {
  uint32_t variant = 0;
  std::vector<const plan::CodeModule *> modules;
};

/// A source of a weight whose values come from a seed (RandomWeights.h), for devices that compute them in place.
struct RandomFill {
  const plan::Source *source;
  plan::WeightRole role;
  uint64_t seed;
  plan::DType dtype;
  /// The weight, of which the source fills some rows of `columns` elements.
  void *weight;
  uint64_t columns;
};

/// Bytes of device memory that are written from the host.
struct UploadPiece {
  void *target;
  size_t size;
};

/// How memory will be used.
enum class MemoryUse {
  /// Touched in parts, as needed: pages appear when first used.
  Sparse,
  /// Filled whole and read often: large pages where the system has them.
  Dense,
  /// Memory of the host that enqueued copies read and write, and that kernels reach under the same address.
  Staging
};

struct MemoryInfo {
  uint64_t free;
  uint64_t total;
};

class Device {
public:
  virtual ~Device();

  /// A device by name ("cpu", "cuda", "cuda:1"); `threads` and `pin` as in ModelOptions. Throws Error for another
  /// name, or when the machine has no such device.
  static std::unique_ptr<Device> create(const std::string &name, unsigned threads, bool pin);

  /// "cpu", "cuda:0".
  virtual const char *name() const = 0;
  /// For summaries: "AMD EPYC ..., 2 threads", "NVIDIA H100 80GB HBM3, driver 580.95.05".
  virtual std::string description() const = 0;
  /// Host threads that compute; 0 for a device that has its own.
  virtual unsigned threads() const = 0;

  /// What this device can run of a plan for its kind, of isa `variant` when that is not empty; the best first, the
  /// others for when loading that shows that it cannot. Throws Error that names what the plan needs and this device
  /// lacks.
  virtual std::vector<PlanChoice> choices(const plan::Plan &plan, const std::string &planName,
                                          const std::string &variant) const = 0;

  /// Memory of the device's own; none where it is the host's.
  virtual std::optional<MemoryInfo> memoryInfo() const { return std::nullopt; }

  /// Throws Error when there is not enough memory.
  virtual DeviceMemory allocate(size_t size, MemoryUse use) = 0;
  /// Every allocation begins at a multiple of it, and so should what is placed inside one.
  virtual size_t alignment() const { return kArenaAlignment; }

  /// The host's address of device memory, null when the host cannot reach it.
  virtual void *hostPointer(void *address) const = 0;

  /// Whether kernels read host memory in place, so that mapped weights need no copy.
  virtual bool sharesHostMemory() const = 0;

  /// Fills device memory; when this returns it is there. Several threads at once call write(index, memory), which puts
  /// the bytes of piece `index` into memory of the host.
  virtual void write(std::span<const UploadPiece> pieces, const std::function<void(size_t, char *)> &write) = 0;

  /// Computes values from a seed in place, if the device can.
  virtual bool fillRandom(const RandomFill &fill) { return false; }

  virtual std::unique_ptr<CodeModule> loadModule(const plan::CodeModule &module, const std::string &planName) = 0;

  /// Makes ready what a list needs (scratch memory, parameters); call once before running it.
  virtual void prepare(LaunchList &list) = 0;

  /// Copies between device memory and MemoryUse::Staging, in order with what else is enqueued: staging memory must stay
  /// as it is until then.
  virtual void enqueueUpload(void *target, const void *staging, size_t size) = 0;
  virtual void enqueueDownload(void *staging, const void *source, size_t size) = 0;

  /// Runs the list for `dims` (QuipuDim), and then `choice` if it is not null. One list at a time; callers wait in
  /// turn.
  virtual void enqueue(LaunchList &list, const int64_t *dims, const TokenChoice *choice) = 0;

  /// Whether enqueue() takes a choice.
  virtual bool choosesTokens() const { return false; }
  /// Whether the choice may have rules.
  virtual bool drawsTokens() const { return false; }

  /// Waits until all that was enqueued has happened. Throws Error when some of it failed.
  virtual void synchronize() = 0;

  virtual std::unique_ptr<DeviceEvent> createEvent() = 0;
  virtual void record(DeviceEvent &event) = 0;
  virtual void wait(DeviceEvent &event) = 0;
  /// Between two recorded events; waits for the second.
  virtual double seconds(DeviceEvent &from, DeviceEvent &to) = 0;

  /// Times the list as enqueue() runs it, and its launches, in `repeats` runs after a first one. Launches are timed
  /// within these runs where they do not overlap, else in others, each alone.
  virtual ListTimes profile(LaunchList &list, const int64_t *dims, unsigned repeats) = 0;

  /// Runs the list and returns when it has finished.
  void run(LaunchList &list, const int64_t *dims) {
    enqueue(list, dims, nullptr);
    synchronize();
  }

private:
  friend class DeviceMemory;
  virtual void release(void *address, size_t size) = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_DEVICE_H
