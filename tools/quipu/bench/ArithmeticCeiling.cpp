//===- ArithmeticCeiling.cpp - The arithmetic rate of this machine -----------------------===//

#include "tools/quipu/bench/Ceilings.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <immintrin.h>
#include <vector>

namespace quipu::tool {

namespace {
/// Rounds of the loop in one measurement. They take 10 to 30 ms.
constexpr uint64_t kRounds = 4000000;
} // namespace

// Each loop has so many independent accumulators that they cover the latency of its instruction on two ports. All are
// in registers, because the compiler unrolls the inner loop completely. The empty asm hides the operands' values, so
// that the compiler cannot compute the result itself.

/// Products of tiles. One takes as long as 16 instructions of the other loops, so the loop has fewer rounds.
constexpr uint64_t kTileRounds = 8;

namespace {
struct alignas(64) TileShapes {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
} // namespace

__attribute__((target("amx-tile,amx-bf16"))) static float loopTiles(uint64_t rounds) {
  TileShapes shapes;
  _tile_loadconfig(&shapes);
  for (uint64_t round = 0; round < rounds / kTileRounds; ++round) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  alignas(64) float sums[16 * 16];
  _tile_stored(0, sums, 64);
  _tile_release();
  return sums[0];
}

__attribute__((target("amx-tile,amx-int8"))) static float loopIntegerTiles(uint64_t rounds) {
  TileShapes shapes;
  _tile_loadconfig(&shapes);
  for (uint64_t round = 0; round < rounds / kTileRounds; ++round) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  alignas(64) int32_t sums[16 * 16];
  _tile_stored(0, sums, 64);
  _tile_release();
  return float(sums[0]);
}

__attribute__((target("avx512f,avx512bf16"))) static float loopBf16(uint64_t rounds) {
  constexpr int kAccumulators = 24;
  __m512 sums[kAccumulators] = {};
  __m512i one = _mm512_set1_epi32(0x3f803f80);
  asm volatile("" : "+v"(one));
  __m512bh left = __m512bh(one), right = left;
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i)
      sums[i] = _mm512_dpbf16_ps(sums[i], left, right);
  __m512 total = sums[0];
  for (int i = 1; i < kAccumulators; ++i)
    total = _mm512_add_ps(total, sums[i]);
  return _mm512_reduce_add_ps(total);
}

__attribute__((target("avx512f"))) static float loopFma512(uint64_t rounds) {
  constexpr int kAccumulators = 24;
  __m512 sums[kAccumulators] = {};
  __m512 left = _mm512_set1_ps(1.0f), right = left;
  asm volatile("" : "+v"(left), "+v"(right));
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i)
      sums[i] = _mm512_fmadd_ps(left, right, sums[i]);
  __m512 total = sums[0];
  for (int i = 1; i < kAccumulators; ++i)
    total = _mm512_add_ps(total, sums[i]);
  return _mm512_reduce_add_ps(total);
}

__attribute__((target("avx2,fma"))) static float loopFma256(uint64_t rounds) {
  // 16 registers: 13 accumulators and the operands.
  constexpr int kAccumulators = 13;
  __m256 sums[kAccumulators] = {};
  __m256 left = _mm256_set1_ps(1.0f), right = left;
  asm volatile("" : "+x"(left), "+x"(right));
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i)
      sums[i] = _mm256_fmadd_ps(left, right, sums[i]);
  __m256 total = sums[0];
  for (int i = 1; i < kAccumulators; ++i)
    total = _mm256_add_ps(total, sums[i]);
  float lanes[8], result = 0;
  _mm256_storeu_ps(lanes, total);
  for (float lane : lanes)
    result += lane;
  return result;
}

__attribute__((target("avx512f,avx512vnni"))) static float loopInt8Dot512(uint64_t rounds) {
  constexpr int kAccumulators = 24;
  __m512i sums[kAccumulators] = {};
  __m512i left = _mm512_set1_epi8(1), right = left;
  asm volatile("" : "+v"(left), "+v"(right));
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i)
      sums[i] = _mm512_dpbusd_epi32(sums[i], left, right);
  __m512i total = sums[0];
  for (int i = 1; i < kAccumulators; ++i)
    total = _mm512_add_epi32(total, sums[i]);
  return float(_mm512_reduce_add_epi32(total));
}

__attribute__((target("avx512f,avx512bw"))) static float loopInt16Pairs512(uint64_t rounds) {
  constexpr int kAccumulators = 24;
  __m512i sums[kAccumulators] = {};
  __m512i left = _mm512_set1_epi16(1), right = left;
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i) {
      asm volatile("" : "+v"(left), "+v"(right)); // The product is made anew each time.
      sums[i] = _mm512_add_epi32(sums[i], _mm512_madd_epi16(left, right));
    }
  __m512i total = sums[0];
  for (int i = 1; i < kAccumulators; ++i)
    total = _mm512_add_epi32(total, sums[i]);
  return float(_mm512_reduce_add_epi32(total));
}

