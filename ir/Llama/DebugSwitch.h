//===- DebugSwitch.h - Which debug lines are printed ------------*- C++ -*-===//
//
// LLVM's own switch, which its library has in each build. Its header declares it to builds without NDEBUG alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_DEBUGSWITCH_H
#define QUIPU_IR_LLAMA_DEBUGSWITCH_H

#include "llvm/Support/Compiler.h"

namespace llvm {
/// Whether any type is switched on.
LLVM_ABI extern bool DebugFlag;
} // namespace llvm

namespace quipu {

/// Whether lines of this type are printed.
bool isDebugged(const char *type);

/// Prints lines of these types, and of no others.
void switchDebugTypes(const char **types, unsigned count);

} // namespace quipu

#endif // QUIPU_IR_LLAMA_DEBUGSWITCH_H
