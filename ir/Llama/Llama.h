//===- Llama.h - The llama dialect ------------------------------*- C++ -*-===//
//
// The dialect's classes. Ops, types and attributes are documented in LlamaOps.td, LlamaTypes.td and LlamaAttrs.td (and
// in docs/, generated from them).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_LLAMA_H
#define QUIPU_IR_LLAMA_LLAMA_H

#include "ir/Llama/ScheduleFamilies.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseSet.h"

namespace quipu {
struct WeightFormat;
/// A row of the table of weight formats (runtime/abi/WeightFormat.h). A name of one word, which TableGen needs.
using WeightFormatPointer = const WeightFormat *;
} // namespace quipu

#include "ir/Llama/LlamaDialect.h.inc"
#include "ir/Llama/LlamaEnums.h.inc"

#include "ir/Llama/LlamaAttrInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/Llama/LlamaAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/Llama/LlamaTypes.h.inc"

namespace quipu::llama {

/// What effects on the key/value cache are effects on.
struct KVCacheResource : mlir::SideEffects::Resource::Base<KVCacheResource> {
  llvm::StringRef getName() final { return "KVCache"; }
};

/// Of ops whose result has selected rows.
template <typename Op> struct SelectsRows : mlir::OpTrait::TraitBase<Op, SelectsRows> {};

/// Of ops that find their rows by number, whatever the layout of the rows.
template <typename Op> struct FindsRows : mlir::OpTrait::TraitBase<Op, FindsRows> {};

} // namespace quipu::llama

#define GET_OP_CLASSES
#include "ir/Llama/LlamaOps.h.inc"

namespace quipu::llama {

/// Name of the attribute of a `func.func` that makes it a program (a ProgramAttr).
inline constexpr llvm::StringLiteral kProgramAttrName = "llama.program";
/// Name of the attribute of a program that holds the bytes of its arena (an i64, written by llama-plan-memory).
inline constexpr llvm::StringLiteral kArenaBytesAttrName = "llama.arena_bytes";

/// Name of the attribute of a module that says what it is compiled for (a TargetAttrInterface, written by
/// llama-select-schedules).
inline constexpr llvm::StringLiteral kTargetAttrName = "llama.target";

/// Name of the attribute of a module whose programs give a row the same bits, whatever other rows a step has and
/// however its sequence was divided (a unit, written by llama-select-schedules; see SumOrders.h).
inline constexpr llvm::StringLiteral kDeterministicAttrName = "llama.deterministic";

/// Name of the module of generated code beside the kernels, which a kernel's #llama.code refers to.
inline constexpr llvm::StringLiteral kCodeModuleName = "kernels";

/// Name of the attribute that arguments and results of a program have: the name by which the runtime knows them
/// (runtime/abi/ProgramValues.h).
inline constexpr llvm::StringLiteral kValueNameAttrName = "llama.name";

/// The layout in which the rows of an activation are stored; null when it is row-major.
inline TokenLanesAttr getTokenLanes(mlir::Type type) {
  auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
  return tensor ? mlir::dyn_cast_or_null<TokenLanesAttr>(tensor.getEncoding()) : TokenLanesAttr();
}

/// Whether it is an activation: a matrix of dynamic rows.
inline bool isActivation(mlir::Type type) {
  auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0) &&
         mlir::isa<mlir::FloatType>(tensor.getElementType());
}

/// Which run-time row count the dynamic first dimension of an activation is.
enum class RowCount { Tokens, Outputs };

/// Where the rows of a program's activations come from, also inside of the kernels that it launches (all launches of a
/// kernel agree): the program's tokens, or the selection of `llama.gather_rows` / `llama.lm_head`. Traced once, in the
/// order of the program.
class RowCounts {
public:
  explicit RowCounts(mlir::FunctionOpInterface program);

  RowCount of(mlir::Value activation) const {
    return outputs.contains(activation) ? RowCount::Outputs : RowCount::Tokens;
  }

private:
  void trace(mlir::Block &block, const mlir::SymbolTable &symbols);

  /// The values whose rows are selected ones; all others have the rows of the tokens.
  llvm::DenseSet<mlir::Value> outputs;
  llvm::DenseSet<mlir::Operation *> traced;
};

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_LLAMA_H
