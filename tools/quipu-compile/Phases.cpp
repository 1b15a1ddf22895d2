//===- Phases.cpp - The phases of a compilation ---------------------------===//

#include "tools/quipu-compile/Phases.h"

#include "codegen/Passes.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cuda/CudaTarget.h"
#include "codegen/schedule/RowBounds.h"
#include "passes/Passes.h"
#include "tools/common/Console.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>

namespace quipu::tool {

/// Bounds of the programs of a CUDA plan. In the first, reading weights takes most of the time. In the second it still
/// does, but tensor cores must run at full rate. In the others arithmetic takes most of the time. Decode with more
/// sequences has another program than prompts of as many rows, because its attention reads other keys for each row.
static std::vector<std::string> cudaPrograms(const codegen::cuda::CudaTarget &target, frontend::DType dtype,
                                             uint32_t maxBatch) {
  using namespace codegen;
  std::vector<std::string> programs;
  auto add = [&](const std::string &kindAndName, int64_t first, int64_t last) {
    programs.push_back(kindAndName + ":" + std::to_string(first) + "-" + std::to_string(last));
  };
  if (dtype == frontend::DType::f32) {
    add("decode", 1, kFewRows);
    add("prefill", kFewRows + 1, 256);
    return programs;
  }
  int64_t next = 1;
  auto addDecode = [&](int64_t last) {
    add(next == 1 ? "decode" : "decode:decode" + std::to_string(last), next, last);
    next = last + 1;
  };
  if (target.hasRings())
    addDecode(1);
  if (target.hasWgmma()) {
    for (int64_t bound : kTileBounds)
      addDecode(bound);
  } else {
    addDecode(kFewRows);
    addDecode(kOneTileRows);
  }
  // A kind of programs for many rows: each bound with the name of the program that ends there.
  auto addMany = [&](const std::string &kind, std::initializer_list<std::pair<std::string, int64_t>> ends,
                     int64_t most) {
    int64_t first = kOneTileRows + 1;
    for (const auto &[name, last] : ends)
      if (first <= most) {
        add((kind + ":").append(name), first, std::min(last, most));
        first = last + 1;
      }
  };
  if (target.hasWgmma()) {
    addMany("decode", {{"decode128", kHighTileRows}, {"decode256", kTwoTileRows}, {"decode512", kMediumRows}},
            maxBatch);
    addMany("prefill", {{"prefill256", kTwoTileRows}, {"prefill", kMediumRows}, {"prefill2048", 2048}}, 2048);
  } else {
    addMany("decode", {{"decode512", kMediumRows}}, maxBatch);
    addMany("prefill", {{"prefill", kMediumRows}}, kMediumRows);
  }
  return programs;
}

static std::unique_ptr<mlir::Pass> createSelection(const std::string &target, uint32_t positions,
                                                   const std::string &tuning,
                                                   const std::vector<std::string> &tuned = {},
                                                   bool deterministic = false) {
  codegen::LlamaSelectSchedulesOptions options;
  options.tuned.assign(tuned.begin(), tuned.end());
  options.target = target;
  options.positions = positions;
  options.deterministic = deterministic;
  std::unique_ptr<mlir::Pass> pass = codegen::createLlamaSelectSchedules(options);
  for (llvm::StringRef word : llvm::split(tuning, ' '))
    for (auto [name, option] : {std::pair("target=", "--target"), std::pair("positions=", "--max-seq")})
      if (word.starts_with(name))
        throw UsageError("--llama-select-schedules " + tuning + ": " + word.str() + " is what " + option + " says");
  std::string problem;
  auto note = [&](const llvm::Twine &message) {
    problem = message.str();
    return mlir::failure();
  };
  if (failed(pass->initializeOptions(tuning, note)))
    throw UsageError("--llama-select-schedules " + tuning + ": " + problem);
  return pass;
}

void checkTuning(const std::string &target, const std::string &tuning) { createSelection(target, 0, tuning); }

std::vector<std::string> programsOf(const std::string &target, frontend::DType dtype, uint32_t maxBatch) {
  if (!codegen::cuda::isCudaTarget(target))
    return {};
  auto cuda = codegen::cuda::parseCudaTarget(target);
  if (cuda)
    return cudaPrograms(*cuda, dtype, maxBatch);
  // That it is a valid target was checked before.
  llvm::consumeError(cuda.takeError());
  return {};
}

bool roundsActivations(const std::string &target, bool exact) {
  if (exact || codegen::cuda::isCudaTarget(target))
    return false;
  auto cpu = codegen::cpu::parseCpuTarget(target);
  if (cpu)
    return cpu->hasInt8Dot() || cpu->hasInt16Dot();
  llvm::consumeError(cpu.takeError());
  return false;
}

CompilePhases compilePhases(const std::string &target, frontend::DType dtype, const PhaseOptions &options) {
  llama::PipelineOptions pipeline;
  llama::QuantizeActivationsPassOptions quantize;
  quantize.exact = !roundsActivations(target, options.exactActivations);
  llama::FuseSamplePassOptions sample;
  llama::SplitScoresPassOptions scores;
  // That it is a valid target was checked before.
  if (codegen::cuda::isCudaTarget(target)) {
    pipeline.rowAlign = 1;
    sample.leave = true;
    // Kernels for few rows, and those without tensor cores, do not score. Prompts of few rows get padding rows.
    scores.kinds = dtype == frontend::DType::f32 ? "none" : "prefill";
    for (const std::string &program : programsOf(target, dtype, options.maxBatch))
      pipeline.programs.push_back(program);
  } else if (auto cpu = codegen::cpu::parseCpuTarget(target)) {
    // Rows of a sequence start at a tile of rows. A tile has as many rows as a vector has lanes.
    pipeline.rowAlign = cpu->lanes();
  } else {
    llvm::consumeError(cpu.takeError());
  }
  CompilePhases phases;
  for (std::unique_ptr<mlir::Pass> &pass : llama::createGraphPasses())
    phases.common.emplace_back(std::move(pass));
  phases.ofTarget.emplace_back(llama::createSpecialization(pipeline));
  phases.ofTarget.emplace_back(llama::createSplitScoresPass(scores));
  phases.ofTarget.emplace_back(llama::createFuseSamplePass(sample));
  phases.ofTarget.emplace_back(llama::createQuantizeActivationsPass(quantize));
  phases.ofTarget.emplace_back(
      createSelection(target, options.maxSeq, options.tuning, options.tuned, options.deterministic));
  phases.ofTarget.emplace_back(llama::createPlanMemoryPass());
  return phases;
}

std::vector<std::string> phaseNames() {
  std::vector<std::string> names = {kImportPhase};
  CompilePhases phases = compilePhases("cpu", frontend::DType::f32);
  for (const std::vector<CompilePhase> *part : {&phases.common, &phases.ofTarget})
    for (const CompilePhase &phase : *part)
      names.push_back(phase.name);
  names.push_back(kCodegenPhase);
  return names;
}

std::string findPhase(const std::string &name) {
  std::string known;
  for (const std::string &candidate : phaseNames()) {
    if (candidate == name || candidate == "llama-" + name)
      return candidate;
    known += (known.empty() ? "" : ", ") + candidate;
  }
  throw UsageError("unknown phase '" + name + "'; phases: " + known);
}

} // namespace quipu::tool
