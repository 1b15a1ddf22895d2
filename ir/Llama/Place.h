//===- Place.h - Where in the model an op belongs ---------------*- C++ -*-===//
//
// The location of an op names its place in the model ("layers.3.self_attn.q_proj"). A pass that makes an op out of
// others gives it a new name and keeps their locations below it: loc("layers.3.self_attn.qkv"(fused["...q_proj",
// ...])).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_PLACE_H
#define QUIPU_IR_LLAMA_PLACE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/Twine.h"

namespace quipu::llama {

/// The outermost name in a location. Empty if it has no name. In a fused location the first part that has one.
inline llvm::StringRef getPlace(mlir::Location loc) {
  if (auto name = mlir::dyn_cast<mlir::NameLoc>(loc))
    return name.getName().strref();
  if (auto fused = mlir::dyn_cast<mlir::FusedLoc>(loc))
    for (mlir::Location part : fused.getLocations())
      if (llvm::StringRef place = getPlace(part); !place.empty())
        return place;
  if (auto call = mlir::dyn_cast<mlir::CallSiteLoc>(loc))
    return getPlace(call.getCallee());
  return {};
}

/// A place's last word ("q_proj") and what lies before it ("layers.3.self_attn").
inline llvm::StringRef getLastWord(llvm::StringRef place) { return place.substr(place.rfind('.') + 1); }
inline llvm::StringRef getParent(llvm::StringRef place) {
  return place.contains('.') ? place.rsplit('.').first : llvm::StringRef();
}

/// The location named `place` that keeps `origins` below it.
inline mlir::Location namePlace(mlir::MLIRContext *context, const llvm::Twine &place,
                                llvm::ArrayRef<mlir::Location> origins) {
  llvm::SmallSetVector<mlir::Location, 4> distinct(origins.begin(), origins.end());
  auto name = mlir::StringAttr::get(context, place);
  if (name.empty())
    return mlir::FusedLoc::get(context, distinct.getArrayRef());
  if (distinct.size() == 1 && mlir::isa<mlir::NameLoc>(distinct.front()) && getPlace(distinct.front()) == name.strref())
    return distinct.front();
  // A location of just this name would only repeat it.
  distinct.remove(mlir::NameLoc::get(name));
  if (distinct.empty())
    return mlir::NameLoc::get(name);
  return mlir::NameLoc::get(name, mlir::FusedLoc::get(context, distinct.getArrayRef()));
}

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_PLACE_H
