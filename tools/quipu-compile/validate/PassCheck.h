//===- PassCheck.h - Whether passes keep what a program computes -*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_PASSCHECK_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_PASSCHECK_H

#include "tools/quipu-compile/Phases.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace quipu::tool {

/// The module after a phase.
struct Snapshot {
  std::string phase;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Whether it is another module than before the phase.
  bool isChanged = true;
};

/// What was compared, where all is well.
struct PassCheckResult {
  unsigned passes = 0, programs = 0;
  /// The greatest difference as a part of its tolerance, its pass, and both.
  double worst = 0, worstDifference = 0, worstTolerance = 0;
  std::string worstPass;
};

/// Runs each module through the reference lowering on the same random tokens and weights: prompts of two sequences, in
/// one step and in steps that read the cache, by each of its programs. Compares logits, and log-probabilities of
/// targets where programs give them, with those of the module before. Throws Error that names the first pass that
/// changes them, and the op where they first differ.
PassCheckResult checkPasses(const std::vector<Snapshot> &snapshots);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_PASSCHECK_H
