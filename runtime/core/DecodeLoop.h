//===- DecodeLoop.h - One token after the other -----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_DECODELOOP_H
#define QUIPU_RUNTIME_CORE_DECODELOOP_H

#include "runtime/core/StepRunner.h"

namespace quipu {

/// Runs `steps` steps. A step runs the next token of each sequence of the batch and chooses the token that follows. It
/// works for all devices, and for choices on the device or the host. The batch has one token of each sequence.
/// `callback` gets the tokens of a step. See Session::greedy and Session::draw.
void runDecodeLoop(StepRunner &runner, StepRunner::Batch batch, StepRunner::Samplings samplings, uint32_t steps,
                   const ChosenTokens &callback);

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_DECODELOOP_H
