//===- CudaUploader.cpp - From files to device memory ------------------------------------===//

#include "runtime/cuda/CudaUploader.h"
#include "runtime/cpu/ThreadPool.h"
#include "runtime/support/ParallelFor.h"

#include <algorithm>
#include <memory>

namespace quipu {

using namespace cuda;

/// Threads that fill buffers. More threads would not read memory faster than the bus to the GPU takes it.
static constexpr unsigned kMaxThreads = 12;
static constexpr unsigned kBuffers = 2;

void uploadPieces(Device &device, Context context, Stream stream, std::span<const UploadPiece> pieces,
                  const std::function<void(size_t, char *)> &write) {
  if (pieces.empty())
    return;
  size_t largest = 0;
  for (const UploadPiece &piece : pieces)
    largest = std::max(largest, piece.size);
  auto threads = unsigned(std::min<size_t>({kMaxThreads, availableCores(), pieces.size()}));
  DeviceMemory staging = device.allocate(size_t(threads) * kBuffers * largest, MemoryUse::Staging);
  const Driver &driver = Driver::get();
  parallelFor(pieces.size(), threads, [&](unsigned thread, const std::function<size_t()> &next) {
    driver.contextSetCurrent(context);
    std::unique_ptr<DeviceEvent> sent[kBuffers];
    unsigned buffer = 0;
    for (size_t i = next(); i < pieces.size(); i = next(), buffer = (buffer + 1) % kBuffers) {
      char *memory = static_cast<char *>(staging.data()) + (size_t(thread) * kBuffers + buffer) * largest;
      if (sent[buffer])
        device.wait(*sent[buffer]);
      else
        sent[buffer] = device.createEvent(EventUse::Order);
      write(i, memory);
      driver.copyToDevice(reinterpret_cast<Address>(pieces[i].target), memory, pieces[i].size, stream);
      device.record(*sent[buffer]);
    }
  });
  device.synchronize();
}

} // namespace quipu
