//===- Compiler.cpp - Starting quipu-compile ---------------------------------------------===//

#include "tools/common/Process.h"
#include "tools/quipu/Command.h"

namespace quipu::tool {

std::string compilerPath() {
  return siblingPath("quipu-compile", "without the compiler plans run, but models cannot be compiled: compile where "
                                      "Quipu is installed whole, and take the plan here");
}

int runCompiler(const std::vector<std::string> &arguments) {
  return runProcess(compilerPath(), "quipu compile", arguments);
}

} // namespace quipu::tool
