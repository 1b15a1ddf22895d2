//===- CpuFeatures.cpp - What this CPU can do --------------------------------------------===//

#include "runtime/cpu/CpuFeatures.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace quipu {

#if defined(__x86_64__)
namespace {

enum Register { eax, ebx, ecx, edx };

/// Registers that the operating system must save, so that a feature can be used.
enum class State { none, avx, avx512, amx };

struct Feature {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  Register reg;
  unsigned bit;
  State state;
};

constexpr uint32_t kExtended = 0x80000001;

constexpr Feature kFeatures[] = {
    {"cx8", 1, 0, edx, 8, State::none},
    {"cmov", 1, 0, edx, 15, State::none},
    {"mmx", 1, 0, edx, 23, State::none},
    {"fxsr", 1, 0, edx, 24, State::none},
    {"sse", 1, 0, edx, 25, State::none},
    {"sse2", 1, 0, edx, 26, State::none},
    {"sse3", 1, 0, ecx, 0, State::none},
    {"pclmul", 1, 0, ecx, 1, State::none},
    {"ssse3", 1, 0, ecx, 9, State::none},
    {"fma", 1, 0, ecx, 12, State::avx},
    {"cx16", 1, 0, ecx, 13, State::none},
    {"sse4.1", 1, 0, ecx, 19, State::none},
    {"sse4.2", 1, 0, ecx, 20, State::none},
    {"crc32", 1, 0, ecx, 20, State::none},
    {"movbe", 1, 0, ecx, 22, State::none},
    {"popcnt", 1, 0, ecx, 23, State::none},
    {"aes", 1, 0, ecx, 25, State::none},
    {"xsave", 1, 0, ecx, 27, State::none},
    {"avx", 1, 0, ecx, 28, State::avx},
    {"f16c", 1, 0, ecx, 29, State::avx},
    {"rdrnd", 1, 0, ecx, 30, State::none},
    {"fsgsbase", 7, 0, ebx, 0, State::none},
    {"bmi", 7, 0, ebx, 3, State::none},
    {"avx2", 7, 0, ebx, 5, State::avx},
    {"bmi2", 7, 0, ebx, 8, State::none},
    {"avx512f", 7, 0, ebx, 16, State::avx512},
    {"avx512dq", 7, 0, ebx, 17, State::avx512},
    {"rdseed", 7, 0, ebx, 18, State::none},
    {"adx", 7, 0, ebx, 19, State::none},
    {"avx512ifma", 7, 0, ebx, 21, State::avx512},
    {"clflushopt", 7, 0, ebx, 23, State::none},
    {"clwb", 7, 0, ebx, 24, State::none},
    {"avx512cd", 7, 0, ebx, 28, State::avx512},
    {"sha", 7, 0, ebx, 29, State::none},
    {"avx512bw", 7, 0, ebx, 30, State::avx512},
    {"avx512vl", 7, 0, ebx, 31, State::avx512},
    {"avx512vbmi", 7, 0, ecx, 1, State::avx512},
    {"avx512vbmi2", 7, 0, ecx, 6, State::avx512},
    {"gfni", 7, 0, ecx, 8, State::none},
    {"vaes", 7, 0, ecx, 9, State::avx},
    {"vpclmulqdq", 7, 0, ecx, 10, State::avx},
    {"avx512vnni", 7, 0, ecx, 11, State::avx512},
    {"avx512bitalg", 7, 0, ecx, 12, State::avx512},
    {"avx512vpopcntdq", 7, 0, ecx, 14, State::avx512},
    {"rdpid", 7, 0, ecx, 22, State::none},
    {"movdiri", 7, 0, ecx, 27, State::none},
    {"movdir64b", 7, 0, ecx, 28, State::none},
    {"avx512vp2intersect", 7, 0, edx, 8, State::avx512},
    {"serialize", 7, 0, edx, 14, State::none},
    {"amx-bf16", 7, 0, edx, 22, State::amx},
    {"avx512fp16", 7, 0, edx, 23, State::avx512},
    {"amx-tile", 7, 0, edx, 24, State::amx},
    {"amx-int8", 7, 0, edx, 25, State::amx},
    {"avxvnni", 7, 1, eax, 4, State::avx},
    {"avx512bf16", 7, 1, eax, 5, State::avx512},
    {"amx-fp16", 7, 1, eax, 21, State::amx},
    {"avxifma", 7, 1, eax, 23, State::avx},
    {"avxvnniint8", 7, 1, edx, 4, State::avx},
    {"avxneconvert", 7, 1, edx, 5, State::avx},
    {"amx-complex", 7, 1, edx, 8, State::amx},
    {"avxvnniint16", 7, 1, edx, 10, State::avx},
    {"xsaveopt", 0xd, 1, eax, 0, State::none},
    {"xsavec", 0xd, 1, eax, 1, State::none},
    {"xsaves", 0xd, 1, eax, 3, State::none},
    {"sahf", kExtended, 0, ecx, 0, State::none},
    {"lzcnt", kExtended, 0, ecx, 5, State::none},
    {"sse4a", kExtended, 0, ecx, 6, State::none},
    {"prfchw", kExtended, 0, ecx, 8, State::none},
    {"64bit", kExtended, 0, edx, 29, State::none},
};

bool readRegister(const Feature &feature, uint32_t &value) {
  // Leaf 7 says how many subleaves it has.
  unsigned regs[4];
  if (feature.subleaf > 0 && feature.leaf == 7 &&
      (!__get_cpuid_count(7, 0, &regs[eax], &regs[ebx], &regs[ecx], &regs[edx]) || regs[eax] < feature.subleaf))
    return false;
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &regs[eax], &regs[ebx], &regs[ecx], &regs[edx]))
    return false;
  value = regs[feature.reg];
  return true;
}

/// XCR0, which says what registers the system saves. 0 without XSAVE.
uint64_t savedState() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

bool stateSaved(State state, uint64_t xcr0) {
  uint64_t needed = 0;
  switch (state) {
  case State::none:
    break;
  case State::avx:
    needed = 0x6;
    break;
  case State::avx512:
    needed = 0xe6;
    break;
  case State::amx:
    needed = 0x60000;
    break;
  }
  return (xcr0 & needed) == needed;
}

std::vector<std::string> detect() {
  std::vector<std::string> features;
  uint64_t xcr0 = savedState();
  for (const Feature &feature : kFeatures) {
    uint32_t value = 0;
    if (readRegister(feature, value) && (value >> feature.bit & 1) && stateSaved(feature.state, xcr0))
      features.push_back(feature.name);
  }
  std::sort(features.begin(), features.end());
  return features;
}

} // namespace

std::string cpuModelName() {
  char text[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    unsigned regs[4];
    if (!__get_cpuid(0x80000002 + i, &regs[0], &regs[1], &regs[2], &regs[3]))
      return "x86-64 CPU";
    memcpy(text + 16 * i, regs, 16);
  }
  std::string name = text;
  name.erase(0, name.find_first_not_of(' '));
  name.erase(name.find_last_not_of(' ') + 1);
  return name.empty() ? "x86-64 CPU" : name;
}

#else

static std::vector<std::string> detect() { return {}; }
std::string cpuModelName() { return "CPU"; }

#endif

const std::vector<std::string> &cpuFeatures() {
  static const std::vector<std::string> features = detect();
  return features;
}

bool hasCpuFeature(std::string_view feature) {
  const std::vector<std::string> &features = cpuFeatures();
  return std::binary_search(features.begin(), features.end(), feature);
}

} // namespace quipu
