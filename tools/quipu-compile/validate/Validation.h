//===- Validation.h - Whether a compilation is right ------------*- C++ -*-===//
//
// What `quipu compile --validate` does. A small model like the one that is compiled goes through the same phases. Each
// module is evaluated by its reference lowering and compared with the module before; then each generated kernel is run
// and compared with the reference lowering of what it says.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_VALIDATION_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_VALIDATION_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Model.h"
#include "tools/quipu-compile/Backend.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu-compile/Phases.h"

#include <functional>
#include <string>

namespace quipu::tool {

struct ValidationInput {
  const CompileOptions &options;
  const frontend::Model &model;
  /// How the model is imported. The compute type is given.
  frontend::GraphOptions graph;
  Backend &backend;
  /// The phases of the compilation for a target, with the emission of code as the last one.
  std::function<CompilePhases(const std::string &target)> phases;
};

/// Checks what options.validate asks for. Returns a summary of one line or two. Throws Error that names the first pass
/// or kernel that is wrong.
std::string validate(const ValidationInput &input);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_VALIDATION_H
