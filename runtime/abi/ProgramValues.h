//===- ProgramValues.h - Inputs and outputs of programs, by name ------------*- C++ -*-===//
//
// A program says what it takes and gives (Program.inputs and outputs of plan.fbs; the attribute llama.name of arguments
// and results in the IR). These are the values that the runtime knows.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_PROGRAMVALUES_H
#define QUIPU_RUNTIME_ABI_PROGRAMVALUES_H

#include "runtime/abi/plan_generated.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace quipu {

/// A value that the runtime knows: its name, type of elements and kind of rows. The number of its columns depends on
/// the model.
struct KnownValue {
  const char *name;
  plan::ValueType type;
  plan::RowDim rows;
};

/// What the runtime gives each step. The first kNumRowInputs are in one piece of memory, in this order.
enum class StepInput { Tokens, Positions, Sequences, OutputRows, SampleRules, RecentTokens, RandomNumbers, Targets };
inline constexpr size_t kNumRowInputs = 4;
inline constexpr KnownValue kStepInputs[] = {
    {"tokens", plan::ValueType::i32, plan::RowDim::tokens},
    {"positions", plan::ValueType::i32, plan::RowDim::tokens},
    {"sequences", plan::ValueType::i32, plan::RowDim::tokens},
    {"output_rows", plan::ValueType::i32, plan::RowDim::outputs},
    {"sample_rules", plan::ValueType::sample_rule, plan::RowDim::outputs},
    {"recent_tokens", plan::ValueType::i32, plan::RowDim::outputs},
    {"random_numbers", plan::ValueType::f64, plan::RowDim::outputs},
    {"targets", plan::ValueType::i32, plan::RowDim::outputs},
};

/// Whether kernels read the input. (The others are for what chooses tokens.)
constexpr bool isForKernels(StepInput input) { return size_t(input) < kNumRowInputs || input == StepInput::Targets; }

/// What a step gives the runtime.
enum class StepOutput { Logits, GreedyTokens, DrawnTokens, LogProbs };
inline constexpr KnownValue kStepOutputs[] = {
    {"logits", plan::ValueType::f32, plan::RowDim::outputs},
    {"greedy_tokens", plan::ValueType::i32, plan::RowDim::outputs},
    {"drawn_tokens", plan::ValueType::i32, plan::RowDim::outputs},
    {"log_probs", plan::ValueType::f32, plan::RowDim::outputs},
};

constexpr const KnownValue &knownValue(StepInput input) { return kStepInputs[size_t(input)]; }
constexpr const KnownValue &knownValue(StepOutput output) { return kStepOutputs[size_t(output)]; }

/// The number of the value of this name in one of the lists. Nothing if the list has no such value.
constexpr std::optional<size_t> findValue(std::span<const KnownValue> known, std::string_view name) {
  for (size_t i = 0; i < known.size(); ++i)
    if (known[i].name == name)
      return i;
  return std::nullopt;
}

static_assert(std::size(kStepInputs) == size_t(StepInput::Targets) + 1 &&
              std::size(kStepOutputs) == size_t(StepOutput::LogProbs) + 1);
static_assert(findValue(kStepInputs, "output_rows") == size_t(StepInput::OutputRows) &&
              kNumRowInputs == size_t(StepInput::OutputRows) + 1);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_PROGRAMVALUES_H
