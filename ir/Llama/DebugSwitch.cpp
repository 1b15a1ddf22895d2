//===- DebugSwitch.cpp - Which debug lines are printed --------------------===//

#include "ir/Llama/DebugSwitch.h"

// With NDEBUG the header has macros in the place of the functions. It is the only one that this file may see so:
// CMakeLists.txt keeps the precompiled header and other files away.
#undef NDEBUG
#include "llvm/Support/Debug.h"

namespace quipu {

bool isDebugged(const char *type) { return llvm::isCurrentDebugType(type, /*Level=*/1); }

void switchDebugTypes(const char **types, unsigned count) {
  llvm::setCurrentDebugTypes(types, count);
  llvm::DebugFlag = true;
}

} // namespace quipu
