//===- CudaCeilings.cpp - What a GPU can do at best --------------------------------------===//

#include "runtime/cuda/CudaCeilings.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/cuda/CudaDevice.h"
#include "runtime/support/CudaToolkit.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <dlfcn.h>

namespace quipu {

CudaDevice *asCuda(Device &device) { return dynamic_cast<CudaDevice *>(&device); }

CopyCeiling::CopyCeiling(CudaDevice &device, size_t bytes)
    : device(device), begin(device.createEvent(EventUse::Time)), end(device.createEvent(EventUse::Time)) {
  // Both buffers must fit, with some memory left.
  bytes = std::min<size_t>(bytes, device.memoryInfo()->free / 3) / 256 * 256;
  from = device.allocate(bytes, MemoryUse::Dense);
  to = device.allocate(bytes, MemoryUse::Dense);
}

double CopyCeiling::measure() {
  constexpr int kCopies = 5;
  if (from.size() == 0)
    return 0;
  device.enqueueCopy(to.data(), from.data(), from.size());
  device.record(*begin);
  for (int i = 0; i < kCopies; ++i)
    device.enqueueCopy(to.data(), from.data(), from.size());
  device.record(*end);
  double rate = 2.0 * kCopies * double(from.size()) / device.seconds(*begin, *end);
  bestRate = std::max(bestRate, rate);
  return rate;
}

// Values of enums of cuBLAS: cudaDataType, cublasComputeType_t, cublasOperation_t, cublasGemmAlgo_t.
static constexpr int kBf16 = 14, kComputeF32 = 68, kTransposed = 1, kPlain = 0, kDefaultAlgorithm = -1;

struct MatmulCeiling::Impl {
  using Handle = void *;

  Impl(CudaDevice &device, uint32_t size) : device(device), size(size) {
    try {
      load();
      prepare();
    } catch (const Error &error) {
      problem = error.what();
    }
  }

  ~Impl() {
    if (handle)
      destroy(handle);
  }

  template <typename Function> void find(Function &function, const char *name) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (!function)
      fail("cuBLAS has no ", name);
  }

  void load() {
    for (const std::string &place : cublasPlaces())
      if (!library)
        library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      fail("no cuBLAS on this machine (libcublas.so.13 or .12; CUDA_HOME names a toolkit elsewhere)");
    find(create, "cublasCreate_v2");
    find(destroy, "cublasDestroy_v2");
    find(setStream, "cublasSetStream_v2");
    find(multiply, "cublasGemmEx");
  }

  void prepare() {
    size_t elements = size_t(size) * size;
    for (DeviceMemory &matrix : matrices)
      matrix = device.allocate(elements * 2, MemoryUse::Dense);
    // Values are random. With zeros the GPU would run at higher clocks than with real work.
    constexpr size_t kRows = 64;
    std::vector<UploadPiece> pieces;
    for (int matrix = 0; matrix < 2; ++matrix)
      for (size_t row = 0; row < size; row += kRows)
        pieces.push_back({static_cast<char *>(matrices[matrix].data()) + row * size * 2,
                          std::min<size_t>(kRows, size - row) * size * 2});
    device.write(pieces, [&](size_t index, char *memory) {
      fillRandom("ceiling", 1, plan::WeightRole::matrix, size, index * kRows * size, pieces[index].size / 2,
                 denseFormat(plan::DType::bf16), memory);
    });
    begin = device.createEvent(EventUse::Time);
    end = device.createEvent(EventUse::Time);
    if (create(&handle) != 0 || setStream(handle, device.workStream()) != 0)
      fail("cuBLAS does not start");
  }

  void product() {
    float one = 1, zero = 0;
    int n = int(size);
    // Rows of one matrix are multiplied by rows of the other, as activations and weights are.
    if (multiply(handle, kTransposed, kPlain, n, n, n, &one, matrices[0].data(), kBf16, n, matrices[1].data(), kBf16, n,
                 &zero, matrices[2].data(), kBf16, n, kComputeF32, kDefaultAlgorithm) != 0)
      fail("cublasGemmEx failed");
  }

  CudaDevice &device;
  uint32_t size;
  std::string problem;
  void *library = nullptr;
  Handle handle = nullptr;
  int (*create)(Handle *) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*setStream)(Handle, cuda::Stream) = nullptr;
  int (*multiply)(Handle, int, int, int, int, int, const void *, const void *, int, int, const void *, int, int,
                  const void *, void *, int, int, int, int) = nullptr;
  DeviceMemory matrices[3];
  std::unique_ptr<DeviceEvent> begin, end;
};

MatmulCeiling::MatmulCeiling(CudaDevice &device, uint32_t size) : impl(std::make_unique<Impl>(device, size)) {}
MatmulCeiling::~MatmulCeiling() = default;

bool MatmulCeiling::available() const { return impl->problem.empty(); }
const std::string &MatmulCeiling::problem() const { return impl->problem; }

double MatmulCeiling::measure() {
  constexpr int kProducts = 5;
  if (!available())
    return 0;
  impl->product();
  impl->device.record(*impl->begin);
  for (int i = 0; i < kProducts; ++i)
    impl->product();
  impl->device.record(*impl->end);
  double operations = 2.0 * kProducts * impl->size * impl->size * impl->size;
  double rate = operations / impl->device.seconds(*impl->begin, *impl->end);
  bestRate = std::max(bestRate, rate);
  return rate;
}

} // namespace quipu
