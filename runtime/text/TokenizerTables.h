//===- TokenizerTables.h - A tokenizer of a plan, as data ---------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_TOKENIZERTABLES_H
#define QUIPU_RUNTIME_TEXT_TOKENIZERTABLES_H

#include "runtime/abi/TokenizerData.h"
#include "runtime/abi/plan_generated.h"

#include <string>

namespace quipu {

/// What the tables say. Throws Error that begins with `name` where they do not go together; what a tokenizer is made of
/// is checked when it is made.
TokenizerData dataOfTables(const plan::Tokenizer &tokenizer, std::string name);

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_TOKENIZERTABLES_H
