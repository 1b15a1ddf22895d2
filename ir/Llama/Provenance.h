//===- Provenance.h - What of a model an op comes from ----------*- C++ -*-===//
//
// The location of an op says its place in the model (Place.h), and in the metadata of a fused location below it the
// fields of the config and the tensors that it comes from (#llama.origin). Where ops fuse, their locations do. So a
// location may have several origins; these functions join them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_PROVENANCE_H
#define QUIPU_IR_LLAMA_PROVENANCE_H

#include "ir/Llama/Llama.h"
#include "ir/Llama/Place.h"

#include "mlir/IR/Operation.h"

namespace quipu::llama {

/// The place in the model: "layers.3.mlp.down_proj". In a kernel, which layers share, only the last word. Empty if the
/// location has none.
inline llvm::StringRef placeOf(mlir::Location loc) { return getPlace(loc); }
inline llvm::StringRef placeOf(mlir::Operation *op) { return getPlace(op->getLoc()); }

/// The fields of the config, in the order of the location, each once.
llvm::SmallVector<FieldAttr> configFieldsOf(mlir::Location loc);

/// The canonical names of the tensors, in the order of the location, each once.
llvm::SmallVector<llvm::StringRef> tensorsOf(mlir::Location loc);

/// The location named `place` that comes from these fields and tensors.
mlir::Location namePlaceOf(mlir::MLIRContext *context, const llvm::Twine &place, llvm::ArrayRef<FieldAttr> fields,
                           llvm::ArrayRef<mlir::StringAttr> tensors);

/// The location named `place` with the origins of `loc`, whose tensors get "{}" in place of the layer.
mlir::Location shareAmongLayers(mlir::Location loc, const llvm::Twine &place);

/// The name, in a location, of the line that an op has in the text which the plan keeps (quipu compile --keep-ir).
inline constexpr llvm::StringLiteral kSourceTag = "source";
/// What the lines, and debug information, call the text. It lies in the plan, not in a file.
inline constexpr llvm::StringLiteral kSourceFile = "planned.mlir";

/// The line of the first op with one. 0: there is none.
unsigned sourceLineOf(mlir::Location loc);

/// "layers.{}.mlp.down_proj" for "layers.3.mlp.down_proj".
std::string withoutLayer(llvm::StringRef place);

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_PROVENANCE_H
