//===- PlanTypes.h - Types of a model as a plan names them ------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_PLANTYPES_H
#define QUIPU_FRONTENDS_COMMON_PLANTYPES_H

#include "frontends/common/ModelConfig.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/abi/plan_generated.h"

#include <optional>
#include <string_view>

namespace quipu::frontend {

// The switches have no default, so that a new member of an enum does not compile until it is handled here.

constexpr plan::DType toPlan(DType type) {
  switch (type) {
  case DType::f32:
    return plan::DType::f32;
  case DType::f16:
    return plan::DType::f16;
  case DType::bf16:
    return plan::DType::bf16;
  }
  __builtin_unreachable();
}

/// The weight format of numbers of this type.
inline const WeightFormat &denseFormat(DType type) { return quipu::denseFormat(toPlan(type)); }

/// The dense format that safetensors and readers of checkpoints call "F32", "F16" or "BF16". Null for other names:
/// weights do not have them.
inline const WeightFormat *denseFormatNamed(std::string_view dtype) {
  if (dtype == "F32")
    return &denseFormat(DType::f32);
  if (dtype == "F16")
    return &denseFormat(DType::f16);
  if (dtype == "BF16")
    return &denseFormat(DType::bf16);
  return nullptr;
}

/// The type of the numbers of a dense format.
inline std::optional<DType> dtypeOf(const WeightFormat &format) {
  for (DType type : {DType::f32, DType::f16, DType::bf16})
    if (&format == &denseFormat(type))
      return type;
  return std::nullopt;
}

constexpr plan::RopeScaling toPlan(RopeScaling scaling) {
  switch (scaling) {
  case RopeScaling::none:
    return plan::RopeScaling::none;
  case RopeScaling::linear:
    return plan::RopeScaling::linear;
  case RopeScaling::llama3:
    return plan::RopeScaling::llama3;
  }
  __builtin_unreachable();
}

constexpr plan::RotaryLayout toPlan(RotaryLayout layout) {
  switch (layout) {
  case RotaryLayout::half:
    return plan::RotaryLayout::half;
  case RotaryLayout::interleaved:
    return plan::RotaryLayout::interleaved;
  }
  __builtin_unreachable();
}

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_PLANTYPES_H
