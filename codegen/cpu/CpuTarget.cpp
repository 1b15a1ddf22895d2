//===- CpuTarget.cpp - Which x86-64 a plan is compiled for -----------------===//

#include "codegen/cpu/CpuTarget.h"

#include "codegen/common/ModuleTarget.h"
#include "runtime/support/AmxPermission.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;

namespace quipu::codegen::cpu {

CpuTarget::CpuTarget(llama::CpuTargetAttr attribute) : requested(attribute.getRequest()), tune(attribute.getTune()) {
  for (mlir::StringAttr feature : attribute.getFeatures())
    features.push_back(feature.str());
}

llama::CpuTargetAttr CpuTarget::attribute(mlir::MLIRContext *context) const {
  SmallVector<mlir::StringAttr> names;
  for (const std::string &feature : features)
    names.push_back(mlir::StringAttr::get(context, feature));
  return llama::CpuTargetAttr::get(context, requested, tune, names);
}

bool CpuTarget::has(StringRef feature) const { return is_contained(features, feature); }

bool CpuTarget::readsAheadWithinPages() const {
  // Of the processors with AVX2 that LLVM names, these are not of Intel. The base levels are of no maker.
  StringRef processor = tune;
  return !tunesForAll() && llvm::none_of(ArrayRef<StringRef>{"znver", "bdver", "c86"},
                                         [&](StringRef prefix) { return processor.starts_with(prefix); });
}

bool CpuTarget::tunesForAll() const {
  StringRef processor = tune;
  return processor.starts_with("x86-64") || processor == "generic";
}

int64_t CpuTarget::l2Bytes() const {
  constexpr int64_t kKiB = 1024;
  StringRef processor = tune;
  if (processor == "sapphirerapids" || processor == "emeraldrapids" || processor.starts_with("graniterapids"))
    return 2048 * kKiB;
  return (has("avx512f") ? 1024 : 512) * kKiB;
}

std::string CpuTarget::featureString() const {
  std::string text;
  for (const std::string &feature : features)
    text += (text.empty() ? "+" : ",+") + feature;
  return text;
}

// The features beyond the x86-64 base that kernels or LLVM's choice of instructions can depend on. The runtime detects
// all of them (runtime/cpu/CpuFeatures.cpp). A feature that no kernel uses (virtualisation) is not here: with it a plan
// would refuse machines that could run it.
static constexpr StringLiteral kRelevant[] = {
    "sse3",       "ssse3",      "sse4.1",     "sse4.2",  "popcnt",   "avx",      "avx2",     "fma",      "f16c",
    "bmi",        "bmi2",       "lzcnt",      "movbe",   "avx512f",  "avx512bw", "avx512cd", "avx512dq", "avx512vl",
    "avx512bf16", "avx512fp16", "avx512vnni", "avxvnni", "amx-tile", "amx-bf16", "amx-int8"};

// The features of the x86-64 psABI's micro-architecture levels, as far as the list above has them.
static constexpr StringLiteral kLevel3[] = {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "avx",  "avx2",
                                            "fma",  "f16c",  "bmi",    "bmi2",   "lzcnt",  "movbe"};
static constexpr StringLiteral kLevel4[] = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"};

static Error refuse(const Twine &message) { return createStringError(inconvertibleErrorCode(), message); }

/// Enables the features of a base. Returns the processor to tune for, or "" when the base is unknown.
static std::string enableBase(StringRef base, StringSet<> &enabled) {
  if (base == "host") {
    bool permitsTiles = requestAmx();
    for (const auto &feature : sys::getHostCPUFeatures())
      if (feature.second && is_contained(kRelevant, feature.first()) &&
          (permitsTiles || !feature.first().starts_with("amx")))
        enabled.insert(feature.first());
    return sys::getHostCPUName().str();
  }
  if (base != "x86-64-v3" && base != "x86-64-v4")
    return "";
  for (StringRef feature : kLevel3)
    enabled.insert(feature);
  if (base == "x86-64-v4")
    for (StringRef feature : kLevel4)
      enabled.insert(feature);
  return base.str();
}

/// Disables a feature and what depends on it. If one feature of AVX-512 stayed on without avx512f, LLVM would turn
/// avx512f on again.
static void disable(StringRef name, StringSet<> &enabled) {
  enabled.erase(name);
  SmallVector<std::string> dependents;
  for (const auto &entry : enabled)
    if ((name == "avx512f" && (entry.first().starts_with("avx512") || entry.first().starts_with("amx"))) ||
        (name == "avx512bw" && entry.first() == "avx512bf16") ||
        (name == "amx-tile" && entry.first().starts_with("amx")))
      dependents.push_back(entry.first().str());
  for (const std::string &dependent : dependents)
    enabled.erase(dependent);
}

/// Applies "+feature" and "-feature" in the order in which they are written.
static Error applyFeatures(StringRef text, ArrayRef<StringRef> words, StringSet<> &enabled) {
  for (StringRef word : words) {
    StringRef name = word.substr(1);
    if (!word.starts_with("+") && !word.starts_with("-"))
      return refuse("--target '" + text + "': expected +feature or -feature, found '" + word + "'");
    if (!is_contained(kRelevant, name))
      return refuse("--target '" + text + "': unknown or unused feature '" + name +
                    "'; supported: " + join(ArrayRef<StringLiteral>(kRelevant), " "));
    if (word.front() == '+')
      enabled.insert(name);
    else
      disable(name, enabled);
  }
  return Error::success();
}

/// Refuses features without their base, and processors without what all kernels use.
static Error checkFeatures(const Twine &source, const StringSet<> &enabled) {
  for (StringRef feature : {"avx512bf16", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512fp16", "avx512vnni"})
    if (enabled.contains(feature) && !enabled.contains("avx512f"))
      return refuse(source + ": " + feature + " needs avx512f");
  // Tiles are of as many rows as a vector of AVX-512 has lanes.
  for (auto [feature, base] : {std::pair("amx-bf16", "amx-tile"), {"amx-int8", "amx-tile"}, {"amx-tile", "avx512f"}})
    if (enabled.contains(feature) && !enabled.contains(base))
      return refuse(source + ": " + feature + " needs " + base);
  for (StringRef needed : {"avx2", "fma", "f16c"})
    if (!enabled.contains(needed))
      return refuse(source + " has no " + needed +
                    "; supported processors have at least AVX2, FMA and "
                    "F16C (x86-64-v3)");
  return Error::success();
}

Expected<CpuTarget> parseCpuTarget(StringRef text) {
  StringRef rest = text;
  if (rest == "cpu")
    rest = "";
  else if (!rest.consume_front("cpu:"))
    return refuse("--target '" + text +
                  "' is not a CPU target; supported: cpu, cpu:host, cpu:x86-64-v3, cpu:x86-64-v4, "
                  "with features as in cpu:x86-64-v4,+avx512bf16");
  CpuTarget target;
  target.requested = rest.empty() ? "host" : rest.str();

  SmallVector<StringRef> words;
  if (text != "cpu")
    rest.split(words, ',');
  std::string base = "host";
  if (!words.empty() && !words.front().starts_with("+") && !words.front().starts_with("-")) {
    base = words.front().str();
    words.erase(words.begin());
  }
  StringSet<> enabled;
  target.tune = enableBase(base, enabled);
  if (target.tune.empty())
    return refuse("--target '" + text + "': unknown processor '" + base + "'; supported: host, x86-64-v3, x86-64-v4");
  if (Error error = applyFeatures(text, words, enabled))
    return error;
  if (Error error = checkFeatures("--target '" + text + "'", enabled))
    return error;
  for (const auto &entry : enabled)
    target.features.push_back(entry.first().str());
  sort(target.features);
  return target;
}

Expected<CpuTarget> takeCpuTarget(llama::CpuTargetAttr attribute) {
  StringSet<> enabled;
  for (mlir::StringAttr feature : attribute.getFeatures()) {
    if (!is_contained(kRelevant, feature.strref()))
      return refuse("llama.target: unknown or unused feature '" + feature.strref() +
                    "'; supported: " + join(ArrayRef<StringLiteral>(kRelevant), " "));
    enabled.insert(feature.strref());
  }
  if (Error error = checkFeatures("llama.target", enabled))
    return error;
  return CpuTarget(attribute);
}

mlir::FailureOr<CpuTarget> cpuTargetOf(mlir::ModuleOp module, StringRef text) {
  return targetOf<CpuTarget, llama::CpuTargetAttr>(module, text, "cpu", parseCpuTarget);
}

} // namespace quipu::codegen::cpu
