//===- Device.h - What runs kernels -----------------------------------------*- C++ -*-===//
//
// All devices have the same model: launch(kernel, grid, arguments), and copies. A device gets a program as a list of
// launches in which all pointers are resolved, and runs the whole list. A CPU wakes its threads once for the list. A
// GPU captures the list as a graph.
//
// A device does its work in the order in which it was enqueued, and may be behind the host. Work is certainly finished
// after synchronize(), or after wait() for an event that was recorded after it. The CPU is never behind: each call
// returns when its work is finished.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_DEVICE_H
#define QUIPU_RUNTIME_CORE_DEVICE_H

#include "runtime/abi/KernelAbi.h"
#include "runtime/abi/SampleRule.h"
#include "runtime/abi/plan_generated.h"
#include "runtime/core/StepTimes.h"

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

/// Memory that kernels of one device can reach. It is zero at first, and is freed with the object.
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

  /// Address for kernels. See Device::hostPointer for the host's address.
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

/// Loaded code of a plan.
class CodeModule {
public:
  virtual ~CodeModule();
  /// The entry function `symbol`, for Launch.entry. Null if the module has no such symbol.
  virtual const void *lookup(const char *symbol) const = 0;
};

/// One kernel entry with its grid and arguments, or a copy.
struct Launch {
  /// From CodeModule::lookup. Null for a copy.
  const void *entry;
  /// Addresses of the arguments, in the order of KernelAbi.h. A copy has two: source and target.
  void *const *buffers;
  uint32_t numBuffers;
  /// Number of blocks = fixed * ceil(rows / rowsPerBlock). The number of rows of this kind follows from the step's
  /// dims.
  plan::RowDim rows;
  uint32_t rowsPerBlock;
  uint64_t fixed;
  /// The entry of the plan. Null for a copy.
  const plan::Entry *shape = nullptr;
  /// Bytes of a row of a copy. The blocks of a copy are rows.
  uint64_t rowBytes = 0;

  bool isCopy() const { return !entry; }
};

/// Number of rows of a kind in a step. `dims`: its sizes, by QuipuDim.
inline uint64_t rowCount(plan::RowDim rows, const int64_t *dims) {
  switch (rows) {
  case plan::RowDim::one:
    return 1;
  case plan::RowDim::tokens:
    return uint64_t(dims[kDimTokens]);
  case plan::RowDim::outputs:
    return uint64_t(dims[kDimOutputs]);
  case plan::RowDim::lone:
    return uint64_t(dims[kDimLoneRows]);
  case plan::RowDim::other:
    return uint64_t(dims[kDimTokens] - dims[kDimLoneRows]);
  }
  return 0;
}

/// Number of blocks of a launch. `dims`: sizes of the step, by QuipuDim. It is 0 if the step has no rows of the
/// launch's kind.
inline uint64_t gridBlocks(const Launch &launch, const int64_t *dims) {
  uint64_t rows = rowCount(launch.rows, dims);
  return launch.fixed * ((rows + launch.rowsPerBlock - 1) / launch.rowsPerBlock);
}

/// What a device keeps for a list of launches.
class PreparedList {
public:
  virtual ~PreparedList();
};

/// Launches and copies that run in order: each sees what all before it wrote. `pointers` has the arguments of all of
/// them.
struct LaunchList {
  std::vector<Launch> launches;
  std::vector<void *> pointers;
  /// Bytes of scratch memory that a worker needs: the largest Kernel.scratch_bytes of the launches.
  size_t scratchBytes = 0;
  /// Whether the list will run many times with the same dims. Then a device may record it.
  bool repeats = false;
  /// The places of the launches in the model ("layers.3.mlp.down_proj"), for ranges (ToolRange.h). Empty if no profiler
  /// takes ranges.
  std::vector<std::string> places;
  /// Set by Device::prepare.
  std::unique_ptr<PreparedList> prepared;
};

