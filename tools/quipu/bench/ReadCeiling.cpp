//===- ReadCeiling.cpp - The read bandwidth of this machine ------------------------------===//

#include "runtime/cpu/CpuFeatures.h"
#include "runtime/support/Error.h"
#include "tools/quipu/Memory.h"
#include "tools/quipu/bench/Ceilings.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <immintrin.h>
#include <sys/mman.h>
#include <unistd.h>

namespace quipu::tool {

namespace {

/// Bytes that one step of a stream reads.
constexpr size_t kStep = 256;

/// A loop that reads `streams` equal parts of a range at the same time. `prefetch`: distance of software prefetch in
/// bytes (0: no prefetch).
struct Shape {
  unsigned streams;
  unsigned prefetch;
};
constexpr Shape kShapes[] = {{1, 0}, {2, 0}, {4, 0}, {8, 0}, {1, 1024}, {2, 1024}, {4, 1024}, {1, 4096}, {4, 4096}};

using ReadFunction = uint64_t (*)(const uint8_t *begin, size_t size, Shape shape);

} // namespace

// The same loop for three instruction sets. It sums 64-bit integers: that is one cheap instruction for each load, and
// its speed does not depend on the data.

__attribute__((target("avx512f"))) static uint64_t readAvx512(const uint8_t *begin, size_t size, Shape shape) {
  size_t part = size / shape.streams / kStep * kStep;
  __m512i sums[4] = {};
  for (size_t offset = 0; offset < part; offset += kStep)
    for (unsigned stream = 0; stream < shape.streams; ++stream) {
      const uint8_t *address = begin + stream * part + offset;
      if (shape.prefetch)
        for (size_t line = 0; line < kStep; line += 64)
          _mm_prefetch(reinterpret_cast<const char *>(address) + shape.prefetch + line, _MM_HINT_T0);
      for (size_t i = 0; i < 4; ++i)
        sums[i] = _mm512_add_epi64(sums[i], _mm512_load_si512(address + i * 64));
    }
  return uint64_t(_mm512_reduce_add_epi64(
      _mm512_add_epi64(_mm512_add_epi64(sums[0], sums[1]), _mm512_add_epi64(sums[2], sums[3]))));
}

__attribute__((target("avx2"))) static uint64_t readAvx2(const uint8_t *begin, size_t size, Shape shape) {
  size_t part = size / shape.streams / kStep * kStep;
  __m256i sums[8] = {};
  for (size_t offset = 0; offset < part; offset += kStep)
    for (unsigned stream = 0; stream < shape.streams; ++stream) {
      const uint8_t *address = begin + stream * part + offset;
      if (shape.prefetch)
        for (size_t line = 0; line < kStep; line += 64)
          _mm_prefetch(reinterpret_cast<const char *>(address) + shape.prefetch + line, _MM_HINT_T0);
      for (size_t i = 0; i < 8; ++i)
        sums[i] = _mm256_add_epi64(sums[i], _mm256_load_si256(reinterpret_cast<const __m256i *>(address + i * 32)));
    }
  __m256i total = sums[0];
  for (unsigned i = 1; i < 8; ++i)
    total = _mm256_add_epi64(total, sums[i]);
  uint64_t lanes[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(lanes), total);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

static uint64_t readBaseline(const uint8_t *begin, size_t size, Shape shape) {
  size_t part = size / shape.streams / kStep * kStep;
  __m128i sums[16] = {};
  for (size_t offset = 0; offset < part; offset += kStep)
    for (unsigned stream = 0; stream < shape.streams; ++stream) {
      const uint8_t *address = begin + stream * part + offset;
      if (shape.prefetch)
        for (size_t line = 0; line < kStep; line += 64)
          _mm_prefetch(reinterpret_cast<const char *>(address) + shape.prefetch + line, _MM_HINT_T0);
      for (size_t i = 0; i < 16; ++i)
        sums[i] = _mm_add_epi64(sums[i], _mm_load_si128(reinterpret_cast<const __m128i *>(address + i * 16)));
    }
  __m128i total = sums[0];
  for (unsigned i = 1; i < 16; ++i)
    total = _mm_add_epi64(total, sums[i]);
  uint64_t lanes[2];
  _mm_storeu_si128(reinterpret_cast<__m128i *>(lanes), total);
  return lanes[0] + lanes[1];
}

static ReadFunction readFunction() {
  if (hasCpuFeature("avx512f"))
    return readAvx512;
  return hasCpuFeature("avx2") ? readAvx2 : readBaseline;
}

/// At least 1 GiB, the model's size and eight times the last-level cache, at most a quarter of the free memory.
static size_t chooseSize(uint64_t modelBytes) {
  long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  uint64_t wanted = std::max({uint64_t(1) << 30, modelBytes, uint64_t(std::max(cache, 0L)) * 8});
  uint64_t size = std::min(wanted, systemMemory().available / 4);
  constexpr uint64_t kHugePage = uint64_t(2) << 20;
  return std::max(size / kHugePage, uint64_t(1)) * kHugePage;
}

ReadCeiling::ReadCeiling(ThreadPool &pool, uint64_t modelBytes) : pool(pool), size(chooseSize(modelBytes)) {
  void *address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED)
    fail("no memory for the buffer of the bandwidth measurement (", size >> 20, " MiB)", errnoSuffix(errno));
  // Large pages, as weights have them.
  madvise(address, size, MADV_HUGEPAGE);
  buffer = static_cast<uint8_t *>(address);
  // Each thread writes its share first, so that the system puts it into memory near the thread.
  pool.run(
      [](void *context, unsigned worker) {
        auto &self = *static_cast<ReadCeiling *>(context);
        ThreadPool::Range range = self.pool.split(self.size / kStep, worker);
        memset(self.buffer + size_t(range.begin) * kStep, 0x5a, size_t(range.end - range.begin) * kStep);
      },
      this);
}

ReadCeiling::~ReadCeiling() { munmap(buffer, size); }

double ReadCeiling::measure() {
  struct Pass {
    ReadCeiling &ceiling;
    ReadFunction read;
    Shape shape;
    std::atomic<uint64_t> sum{0};
  };
  double rate = 0;
  for (Shape shape : kShapes) {
    Pass pass{*this, readFunction(), shape};
    auto start = std::chrono::steady_clock::now();
    pool.run(
        [](void *context, unsigned worker) {
          auto &pass = *static_cast<Pass *>(context);
          ThreadPool::Range range = pass.ceiling.pool.split(pass.ceiling.size / kStep, worker);
          pass.sum += pass.read(pass.ceiling.buffer + size_t(range.begin) * kStep,
                                size_t(range.end - range.begin) * kStep, pass.shape);
        },
        &pass);
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    sink += pass.sum;
    rate = std::max(rate, double(size) / seconds);
  }
  bestRate = std::max(bestRate, rate);
  return rate;
}

} // namespace quipu::tool
