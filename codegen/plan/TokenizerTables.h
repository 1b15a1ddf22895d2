//===- TokenizerTables.h - A tokenizer as a plan holds it ------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_PLAN_TOKENIZERTABLES_H
#define QUIPU_CODEGEN_PLAN_TOKENIZERTABLES_H

#include "runtime/abi/TokenizerData.h"
#include "runtime/abi/plan_generated.h"

namespace quipu::codegen {

/// The tables of plan.fbs; runtime/text/TokenizerTables.h reads them.
plan::TokenizerT tablesOf(const TokenizerData &data);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_TOKENIZERTABLES_H
