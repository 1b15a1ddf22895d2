//===- ToyPlan.h - A whole plan without a compiler --------------------------*- C++ -*-===//
//
// A model of the simplest shape that uses everything of the runtime: an embedding, layers (one rolled sequence) that
// write and read the paged cache, and logits; a decode and a prefill program; weights used in place, converted and
// joined.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_TOYPLAN_H
#define QUIPU_TEST_RUNTIME_TOYPLAN_H

#include "runtime/plan/PlanFile.h"
#include "runtime/support/Error.h"
#include "test/UniqueFolder.h"
#include "test/runtime/ToyShape.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace quipu::test {

/// Whether the tests are built with AddressSanitizer, which takes all addresses and handles faults by itself.
inline constexpr bool kHasAddressSanitizer =
#if __has_feature(address_sanitizer)
    true;
#else
    false;
#endif

/// A folder of the test's own, removed at its end.
class TempFolder {
public:
  std::string path(const std::string &name = "") const {
    return (name.empty() ? folder.path : folder.path / name).string();
  }
  /// Names in it, sorted.
  std::vector<std::string> list() const;

private:
  UniqueFolder folder;
};

std::vector<uint8_t> readFile(const std::string &path);
void writeFile(const std::string &path, std::span<const uint8_t> bytes);

/// Values of the toy model's weights as written to its weight file.
struct ToyWeights {
  std::vector<float> embedding; // [V][D], bf16 in the file
  std::vector<float> layers;    // [layers][D]
  std::vector<float> scale;     // [D], two halves in the file
};
ToyWeights toyWeights();

/// Writes the weight file (safetensors) and returns its record for the plan.
std::unique_ptr<plan::WeightFileT> writeToyWeights(const std::string &path, const std::string &relativePath);

/// The plan without weight files: for random weights.
plan::PlanT toyPlan();
/// The plan for weights.safetensors in `folder`, which is written too.
plan::PlanT toyPlan(const TempFolder &folder);

/// Lets the kernel of the logits choose tokens in the decode program, by toyChoice.
void chooseInKernel(plan::PlanT &plan);

/// For many sequences of up to 64 positions: programs that give logits which follow from a sequence's tokens alone
/// (toy_logits_plain), so that answers do not depend on the batch. Decode takes as many rows as there are sequences.
void makePlain(plan::PlanT &plan, uint32_t maxBatch);

/// Adds a program beside each, which gives log_probs by toyScore.
void addScorePrograms(plan::PlanT &plan);

/// Makes a CUDA plan of it, with variants sm_90a (cubin and PTX; toy_mix is persistent and has a tensor map) and sm_80
/// (PTX), whose code is for the fake driver (FakeCuda.h). Decode takes 1 to kToyMaxBatch rows.
void makeCuda(plan::PlanT &plan);

std::vector<uint8_t> packPlan(const plan::PlanT &plan);
/// Header and payload.
std::vector<uint8_t> planBytes(std::span<const uint8_t> payload);
/// Writes it as `name` into the folder and returns the path.
std::string writeToyPlan(const TempFolder &folder, const plan::PlanT &plan, const std::string &name = "toy.plan");

/// Logits of every position, [T][V], computed straight from the definition (report columns are 0).
std::vector<float> toyReference(const ToyWeights &weights, const std::vector<int32_t> &tokens);

/// The message of the Error that the function must throw.
std::string errorOf(const std::function<void()> &function);

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_TOYPLAN_H
