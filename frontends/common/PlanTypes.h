//===- PlanTypes.h - Types of a model as a plan names them ------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_PLANTYPES_H
#define QUIPU_FRONTENDS_COMMON_PLANTYPES_H

#include "frontends/common/ModelConfig.h"
#include "runtime/plan/plan_generated.h"

namespace quipu::frontend {

inline plan::DType toPlan(DType type) {
  return type == DType::f32 ? plan::DType::f32 : type == DType::f16 ? plan::DType::f16 : plan::DType::bf16;
}

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_PLANTYPES_H
