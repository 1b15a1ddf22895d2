//===- CpuTarget.cpp - Which x86-64 a plan is compiled for -----------------===//

#include "codegen/cpu/CpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace llvm;

namespace quipu::codegen {

bool CpuTarget::has(StringRef feature) const { return is_contained(features, feature); }

std::string CpuTarget::featureString() const {
  std::string text;
  for (const std::string &feature : features)
    text += (text.empty() ? "+" : ",+") + feature;
  return text;
}

// The features that kernels or LLVM's choice of instructions can depend on; others of a processor (virtualisation,
// cryptography) would only make a plan refuse machines that could run it.
static constexpr StringLiteral kRelevant[] = {
    "avx",       "avx2",       "avx512bf16", "avx512bw", "avx512cd", "avx512dq", "avx512f",     "avx512fp16", "avx512vl",
    "avx512vnni", "avxvnni",    "amx-bf16",   "amx-int8", "amx-tile", "bmi",      "bmi2",        "cmov",       "crc32",
    "cx16",      "cx8",        "f16c",       "fma",      "fxsr",     "lzcnt",    "mmx",         "movbe",      "popcnt",
    "prefetchi", "sahf",       "sse",        "sse2",     "sse3",     "sse4.1",   "sse4.2",      "ssse3",      "x87",
    "xsave",     "64bit"};

static Error refuse(const Twine &message) { return createStringError(inconvertibleErrorCode(), message); }

Expected<CpuTarget> parseCpuTarget(StringRef text) {
  StringRef rest = text;
  if (!rest.consume_front("cpu") || (!rest.empty() && !rest.consume_front(":")))
    return refuse("--target '" + text + "' is not a CPU target; supported: cpu, cpu:host, cpu:x86-64-v3, cpu:x86-64-v4, "
                  "with features as in cpu:x86-64-v4,+avx512bf16");

  CpuTarget target;
  SmallVector<StringRef> words;
  rest.split(words, ',', -1, /*KeepEmpty=*/false);
  std::string base = "host";
  if (!words.empty() && !words.front().starts_with("+") && !words.front().starts_with("-")) {
    base = words.front().str();
    words.erase(words.begin());
  }
  target.requested = rest.empty() ? "host" : rest.str();

  StringSet<> enabled;
  auto enableIfRelevant = [&](StringRef feature) {
    if (is_contained(kRelevant, feature))
      enabled.insert(feature);
  };
  if (base == "host") {
    target.cpu = sys::getHostCPUName().str();
    for (const auto &feature : sys::getHostCPUFeatures())
      if (feature.second)
        enableIfRelevant(feature.first());
  } else if (base == "x86-64-v3" || base == "x86-64-v4") {
    target.cpu = base;
    SmallVector<StringRef> features;
    X86::getFeaturesForCPU(base, features);
    for (StringRef feature : features)
      enableIfRelevant(feature);
  } else {
    return refuse("--target '" + text + "': unknown processor '" + base + "'; supported: host, x86-64-v3, x86-64-v4");
  }

  for (StringRef word : words) {
    StringRef name = word.drop_front(1);
    if (word.front() != '+' && word.front() != '-')
      return refuse("--target '" + text + "': expected +feature or -feature, found '" + word + "'");
    if (!is_contained(kRelevant, name))
      return refuse("--target '" + text + "': unknown or unused feature '" + name + "'; supported: " +
                    join(ArrayRef<StringLiteral>(kRelevant), " "));
    if (word.front() == '+') {
      enabled.insert(name);
      continue;
    }
    enabled.erase(name);
    // Without its base, nothing of AVX-512 may be left on, or LLVM would turn the base on again.
    SmallVector<std::string> dependents;
    for (const auto &entry : enabled)
      if ((name == "avx512f" && entry.first().starts_with("avx512")) ||
          (name == "amx-tile" && entry.first().starts_with("amx-")) ||
          (name == "avx512bw" && entry.first() == "avx512bf16"))
        dependents.push_back(entry.first().str());
    for (const std::string &dependent : dependents)
      enabled.erase(dependent);
  }
  for (StringRef feature : {"avx512bf16", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512vnni", "avx512fp16"})
    if (enabled.contains(feature) && !enabled.contains("avx512f"))
      return refuse("--target '" + text + "': " + feature + " needs avx512f");
  for (StringRef needed : {"avx2", "fma", "f16c"})
    if (!enabled.contains(needed))
      return refuse("--target '" + text + "' has no " + needed + "; supported processors have at least AVX2, FMA and "
                    "F16C (x86-64-v3)");

  for (const auto &entry : enabled)
    target.features.push_back(entry.first().str());
  sort(target.features);
  return target;
}

} // namespace quipu::codegen
