//===- CudaProgram.cpp - A list of launches with their parameters ------------------------===//

#include "runtime/cuda/CudaProgram.h"
#include "runtime/core/ToolRange.h"
#include "runtime/cuda/CudaServices.h"
#include "runtime/cuda/TensorMaps.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <map>

namespace quipu {

using namespace cuda;

/// Number of the entry's blocks that run at once on the whole GPU. It is a number of whole clusters; some parts of the
/// GPU may have no room for one.
static uint64_t residentBlocks(const plan::Entry &shape, Function function, const CudaProperties &gpu) {
  int blocks = 0;
  if (shape.cluster() > 1) {
    LaunchConfig config = {{shape.cluster(), 1, 1}, {shape.threads(), 1, 1}, shape.shared_bytes(), nullptr, nullptr, 0};
    Driver::get().activeClusters(&blocks, function, &config);
    blocks *= int(shape.cluster());
  } else {
    Driver::get().occupancy(&blocks, function, int(shape.threads()), shape.shared_bytes());
    blocks *= gpu.multiprocessors;
  }
  if (blocks <= 0)
    fail("kernel entry ", shape.symbol()->string_view(), " with ", shape.threads(), " threads and ",
         shape.shared_bytes(), " bytes of shared memory does not fit on a multiprocessor of ", gpu.name,
         "; compile the model for this GPU");
  return uint64_t(blocks);
}

CudaProgram::CudaProgram(const LaunchList &list, const CudaProperties &gpu,
                         std::function<void(const CudaProgram *)> forget)
    : places(list.places), forget(std::move(forget)) {
  // Layers share functions, so a function is asked only once.
  std::map<Function, uint64_t> known;
  for (const Launch &launch : list.launches) {
    if (launch.isCopy()) {
      entries.push_back({&launch, nullptr, 0, 0, 0, 0});
      continue;
    }
    const plan::Entry &shape = *launch.shape;
    auto function = static_cast<Function>(const_cast<void *>(launch.entry));
    auto [found, isNew] = known.try_emplace(function, 0);
    if (isNew) {
      if (shape.shared_bytes() > gpu.maxSharedBytes)
        fail("kernel entry ", shape.symbol()->string_view(), " needs ", shape.shared_bytes(),
             " bytes of shared memory, ", gpu.name, " has ", gpu.maxSharedBytes,
             " for a block; compile the model for this GPU");
      if (shape.shared_bytes() > 0)
        driver.functionSetAttribute(function, kMaxDynamicSharedBytes, int(shape.shared_bytes()));
      // A multiprocessor can change the division between L1 and shared memory only when nothing runs on it.
      if (shape.prefer_shared())
        driver.functionSetAttribute(function, kPreferredSharedPercent, 100);
      if (shape.persistent())
        found->second = residentBlocks(shape, function, gpu);
    }
    entries.push_back({&launch, function, shape.threads(), shape.shared_bytes(), found->second, 0});
    for (size_t i = 0; shape.tensor_maps() && i < shape.tensor_maps()->size(); ++i) {
      const plan::TensorMap &map = *shape.tensor_maps()->Get(unsigned(i));
      maps.push_back(encodeTensorMap(map, launch.buffers[map.pointer()]));
    }
  }
  // The driver takes the address of each parameter's value. A value is a pointer of the list, a dimension, or a tensor
  // map.
  size_t map = 0;
  for (Entry &entry : entries) {
    if (entry.launch->isCopy())
      continue;
    entry.parameters = parameters.size();
    for (uint32_t i = 0; i < entry.launch->numBuffers; ++i)
      parameters.push_back(const_cast<void **>(&entry.launch->buffers[i]));
    for (int32_t &dim : dims)
      parameters.push_back(&dim);
    const auto *shapes = entry.launch->shape->tensor_maps();
    for (size_t i = 0; shapes && i < shapes->size(); ++i)
      parameters.push_back(&maps[map++]);
  }
}

void CudaProgram::setDims(const int64_t *values) {
  std::copy(values, values + kNumDims, wideDims);
  std::copy(values, values + kNumDims, dims);
}

bool CudaProgram::launch(size_t index, Stream stream, bool dependent) {
  const Entry &entry = entries[index];
  uint64_t blocks = gridBlocks(*entry.launch, wideDims);
  if (blocks == 0)
    return false;
  ToolRange range(RangeKind::Kernel, [&] { return index < places.size() ? places[index] : ""; });
  if (entry.launch->isCopy()) {
    auto address = [&](size_t buffer) { return reinterpret_cast<Address>(entry.launch->buffers[buffer]); };
    driver.copyOnDevice(address(1), address(0), blocks * entry.launch->rowBytes, stream);
    return true;
  }
  uint64_t x = entry.resident ? std::min(entry.resident, blocks) : entry.launch->fixed;
  uint64_t y = entry.resident ? 1 : blocks / entry.launch->fixed;
  launchCuda(driver, stream, entry.function, uint32_t(x), uint32_t(y), entry.threads, entry.sharedBytes,
             parameters.data() + entry.parameters, dependent);
  return true;
}

} // namespace quipu
