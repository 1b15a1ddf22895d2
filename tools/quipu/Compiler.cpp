//===- Compiler.cpp - Starting quipu-compile ---------------------------------------------===//

#include "tools/common/Process.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/CompilerEnd.h"

namespace quipu::tool {

std::string compilerPath() {
  return siblingPath("quipu-compile", "without the compiler plans run, but models cannot be compiled: compile where "
                                      "Quipu is installed whole, and take the plan here");
}

int runCompiler(const std::vector<std::string> &arguments) {
  ProcessEnd end = runProcess(compilerPath(), "quipu compile", arguments);
  if (end.signal)
    reportCompilerSignal(end.signal, arguments);
  return end.status;
}

} // namespace quipu::tool
