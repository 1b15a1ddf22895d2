//===- CostCeilings.cpp - What a device can do at best, for predictions ------------------===//

#include "tools/quipu/inspect/CostCeilings.h"

#include "runtime/abi/WeightFormat.h"
#include "runtime/core/Device.h"
#include "runtime/cuda/CudaVariant.h"
#include "runtime/support/Error.h"
#include "tools/quipu/bench/Ceilings.h"
#include "tools/quipu/profile/SavedProfile.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

namespace {
/// What NVIDIA's data sheets say of a GPU at its highest clocks. Kernels come near to the first number (85 to 95 %) and
/// less near to the others, as clocks fall under load.
struct PublishedGpu {
  std::string_view name, fullName;
  /// Compute capability, as 90.
  int capability;
  double gigabytes, bf16Teraflops, f32Teraflops;
};
} // namespace

// bf16: products of dense matrices with f32 sums. Data sheets that print numbers with sparsity have twice as much. The
// first of a capability stands for it. Numbers were compared in November 2026 with public pages that quote these
// documents of NVIDIA:
static constexpr PublishedGpu kPublished[] = {
    // "NVIDIA H100 Tensor Core GPU Architecture" (table of peak rates), and the data sheet: 3.35 TB/s, 1,979, 67.
    {"h100", "NVIDIA H100 SXM", 90, 3352, 989.4, 66.9},
    // The same: 2 TB/s, 1,513 with sparsity, 51.
    {"h100-pcie", "NVIDIA H100 PCIe", 90, 2039, 756, 51.2},
    // Data sheet "NVIDIA H200 Tensor Core GPU": 4.8 TB/s; its arithmetic is that of the H100 SXM.
    {"h200", "NVIDIA H200 SXM", 90, 4800, 989.4, 66.9},
    // Data sheet "NVIDIA A100 Tensor Core GPU".
    {"a100", "NVIDIA A100 SXM 80 GB", 80, 2039, 312, 19.5},
    {"a100-40gb", "NVIDIA A100 40 GB", 80, 1555, 312, 19.5},
    // Data sheet "NVIDIA A10 Tensor Core GPU".
    {"a10", "NVIDIA A10", 86, 600, 125, 31.2},
    // Data sheet "NVIDIA L40S": 362.05.
    {"l40s", "NVIDIA L40S", 89, 864, 362, 91.6},
    // Data sheet "NVIDIA L4 Tensor Core GPU": 242 with sparsity.
    {"l4", "NVIDIA L4", 89, 300, 121, 30.3},
    // "NVIDIA Ada GPU Architecture" (table of the RTX 4090; sums in f32).
    {"rtx-4090", "NVIDIA GeForce RTX 4090", 89, 1008, 165.2, 82.6}};

std::string publishedGpuNames() {
  std::string names;
  for (const PublishedGpu &gpu : kPublished)
    names += std::string(names.empty() ? "" : ", ") + std::string(gpu.name);
  return names;
}

static CostCeilings published(const PlanFile &plan, const PublishedGpu &gpu) {
  bool isF32 = plan.plan().config()->compute_dtype() == plan::DType::f32;
  return {.bytes = gpu.gigabytes * 1e9,
          .operations = (isF32 ? gpu.f32Teraflops : gpu.bf16Teraflops) * 1e12,
          .bytesName = "memory",
          .operationsName = isF32 ? "f32 arithmetic" : "bf16 products",
          .source = concat("published for ", gpu.fullName),
          .problem = {}};
}

/// The isa of the plan's first code, whose costs are shown: "sm_90a".
static std::string isaOf(const PlanFile &plan) { return plan.plan().target()->isa()->str(); }

static bool isForCuda(const PlanFile &plan) { return plan.plan().target()->device()->string_view() == "cuda"; }

/// Code for "sm_90a" runs on this capability alone, code for "sm_80" on later ones too.
static bool runs(const PublishedGpu &gpu, const std::string &isa) {
  return isa.ends_with("a") ? gpu.capability == isaNumber(isa) : gpu.capability >= isaNumber(isa);
}

static CostCeilings publishedFor(const PlanFile &plan, const PublishedGpu &gpu) {
  if (!isForCuda(plan))
    fail(plan.path(), ": is for a CPU, and --ceilings ", gpu.name, " is a GPU; compile the model with --target cuda");
  if (!runs(gpu, isaOf(plan)))
    fail(plan.path(), ": its first code is for ", isaOf(plan), ", which ", gpu.fullName, " (sm_", gpu.capability,
         ") does not run; compile the model with --target cuda:sm_", std::min(gpu.capability, 89));
  return published(plan, gpu);
}

/// The device of a profile: "cuda" of "cuda:sm_90a".
static std::string profiledDevice(const Json &profile) {
  std::string target = profile.value("target", "");
  return target.substr(0, target.find(':'));
}

CostCeilings CostCeilings::of(const PlanFile &plan, const std::string &name) {
  if (!name.empty()) {
    const auto *gpu = std::ranges::find(kPublished, name, &PublishedGpu::name);
    if (gpu != std::end(kPublished))
      return publishedFor(plan, *gpu);
    std::error_code error;
    if (!std::filesystem::exists(name, error))
      fail("--ceilings ", name, ": is no GPU that is known, and no file; known are ", publishedGpuNames(),
           "; a file is what quipu profile --json printed");
    Json profile = readProfile(name);
    std::string device = profiledDevice(profile), planned = plan.plan().target()->device()->str();
    if (!device.empty() && device != planned)
      fail("--ceilings ", name, ": was measured on device ", device, ", and ", plan.path(), " is for ", planned);
    return ofProfile(profile, concat("of ", name));
  }
  CostCeilings measured = measure(plan);
  if (measured.problem.empty() || !isForCuda(plan))
    return measured;
  std::string isa = isaOf(plan);
  const auto *gpu = std::ranges::find(kPublished, isaNumber(isa), &PublishedGpu::capability);
  if (gpu == std::end(kPublished))
    return measured;
  CostCeilings result = published(plan, *gpu);
  result.problem = measured.problem;
  return result;
}

CostCeilings CostCeilings::measure(const PlanFile &file) {
  // The best of a few short runs is near the ceiling.
  constexpr int kRuns = 2;
  // No cache holds more. To read all weights of a large model takes minutes and says the same.
  constexpr uint64_t kMostBytes = uint64_t(1) << 30;
  CostCeilings result;
  const plan::Plan &plan = file.plan();
  try {
    std::unique_ptr<Device> device = Device::create(plan.target()->device()->str(), 0, false);
    uint64_t weights = 0;
    for (const plan::Weight *weight : *plan.weights())
      weights += weightBytes(*weight);
    std::unique_ptr<Ceilings> ceilings = Ceilings::create(*device, plan, std::min(weights, kMostBytes), false);
    for (int i = 0; i < kRuns; ++i)
      ceilings->measure();
    result.bytes = ceilings->bytes();
    result.operations = ceilings->operations();
    result.bytesName = ceilings->bytesName();
    result.operationsName = ceilings->operationsName();
    result.source = "measured now";
  } catch (const Error &error) {
    result.problem = error.what();
  }
  return result;
}

CostCeilings CostCeilings::ofProfile(const Json &profile, const std::string &source) {
  return {.bytes = profile.at("ceiling_GBps").get<double>() * 1e9,
          .operations = profile.value("ceiling_TFLOPs", 0.0) * 1e12,
          .bytesName = profile.at("ceiling_memory"),
          .operationsName = profile.at("ceiling_instruction"),
          .source = source,
          .problem = {}};
}

} // namespace quipu::tool
