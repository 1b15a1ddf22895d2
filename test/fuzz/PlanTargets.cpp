//===- PlanTargets.cpp - The loader of plans -----------------------------------------------===//

#include "Scratch.h"
#include "Targets.h"

#include "runtime/plan/PlanFile.h"
#include "runtime/text/Tokenizer.h"

#include <cstring>

namespace quipu::test {

/// The container: header, and what may lie behind the plan.
static void planFile(std::string_view input) {
  static const Scratch scratch;
  accepts([&] { (void)PlanFile::open(scratch.write("model.qplan", input)); });
}

/// What the header's hash protects: a FlatBuffer, whose hash is right.
static void plan(std::string_view input) {
  std::span payload(reinterpret_cast<const uint8_t *>(input.data()), input.size());
  PlanFileHeader header = makePlanFileHeader(payload);
  std::vector<uint8_t> bytes(sizeof(header) + payload.size());
  memcpy(bytes.data(), &header, sizeof(header));
  std::ranges::copy(payload, bytes.begin() + sizeof(header));
  accepts([&] {
    auto file = PlanFile::fromMemory(bytes, "model.qplan");
    // A plan for random weights has no files.
    if (const auto *files = file->plan().files())
      for (const auto *weights : *files)
        (void)weightFilePlaces(*weights, file->path());
    if (auto tokenizer = Tokenizer::fromPlan(file->plan(), file->path()))
      (void)tokenizer->decode(tokenizer->encode("The café <s> 12"));
  });
}

std::span<const FuzzTarget> planTargets() {
  static constexpr FuzzTarget kTargets[] = {{"plan", plan}, {"plan_file", planFile}};
  return kTargets;
}

} // namespace quipu::test
