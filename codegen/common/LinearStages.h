//===- LinearStages.h - The steps that a linear kernel is made of -*- C++ -*-===//
//
// A linear kernel is a list of stages: what happens to the input before the product, and what happens to the sums
// behind it. A stage is a plain struct. An emitter visits the list and has one function for each stage.
//
// To add a stage: write its struct here, add it to the variant, let LinearRegion.cpp match its op, and add the form in
// which it stands to kForms there. Emitters then do not compile until they say what they do with it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_LINEARSTAGES_H
#define QUIPU_CODEGEN_COMMON_LINEARSTAGES_H

#include "ir/Llama/Llama.h"

#include <variant>

namespace quipu::codegen {

//===----------------------------------------------------------------------===//
// Prologue: rows of the input
//===----------------------------------------------------------------------===//

/// Selects rows of the input by their numbers.
struct GatherStage {
  llama::GatherRowsOp op;
};

/// Normalises rows.
struct NormStage {
  llama::RMSNormOp op;
};

/// Rows are rounded to small integers and scales.
struct QuantizeStage {
  llama::QuantizeOp op;
};

using PrologueStage = std::variant<GatherStage, NormStage, QuantizeStage>;

//===----------------------------------------------------------------------===//
// Epilogue: sums of the product
//===----------------------------------------------------------------------===//

// `kReadsOperand`: the stage reads a value from memory for each sum. An emitter may load it ahead.

/// Adds the element of `bias` (an argument of the kernel) that belongs to the sum's row of the weight.
struct BiasStage {
  static constexpr llvm::StringLiteral kName = "bias";
  static constexpr bool kReadsOperand = true;
  mlir::Value bias;
};

/// Turns rotary pairs: it makes two values of two.
struct RotateStage {
  static constexpr llvm::StringLiteral kName = "rotate";
  static constexpr bool kReadsOperand = true;
  llama::RotateOp op;
};

/// act(gate) * up: the first half of the section's rows are gates, the second half the ups. Makes one value of two.
struct GateStage {
  static constexpr llvm::StringLiteral kName = "gate";
  static constexpr bool kReadsOperand = false;
  llama::GateOp op;
};

/// Adds an element of `other` (an argument of the kernel).
struct ResidualStage {
  static constexpr llvm::StringLiteral kName = "add";
  static constexpr bool kReadsOperand = true;
  llama::AddOp op;
  mlir::Value other;
};

/// Keeps the largest sum of each row and its place, from which the kernel chooses a token. The sums stay as they are.
struct ArgMaxStage {
  static constexpr llvm::StringLiteral kName = "arg_max";
  static constexpr bool kReadsOperand = false;
  llama::SampleOp op;
};

/// Keeps what the logarithm of a target's probability needs of the sums, which are not stored.
struct LogProbStage {
  static constexpr llvm::StringLiteral kName = "log_prob";
  static constexpr bool kReadsOperand = true;
  llama::LogProbOp op;
};

/// The last stage of a section whose values go to the cache.
struct AppendStage {
  static constexpr llvm::StringLiteral kName = "kv_append";
  static constexpr bool kReadsOperand = false;
  llama::KVAppendOp op;
  /// Whether it stores keys. If not, it stores values.
  bool isKeys;
};

/// The last stage of a section whose values are the kernel's result.
struct StoreStage {
  static constexpr llvm::StringLiteral kName = "store";
  static constexpr bool kReadsOperand = false;
};

using EpilogueStage =
    std::variant<BiasStage, RotateStage, GateStage, ResidualStage, ArgMaxStage, LogProbStage, AppendStage, StoreStage>;

/// The op of a stage. Null for a stage that is a part of another op's: a bias is added by the product, and values are
/// stored by what made them.
inline mlir::Operation *opOf(const EpilogueStage &stage) {
  return std::visit(
      [](auto kind) -> mlir::Operation * {
        if constexpr (requires { kind.op; })
          return kind.op;
        else
          return nullptr;
      },
      stage);
}

/// The stage of type `StageT`, or null.
template <typename StageT> const StageT *findStage(llvm::ArrayRef<EpilogueStage> stages) {
  for (const EpilogueStage &stage : stages)
    if (const StageT *found = std::get_if<StageT>(&stage))
      return found;
  return nullptr;
}

/// Neighbouring rows of the weight whose sums have the same stages.
struct LinearSection {
  int64_t firstRow, rows;
  llvm::SmallVector<EpilogueStage, 4> stages = {};

  template <typename StageT> const StageT *find() const { return findStage<StageT>(stages); }
  template <typename StageT> bool has() const { return find<StageT>() != nullptr; }
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_LINEARSTAGES_H
