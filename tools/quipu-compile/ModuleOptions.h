//===- ModuleOptions.h - Options that a module has fixed already -*- C++ -*-===//
//
// `quipu compile FILE.mlir --model MODEL OPTIONS`: what earlier phases made of an option is in the module. An option
// that says something else is refused.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_MODULEOPTIONS_H
#define QUIPU_TOOLS_QUIPU_COMPILE_MODULEOPTIONS_H

#include "frontends/common/Model.h"
#include "tools/quipu-compile/Options.h"

#include "mlir/IR/BuiltinOps.h"

namespace quipu::tool {

/// --quantize, --max-seq, --max-batch and --activations of a module from behind `phase`, and the formats of the model's
/// weights. `hasTwoRopes`: the model has other rotary frequencies for long contexts, and model.config has those for
/// `maxSeq` positions. `compute`: the type that the module computes in. Throws Error that names what the module has,
/// what the option says, and what to do.
void checkModuleOptions(mlir::ModuleOp module, const CompileOptions &options, const std::string &phase,
                        const frontend::Model &model, bool hasTwoRopes, uint32_t maxSeq, frontend::DType compute);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_MODULEOPTIONS_H
