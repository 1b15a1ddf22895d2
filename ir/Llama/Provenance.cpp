//===- Provenance.cpp - What of a model an op comes from -------------------===//

#include "ir/Llama/Provenance.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace quipu::llama {

/// Calls `visit` with each origin in a location.
static void visitOrigins(Location loc, llvm::function_ref<void(OriginAttr)> visit) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return visitOrigins(name.getChildLoc(), visit);
  if (auto call = dyn_cast<CallSiteLoc>(loc))
    return visitOrigins(call.getCallee(), visit);
  auto fused = dyn_cast<FusedLoc>(loc);
  if (!fused)
    return;
  if (auto origin = dyn_cast_or_null<OriginAttr>(fused.getMetadata()))
    visit(origin);
  for (Location part : fused.getLocations())
    visitOrigins(part, visit);
}

SmallVector<FieldAttr> configFieldsOf(Location loc) {
  llvm::SmallSetVector<FieldAttr, 8> fields;
  visitOrigins(loc, [&](OriginAttr origin) { fields.insert(origin.getFields().begin(), origin.getFields().end()); });
  return llvm::to_vector(fields);
}

static SmallVector<StringAttr> tensorNamesOf(Location loc) {
  llvm::SmallSetVector<StringAttr, 4> tensors;
  visitOrigins(loc, [&](OriginAttr origin) { tensors.insert(origin.getTensors().begin(), origin.getTensors().end()); });
  return llvm::to_vector(tensors);
}

SmallVector<StringRef> tensorsOf(Location loc) {
  return llvm::map_to_vector(tensorNamesOf(loc), [](StringAttr name) { return name.strref(); });
}

Location namePlaceOf(MLIRContext *context, const Twine &place, ArrayRef<FieldAttr> fields,
                     ArrayRef<StringAttr> tensors) {
  auto name = StringAttr::get(context, place);
  if (fields.empty() && tensors.empty())
    return name.empty() ? Location(UnknownLoc::get(context)) : NameLoc::get(name);
  Location origin = FusedLoc::get(context, {UnknownLoc::get(context)}, OriginAttr::get(context, fields, tensors));
  return name.empty() ? origin : NameLoc::get(name, origin);
}

Location shareAmongLayers(Location loc, const Twine &place) {
  MLIRContext *context = loc.getContext();
  llvm::SmallSetVector<StringAttr, 4> shared;
  for (StringAttr tensor : tensorNamesOf(loc))
    shared.insert(StringAttr::get(context, withoutLayer(tensor)));
  return namePlaceOf(context, place, configFieldsOf(loc), shared.getArrayRef());
}

unsigned sourceLineOf(Location loc) {
  unsigned line = 0;
  loc->walk([&](Location part) {
    auto name = dyn_cast<NameLoc>(part);
    auto place = name && name.getName() == kSourceTag ? dyn_cast<FileLineColLoc>(name.getChildLoc()) : FileLineColLoc();
    line = place ? place.getLine() : 0;
    return line ? WalkResult::interrupt() : WalkResult::advance();
  });
  return line;
}

std::string withoutLayer(StringRef place) {
  SmallVector<StringRef> words;
  place.split(words, '.');
  for (StringRef &word : words)
    if (!word.empty() && llvm::all_of(word, llvm::isDigit))
      word = "{}";
  return llvm::join(words, ".");
}

} // namespace quipu::llama
