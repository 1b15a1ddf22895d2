//===- CudaDevice.cpp - An NVIDIA GPU as a device ----------------------------------------===//

#include "runtime/cuda/CudaDevice.h"
#include "runtime/core/ToolRange.h"
#include "runtime/cuda/CudaModule.h"
#include "runtime/cuda/CudaProgram.h"
#include "runtime/cuda/CudaUploader.h"
#include "runtime/cuda/CudaVariant.h"
#include "runtime/support/Error.h"

#include <cstring>

namespace quipu {

using namespace cuda;

/// The first architecture with dependent launches, and the first driver that records them into graphs.
static constexpr int kDependentIsa = 90;
static constexpr int kDependentDriver = 12030;

static Address addressOf(const void *pointer) { return reinterpret_cast<Address>(pointer); }

CudaDevice::CudaDevice(int number)
    : gpu(cudaProperties(number)), driver(Driver::get()), deviceName(concat("cuda:", number)) {
  driver.deviceGet(&device, number);
  driver.primaryContextRetain(&context, device);
  use();
  driver.streamCreate(&stream, kStreamNonBlocking);
  graphs = std::make_unique<CudaGraphs>();
}

CudaDevice::~CudaDevice() {
  (void)driver.contextSetCurrent.tryCall(context);
  graphs.reset();
  (void)driver.streamDestroy.tryCall(stream);
  (void)driver.primaryContextRelease.tryCall(device);
}

void CudaDevice::use() const { driver.contextSetCurrent(context); }

std::string CudaDevice::description() const { return gpu.name + ", " + cudaDriverText(); }

std::vector<PlanChoice> CudaDevice::choices(const plan::Plan &plan, const std::string &planName,
                                            const std::string &variant) const {
  return chooseCudaVariants(plan, planName, variant, gpu, driver.version());
}

std::optional<MemoryInfo> CudaDevice::memoryInfo() const {
  use();
  size_t free = 0, total = 0;
  driver.memGetInfo(&free, &total);
  return MemoryInfo{free, total};
}

DeviceMemory CudaDevice::allocate(size_t size, MemoryUse purpose) {
  if (size == 0)
    return {};
  use();
  if (purpose == MemoryUse::Staging) {
    void *host = nullptr;
    driver.hostAlloc(&host, size, kHostPortable | kHostMapped);
    memset(host, 0, size);
    std::lock_guard<std::mutex> lock(mutex);
    staging.insert(host);
    return DeviceMemory(this, host, size);
  }
  Address address = 0;
  Result result = driver.memAlloc.tryCall(&address, size);
  if (result == kOutOfMemory)
    fail(deviceName, " (", gpu.name, "): no room for ", size >> 20, " MiB more, ", memoryInfo()->free >> 20,
         " MiB are free; give the key/value cache fewer tokens, or free memory on the GPU");
  if (result)
    failCall("cuMemAlloc", result);
  DeviceMemory memory(this, reinterpret_cast<void *>(address), size);
  driver.memsetAsync(address, 0, size, stream);
  return memory;
}

void CudaDevice::release(void *address, size_t size) {
  (void)driver.contextSetCurrent.tryCall(context);
  bool isStaging = false;
  {
    std::lock_guard<std::mutex> lock(mutex);
    isStaging = staging.erase(address) > 0;
  }
  if (!isStaging) {
    (void)driver.memFree.tryCall(addressOf(address));
    return;
  }
  // Copies that were enqueued may still use it.
  (void)driver.streamSynchronize.tryCall(stream);
  (void)driver.hostFree.tryCall(address);
}

void *CudaDevice::hostPointer(void *address) const {
  std::lock_guard<std::mutex> lock(mutex);
  return staging.count(address) ? address : nullptr;
}

void CudaDevice::write(std::span<const UploadPiece> pieces, const std::function<void(size_t, char *)> &write) {
  uploadPieces(*this, context, stream, pieces, write);
}

bool CudaDevice::fillRandom(const RandomFill &fill) {
  use();
  return services.fillRandom(stream, fill, uint32_t(gpu.multiprocessors));
}

std::unique_ptr<CodeModule> CudaDevice::loadModule(const plan::CodeModule &code, const std::string &planName) {
  use();
  auto module = std::make_unique<CudaModule>(code, planName);
  services.find(*module);
  dependentLaunch = isaNumber(code.isa()->string_view()) >= kDependentIsa && driver.version() >= kDependentDriver;
  return module;
}

void CudaDevice::prepare(LaunchList &list) {
  use();
  list.prepared = std::make_unique<CudaProgram>(list, gpu, [this](const CudaProgram *program) {
    std::lock_guard<std::mutex> lock(mutex);
    (void)driver.contextSetCurrent.tryCall(context);
    graphs->forget(program);
  });
}

void CudaDevice::enqueueUpload(void *target, const void *source, size_t size) {
  use();
  if (size)
    driver.copyToDevice(addressOf(target), source, size, stream);
}

void CudaDevice::enqueueDownload(void *target, const void *source, size_t size) {
  use();
  if (size)
    driver.copyToHost(target, addressOf(source), size, stream);
}

void CudaDevice::enqueueCopy(void *target, const void *source, size_t size) {
  use();
  driver.copyOnDevice(addressOf(target), addressOf(source), size, stream);
}

void CudaDevice::launch(CudaProgram &program, const int64_t *dims, const TokenChoice *choice, Stream target) {
  program.setDims(dims);
  if (choice && choice->feed)
    services.feed(target, *choice, dims);
  // The first launch waits for all work before it: for the copies of the inputs, and for the step before.
  bool dependent = false;
  for (size_t i = 0; i < program.size(); ++i)
    if (program.launch(i, target, dependent))
      // After a kernel the next launch may begin early; after a copy it may not.
      dependent = dependentLaunch && !program.isCopy(i);
  if (choice && dims[kDimOutputs] > 0) {
    ToolRange range(RangeKind::Kernel, [] { return "choose tokens"; });
    services.choose(target, *choice, int32_t(dims[kDimOutputs]), uint32_t(gpu.multiprocessors), dependent);
  }
}

void CudaDevice::enqueue(LaunchList &list, const int64_t *dims, const TokenChoice *choice) {
  use();
  std::lock_guard<std::mutex> lock(mutex);
  auto &program = static_cast<CudaProgram &>(*list.prepared);
  if (!list.repeats)
    return launch(program, dims, choice, stream);
  CudaStepKey key = {.program = &program,
                     .tokens = dims[kDimTokens],
                     .outputs = dims[kDimOutputs],
                     .loneRows = dims[kDimLoneRows],
                     .choice = choice != nullptr,
                     .draw = choice && choice->slots,
                     .score = choice && choice->scores,
                     .feeds = choice && choice->feed};
  graphs->run(key, stream, [&](Stream target) { launch(program, dims, choice, target); });
}

void CudaDevice::synchronize() {
  use();
  driver.streamSynchronize(stream);
}

namespace {

struct CudaEvent : DeviceEvent {
  CudaEvent(Context context, EventUse use) : context(context) {
    Driver::get().eventCreate(&event, use == EventUse::Time ? kEventDefault : kEventWithoutTime);
  }
  ~CudaEvent() override {
    (void)Driver::get().contextSetCurrent.tryCall(context);
    (void)Driver::get().eventDestroy.tryCall(event);
  }

  Context context;
  Event event = nullptr;
};

Event eventOf(DeviceEvent &event) { return static_cast<CudaEvent &>(event).event; }

} // namespace

std::unique_ptr<DeviceEvent> CudaDevice::createEvent(EventUse purpose) {
  use();
  return std::make_unique<CudaEvent>(context, purpose);
}

void CudaDevice::record(DeviceEvent &event) {
  use();
  driver.eventRecord(eventOf(event), stream);
}

void CudaDevice::wait(DeviceEvent &event) {
  use();
  driver.eventSynchronize(eventOf(event));
}

double CudaDevice::seconds(DeviceEvent &from, DeviceEvent &to) {
  wait(to);
  float milliseconds = 0;
  driver.eventElapsed(&milliseconds, eventOf(from), eventOf(to));
  return double(milliseconds) / 1e3;
}

} // namespace quipu