__attribute__((target("avx2"))) static float firstOf(const __m256i *sums, int count) {
  __m256i total = sums[0];
  for (int i = 1; i < count; ++i)
    total = _mm256_add_epi32(total, sums[i]);
  return float(_mm256_extract_epi32(total, 0));
}

__attribute__((target("avx2,avxvnni"))) static float loopInt8Dot256(uint64_t rounds) {
  constexpr int kAccumulators = 13;
  __m256i sums[kAccumulators] = {};
  __m256i left = _mm256_set1_epi8(1), right = left;
  asm volatile("" : "+x"(left), "+x"(right));
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i)
      sums[i] = _mm256_dpbusd_avx_epi32(sums[i], left, right);
  return firstOf(sums, kAccumulators);
}

__attribute__((target("avx2"))) static float loopInt8Pairs256(uint64_t rounds) {
  constexpr int kAccumulators = 12;
  __m256i sums[kAccumulators] = {};
  __m256i left = _mm256_set1_epi8(1), right = left;
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i) {
      asm volatile("" : "+x"(left), "+x"(right)); // The product is made anew each time.
      sums[i] = _mm256_add_epi16(sums[i], _mm256_maddubs_epi16(left, right));
    }
  return firstOf(sums, kAccumulators);
}

__attribute__((target("avx2"))) static float loopInt16Pairs256(uint64_t rounds) {
  constexpr int kAccumulators = 12;
  __m256i sums[kAccumulators] = {};
  __m256i left = _mm256_set1_epi16(1), right = left;
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i) {
      asm volatile("" : "+x"(left), "+x"(right)); // The product is made anew each time.
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(left, right));
    }
  return firstOf(sums, kAccumulators);
}

static float loopSse(uint64_t rounds) {
  constexpr int kAccumulators = 12;
  __m128 sums[kAccumulators] = {};
  __m128 left = _mm_set1_ps(1.0f), right = left;
  asm volatile("" : "+x"(left), "+x"(right));
  for (uint64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i)
      sums[i] = _mm_add_ps(sums[i], _mm_mul_ps(left, right));
  __m128 total = sums[0];
  for (int i = 1; i < kAccumulators; ++i)
    total = _mm_add_ps(total, sums[i]);
  return _mm_cvtss_f32(total);
}

namespace {
struct Loop {
  const char *name;
  float (*run)(uint64_t rounds);
  /// Operations of one round.
  double operations;
};
} // namespace

static Loop loopOf(DotInstruction instruction) {
  switch (instruction) {
  case DotInstruction::Bf16Tiles:
    return {"tdpbf16ps", loopTiles, 4 * 16384.0 / kTileRounds};
  case DotInstruction::Int8Tiles:
    return {"tdpbssd", loopIntegerTiles, 4 * 32768.0 / kTileRounds};
  case DotInstruction::Int8Dot512:
    return {"vpdpbusd zmm", loopInt8Dot512, 24 * 128};
  case DotInstruction::Int8Dot256:
    return {"vpdpbusd ymm", loopInt8Dot256, 13 * 64};
  case DotInstruction::Int8Pairs256:
    return {"vpmaddubsw+vpaddw ymm", loopInt8Pairs256, 12 * 64};
  case DotInstruction::Int16Pairs512:
    return {"vpmaddwd+vpaddd zmm", loopInt16Pairs512, 24 * 64};
  case DotInstruction::Int16Pairs256:
    return {"vpmaddwd+vpaddd ymm", loopInt16Pairs256, 12 * 32};
  case DotInstruction::Bf16Dot512:
    return {"vdpbf16ps zmm", loopBf16, 24 * 64};
  case DotInstruction::Fma512:
    return {"vfmadd zmm", loopFma512, 24 * 32};
  case DotInstruction::Fma256:
    return {"vfmadd ymm", loopFma256, 13 * 16};
  case DotInstruction::Scalar:
    break;
  }
  return {"mulps+addps xmm", loopSse, 12 * 8};
}

const char *dotInstructionName(DotInstruction instruction) { return loopOf(instruction).name; }

double ArithmeticCeiling::measure() {
  struct Pass {
    Loop loop;
    std::atomic<float> sum{0};
  };
  Pass pass{loopOf(instruction)};
  auto start = std::chrono::steady_clock::now();
  pool.run(
      [](void *context, unsigned) {
        auto &pass = *static_cast<Pass *>(context);
        pass.sum = pass.loop.run(kRounds);
      },
      &pass);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  double rate = pass.loop.operations * double(kRounds) * pool.size() / seconds;
  bestRate = std::max(bestRate, rate);
  return rate;
}

} // namespace quipu::tool