/// For steps that are enqueued before the host knows the tokens of the one in front: where the device finds the step's
/// inputs. `staged` is in MemoryUse::Staging, `capacity` places of `placeSize` numbers, which steps use in turn;
/// CudaAbi.h (quipu_feed) says what is in a place.
struct StepFeed {
  const int32_t *staged = nullptr;
  uint32_t placeSize = 0;
  uint32_t capacity = 0;
  /// Steps so far, which the device counts.
  int32_t *fed = nullptr;
  /// The program's inputs, in parts of `stride` numbers.
  int32_t *inputs = nullptr;
  uint32_t stride = 0;
  /// The block table.
  int32_t *table = nullptr;
};

/// For devices that choose tokens: where the logits are, and where the choice goes, so that the next step can follow
/// without the host. Addresses are in device memory; `history` and `uniforms` are in MemoryUse::Staging. R is the
/// number of output rows.
struct TokenChoice {
  /// Logits, float[R][vocab]. Number of the step's row that each belongs to, int32[R].
  const float *logits = nullptr;
  const int32_t *outputRows = nullptr;
  uint32_t vocab = 0;
  /// Inputs of the next step, int32[rows]. The choice replaces the token of a row and adds one to its position.
  int32_t *tokens = nullptr;
  int32_t *positions = nullptr;
  /// Working memory, uint64[R]. It is zero before and after.
  uint64_t *keys = nullptr;
  /// `step`: number of choices so far. The token of output row r goes to history[(*step % capacity) * stride + r],
  /// int32[capacity][stride].
  int32_t *step = nullptr;
  int32_t *history = nullptr;
  uint32_t capacity = 0;
  uint32_t stride = 0;
  /// The sequence of each row of the step, int32[rows]; and the token that was last chosen in each sequence, which the
  /// choice notes. `feed`: the device takes the inputs, with these tokens in place of those below 0, before the step
  /// begins. Null: they are there.
  const int32_t *sequences = nullptr;
  int32_t *lastTokens = nullptr;
  const StepFeed *feed = nullptr;

  /// The slot of each output row, int32[R]. Null: the most likely tokens are chosen.
  const int32_t *slots = nullptr;
  /// The rules of the slots, the rings of their last tokens (int32[kSampleWindow] each, -1: no token), and their edits
  /// (`editStride` each). The device brings them up to date.
  SampleRule *rules = nullptr;
  int32_t *recent = nullptr;
  TokenEdit *edits = nullptr;
  uint32_t editStride = 0;
  /// Random numbers in [0, 1), double[capacity][stride]. An entry of `history` is drawn with the same entry here.
  const double *uniforms = nullptr;
  /// For rows whose rules say so, TokenScores[capacity][stride] in MemoryUse::Staging. An entry belongs to the same
  /// entry of `history`. Null: no row wants them.
  TokenScores *scores = nullptr;
};

/// What events are for. Those that say when something happened take longer.
enum class EventUse { Order, Time };

/// A point in the device's work. See Device::record.
class DeviceEvent {
public:
  virtual ~DeviceEvent();
};

/// What a device runs of a plan: one variant (its number in Plan.variants), and the modules with its code in one form,
/// such as cubin or PTX.
struct PlanChoice {
  uint32_t variant = 0;
  std::vector<const plan::CodeModule *> modules;
};

/// A source of a weight that gets random values (RandomWeights.h). For devices that compute them in place.
struct RandomFill {
  const plan::Source *source;
  plan::WeightRole role;
  uint64_t seed;
  plan::DType dtype;
  /// The weight. The source fills some of its rows, which have `columns` elements.
  void *weight;
  uint64_t columns;
};

/// A piece of device memory that the host fills. `size` in bytes.
struct UploadPiece {
  void *target;
  size_t size;
};

/// How memory will be used.
enum class MemoryUse {
  /// Used in parts. The system gives pages when they are first used.
  Sparse,
  /// Filled completely and read often. The system gives large pages if it has them.
  Dense,
  /// Memory of the host for enqueueUpload() and enqueueDownload(). Kernels can reach it, under the same address.
  Staging
};

struct MemoryInfo {
  uint64_t free;
  uint64_t total;
};

class Device {
public:
  virtual ~Device();

