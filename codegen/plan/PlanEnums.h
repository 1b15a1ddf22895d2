//===- PlanEnums.h - Members of the dialect's lists as a plan names them -*- C++ -*-===//
//
// Switches without a default: a new member does not compile until it is known here.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_PLAN_PLANENUMS_H
#define QUIPU_CODEGEN_PLAN_PLANENUMS_H

#include "codegen/common/GeneratedKernel.h"
#include "ir/Llama/Llama.h"
#include "runtime/abi/plan_generated.h"

#include <optional>

namespace quipu::codegen {

/// Nothing where a plan has no such elements.
inline std::optional<plan::DType> toPlan(mlir::Type type) {
  if (type.isF32())
    return plan::DType::f32;
  if (type.isF16())
    return plan::DType::f16;
  if (type.isBF16())
    return plan::DType::bf16;
  if (type.isInteger(32))
    return plan::DType::i32;
  return std::nullopt;
}

inline plan::WeightRole toPlan(llama::WeightRole role) {
  switch (role) {
  case llama::WeightRole::Matrix:
    return plan::WeightRole::matrix;
  case llama::WeightRole::Norm:
    return plan::WeightRole::norm;
  case llama::WeightRole::Embedding:
    return plan::WeightRole::embedding;
  case llama::WeightRole::Bias:
    return plan::WeightRole::bias;
  }
  llvm_unreachable("all roles are listed");
}

inline plan::SampleMode toPlan(llama::SampleMode mode) {
  switch (mode) {
  case llama::SampleMode::Greedy:
    return plan::SampleMode::greedy;
  case llama::SampleMode::Drawn:
    return plan::SampleMode::drawn;
  }
  llvm_unreachable("all modes are listed");
}

/// Nothing where no input or output of a program has such elements.
inline std::optional<plan::ValueType> valueType(mlir::Type type) {
  if (type.isInteger(32))
    return plan::ValueType::i32;
  if (type.isF32())
    return plan::ValueType::f32;
  if (type.isF64())
    return plan::ValueType::f64;
  if (mlir::isa<llama::SampleRuleType>(type))
    return plan::ValueType::sample_rule;
  return std::nullopt;
}

inline plan::RowDim toPlan(RowDim rows) {
  switch (rows) {
  case RowDim::One:
    return plan::RowDim::one;
  case RowDim::Tokens:
    return plan::RowDim::tokens;
  case RowDim::Outputs:
    return plan::RowDim::outputs;
  case RowDim::Lone:
    return plan::RowDim::lone;
  case RowDim::Other:
    return plan::RowDim::other;
  }
  llvm_unreachable("all kinds of rows are listed");
}

/// Nothing for a program that is not specialised, which no plan holds.
inline std::optional<plan::ProgramKind> toPlan(llama::ProgramKind kind) {
  switch (kind) {
  case llama::ProgramKind::Forward:
    return std::nullopt;
  case llama::ProgramKind::Decode:
    return plan::ProgramKind::decode;
  case llama::ProgramKind::Prefill:
    return plan::ProgramKind::prefill;
  }
  llvm_unreachable("all kinds of programs are listed");
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_PLANENUMS_H
