//===- PlanChecks.h - What the checks of a plan have in common --------------*- C++ -*-===//
//
// The FlatBuffers verifier proves that every offset stays in the buffer; it knows nothing of indices, enums and sizes.
// After these checks the runtime uses them without looking again.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PLAN_PLANCHECKS_H
#define QUIPU_RUNTIME_PLAN_PLANCHECKS_H

#include "runtime/abi/WeightFormat.h"
#include "runtime/abi/plan_generated.h"
#include "runtime/support/Error.h"

#include <cstdint>
#include <cstring>
#include <string>

namespace quipu {

// Bounds far above any real model. Within them the arithmetic of the checks cannot overflow.
inline constexpr uint64_t kMaxBytes = uint64_t(1) << 46;
inline constexpr uint64_t kMaxElements = uint64_t(1) << 44;
inline constexpr uint64_t kMaxCount = uint64_t(1) << 24;

class PlanChecks {
public:
  PlanChecks(const plan::Plan &plan, const std::string &name) : plan(plan), name(name) {}

protected:
  template <typename... Args> [[noreturn]] void wrong(const Args &...args) {
    fail(name, ": the plan is invalid: ", args...);
  }

  template <typename Enum> void checkEnum(Enum value, Enum last, const std::string &field) {
    if (uint64_t(value) > uint64_t(last))
      wrong(field, " is ", uint64_t(value), ", the last known is ", uint64_t(last));
  }

  void checkRange(uint64_t value, uint64_t low, uint64_t high, const std::string &field) {
    if (value < low || value > high)
      wrong(field, " is ", value, ", expected ", low, " to ", high);
  }

  /// The verifier looks at the alignment of a vector's length. The alignment of its elements is checked here.
  template <typename Vector> void checkAligned(const Vector &vector, const std::string &field) {
    if (reinterpret_cast<uintptr_t>(vector.Data()) % 8 != 0)
      wrong(field, " is not aligned");
  }

  void checkName(const flatbuffers::String *string, const std::string &field) {
    // C interfaces read a string only up to its first zero byte.
    if (!string || string->size() == 0 || strlen(string->c_str()) != string->size())
      wrong(field, " is missing, empty or holds a zero byte");
  }

  void checkFloatType(plan::DType dtype, const std::string &field) {
    checkEnum(dtype, plan::DType::MAX, field);
    switch (dtype) {
    case plan::DType::f32:
    case plan::DType::f16:
    case plan::DType::bf16:
      return;
    case plan::DType::i32:
      wrong(field, " is i32, expected f32, f16 or bf16");
    }
  }

  /// Call it only for fields that the verifier requires.
  const WeightFormat &checkFormat(const flatbuffers::String &name, const std::string &field) {
    const WeightFormat *format = findWeightFormat(name.string_view());
    if (!format)
      wrong(field, " is '", name.string_view(), "', expected one of ", weightFormatNames());
    return *format;
  }

  bool isCuda() const { return plan.target()->device()->string_view() == "cuda"; }

  const plan::Plan &plan;
  const std::string &name;
};

/// Checks that steps give kernels the arguments that they expect.
void checkLaunches(const plan::Plan &plan, const std::string &name);

/// Weights and where their bytes come from.
void checkWeights(const plan::Plan &plan, const std::string &name);

/// Variants, code modules, kernels and the bounds of programs.
void checkPrograms(const plan::Plan &plan, const std::string &name);

/// Inputs and outputs of programs, and the steps that they consist of.
void checkSteps(const plan::Plan &plan, const std::string &name);

} // namespace quipu

#endif // QUIPU_RUNTIME_PLAN_PLANCHECKS_H
