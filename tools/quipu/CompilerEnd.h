//===- CompilerEnd.h - When a signal ends the compiler -----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILEREND_H
#define QUIPU_TOOLS_QUIPU_COMPILEREND_H

#include <string>
#include <vector>

namespace quipu::tool {

/// Throws Error that says which signal ended quipu-compile and what usually causes it. After a crash the compiler is
/// run once more with the same arguments, to leave a reproducer, and the message says where it lies. SIGPIPE ends this
/// program in the same way.
[[noreturn]] void reportCompilerSignal(int signal, const std::vector<std::string> &arguments);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILEREND_H