  /// The device of this name: "cpu", "cuda" or "cuda:1". `threads` and `pin` as in ModelOptions. Throws Error for
  /// another name, or if the machine has no such device.
  static std::unique_ptr<Device> create(const std::string &name, unsigned threads, bool pin);

  /// "cpu", "cuda:0".
  virtual const char *name() const = 0;
  /// For summaries: "AMD EPYC ..., 2 threads", "NVIDIA H100 80GB HBM3, driver 580.95.05".
  virtual std::string description() const = 0;
  /// Number of host threads that compute. 0 for a GPU.
  virtual unsigned threads() const = 0;

  /// What this device can run of a plan for its kind of device, the best first. The caller tries the next one if the
  /// device fails to load one. `variant`: isa of the variant to take; empty: any. Throws Error that names what the plan
  /// needs and this device lacks.
  virtual std::vector<PlanChoice> choices(const plan::Plan &plan, const std::string &planName,
                                          const std::string &variant) const = 0;

  /// Free and total memory of the device in bytes. Nothing if the device uses the host's memory.
  virtual std::optional<MemoryInfo> memoryInfo() const { return std::nullopt; }

  /// Allocates `size` bytes. Throws Error if there is not enough memory.
  virtual DeviceMemory allocate(size_t size, MemoryUse use) = 0;
  /// Alignment in bytes. Every allocation has it, and values inside an allocation should have it too.
  virtual size_t alignment() const { return kArenaAlignment; }

  /// The host's address of device memory. Null if the host cannot reach it.
  virtual void *hostPointer(void *address) const = 0;

  /// Whether kernels read host memory in place, so that mapped weights need no copy.
  virtual bool sharesHostMemory() const = 0;

  /// Fills pieces of device memory. When it returns, the memory is filled. Several threads call write(index, memory) at
  /// the same time; it writes the bytes of piece `index` to `memory` of the host. Throws what `write` throws.
  virtual void write(std::span<const UploadPiece> pieces, const std::function<void(size_t, char *)> &write) = 0;

  /// Computes random values in place. False if the device cannot; then the host does it.
  virtual bool fillRandom(const RandomFill &fill) { return false; }

  virtual std::unique_ptr<CodeModule> loadModule(const plan::CodeModule &module, const std::string &planName) = 0;

  /// Prepares what a list needs (scratch memory, parameters). Call it once before the list runs.
  virtual void prepare(LaunchList &list) = 0;

  /// Copy `size` bytes between device memory and MemoryUse::Staging, in order with other enqueued work. Staging memory
  /// must not change until the copy is finished.
  virtual void enqueueUpload(void *target, const void *staging, size_t size) = 0;
  virtual void enqueueDownload(void *staging, const void *source, size_t size) = 0;
  /// Copies `size` bytes from one piece of device memory to another, in the same order.
  virtual void enqueueCopy(void *target, const void *source, size_t size) = 0;

  /// Runs the list for `dims` (sizes of the step, by QuipuDim), and then `choice` if it is not null. Lists run one at a
  /// time. If several threads call it, they wait for each other.
  virtual void enqueue(LaunchList &list, const int64_t *dims, const TokenChoice *choice) = 0;

  /// Whether enqueue() takes a `choice`.
  virtual bool choosesTokens() const { return false; }
  /// Whether the choice may have rules, that is whether the device draws tokens.
  virtual bool drawsTokens() const { return false; }
  /// Whether the choice may come with scores.
  virtual bool scoresTokens() const { return false; }

  /// Waits until all enqueued work is finished. Throws Error if some of it failed.
  virtual void synchronize() = 0;

  virtual std::unique_ptr<DeviceEvent> createEvent(EventUse use) = 0;
  virtual void record(DeviceEvent &event) = 0;
  virtual void wait(DeviceEvent &event) = 0;
  /// Seconds between two recorded events, which are for times. It waits for the second.
  virtual double seconds(DeviceEvent &from, DeviceEvent &to) = 0;

  /// Measures the list, as enqueue() runs it and observed. In observed runs no launch begins before the one in front
  /// has ended, also where launches overlap otherwise.
  virtual ListTimes profile(LaunchList &list, const int64_t *dims, const ProfileSetting &setting) = 0;

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
