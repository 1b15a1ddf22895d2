//===- ChosenNumber.h - A number of a schedule, and why it is so --------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_SCHEDULE_CHOSENNUMBER_H
#define QUIPU_CODEGEN_SCHEDULE_CHOSENNUMBER_H

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"

#include <string>

namespace quipu::codegen {

/// A number of a kernel's schedule: what an option asks for, or else what is chosen. Both are noted as a decision.
/// `unsaid`: the option's value where nobody asks. `isTuned`: the option comes from a tuning of this kernel.
inline int64_t chosenNumber(llama::KernelOp kernel, bool isTuned, llvm::StringRef name, int64_t option, int64_t chosen,
                            const llvm::Twine &why, int64_t unsaid = 0) {
  constexpr const char *kPass = "llama-select-schedules";
  std::string reason = why.str();
  auto candidate = [&](int64_t value) { return (name + " = " + llvm::Twine(value)).str(); };
  if (option == unsaid) {
    QUIPU_OPEN_DECISION(kPass, {kernel}, llama::Verdict::Chosen, name, candidate(chosen)) << reason;
    return chosen;
  }
  QUIPU_OPEN_DECISION(kPass, {kernel}, llama::Verdict::Refused, name, candidate(chosen))
      << "it would be chosen without " << (isTuned ? "a tuning: " : "the option: ") << reason;
  QUIPU_OPEN_DECISION(kPass, {kernel}, llama::Verdict::Chosen, name, candidate(option))
      << (isTuned ? "tuned: it was measured to be faster" : "an option asks for it");
  return option;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_CHOSENNUMBER_H
