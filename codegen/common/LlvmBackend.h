//===- LlvmBackend.h - LLVM's optimiser and back ends -----------*- C++ -*-===//
//
// What all targets do alike with an LLVM module.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_LLVMBACKEND_H
#define QUIPU_CODEGEN_COMMON_LLVMBACKEND_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Passes/OptimizationLevel.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <optional>
#include <string>

namespace quipu::codegen {

/// The LLVM back end, and what it generates code for.
struct BackendTarget {
  std::string triple, processor, features;
  std::optional<llvm::Reloc::Model> relocation = std::nullopt;
  /// In messages ("x86-64-v4", "sm_90a").
  std::string name;
};

/// Makes a target machine. The first call registers the back ends of this build. LLVM makes no fused multiply-adds of
/// its own; code has only the ones that emitters wrote.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createBackend(const BackendTarget &target);

/// LLVM's default pipeline.
void optimise(llvm::Module &module, llvm::TargetMachine &machine, llvm::OptimizationLevel level,
              llvm::PipelineTuningOptions tuning = {});

/// Runs the back end. The module cannot be used afterwards.
llvm::Expected<llvm::SmallVector<char, 0>> emitFile(llvm::Module &module, llvm::TargetMachine &machine,
                                                    llvm::CodeGenFileType type);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_LLVMBACKEND_H
