//===- Steps.h - What the steps of a plan do --------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_PLAN_STEPS_H
#define QUIPU_RUNTIME_PLAN_STEPS_H

#include "runtime/abi/ProgramValues.h"
#include "runtime/abi/plan_generated.h"

namespace quipu {

/// The kernel that a step runs. Null if the step does something else.
inline const plan::Kernel *kernelOf(const plan::Plan &plan, const plan::Step &step) {
  const plan::RunKernel *run = step.action_as_RunKernel();
  return run ? plan.kernels()->Get(run->kernel()) : nullptr;
}

/// Calls function(step, iteration) for the steps of a program in the order in which they run.
template <typename Function> void forEachStep(const plan::Program &program, Function function) {
  for (const plan::Sequence *sequence : *program.sequences())
    for (uint64_t iteration = 0; iteration < sequence->repeat(); ++iteration)
      for (const plan::Step *step : *sequence->steps())
        function(*step, iteration);
}

/// Which known input an argument of kind `input` is. The plan must have been checked.
inline StepInput stepInput(const plan::Program &program, const plan::Arg &arg) {
  return StepInput(*findValue(kStepInputs, program.inputs()->Get(unsigned(arg.value()))->name()->string_view()));
}
inline StepOutput stepOutput(const plan::Program &program, const plan::Arg &arg) {
  return StepOutput(*findValue(kStepOutputs, program.outputs()->Get(unsigned(arg.value()))->name()->string_view()));
}

/// Whether the program gives this output.
inline bool gives(const plan::Program &program, StepOutput output) {
  for (size_t i = 0; program.outputs() && i < program.outputs()->size(); ++i)
    if (program.outputs()->Get(unsigned(i))->name()->string_view() == knownValue(output).name)
      return true;
  return false;
}

} // namespace quipu

#endif // QUIPU_RUNTIME_PLAN_STEPS_H
