//===- CpuTarget.h - Which x86-64 a plan is compiled for --------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CPU_CPUTARGET_H
#define QUIPU_CODEGEN_CPU_CPUTARGET_H

#include "ir/Llama/Llama.h"

#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::codegen::cpu {

/// An x86-64 processor as code generation sees it.
struct CpuTarget {
  CpuTarget() = default;
  explicit CpuTarget(llama::CpuTargetAttr attribute);

  /// What the user wrote after `cpu:` ("host" when nothing).
  std::string requested;
  /// Processor whose timings LLVM schedules for ("x86-64-v4", "znver5"). Its features do not matter: code is generated
  /// for plain x86-64 with `features`.
  std::string tune;
  /// Enabled features in LLVM's names, sorted.
  std::vector<std::string> features;

  bool has(llvm::StringRef feature) const;
  /// f32 elements of the widest vector register.
  int64_t lanes() const { return has("avx512f") ? 16 : 8; }
  /// Pairs of bf16 accumulated into f32 in one instruction.
  bool hasBf16Dot() const { return has("avx512bf16") && has("avx512vl"); }
  /// Fours of 8-bit integers accumulated into i32 in one instruction.
  bool hasInt8Dot() const { return (has("avx512vnni") && has("avx512vl")) || (has("avxvnni") && lanes() == 8); }
  /// Products of tiles of bf16, and of 8-bit integers.
  bool hasAmxBf16() const { return has("amx-bf16") && hasBf16Dot(); }
  bool hasAmxInt8() const { return has("amx-int8"); }
  /// Pairs of 16-bit integers multiplied and added, in vectors of lanes().
  bool hasInt16Dot() const { return lanes() == 8 || has("avx512bw"); }
  /// Whether hardware requests memory ahead only within the page of 4 KiB that is read, as cores of Intel do (Intel 64
  /// and IA-32 Architectures Optimization Reference Manual, "L2 streamer"). Then one stream alone waits at each page.
  /// No feature tells it, so it follows from the processor that the code is tuned for.
  bool readsAheadWithinPages() const;
  /// Whether hardware requests memory too late for a loop that also computes, as Zen 5 of AMD does (measured:
  /// docs/performance.md).
  bool readsAheadTooLate() const { return tune == "znver5"; }
  /// The same of Zen 3, where near requests give more than far ones (docs/performance.md).
  bool readsAheadLittleTooLate() const { return tune == "znver3"; }
  /// Whether code is tuned for a base level, which names no processor.
  bool tunesForAll() const;
  /// The size of the L2 of a core, at least. As above it follows from the processor that the code is tuned for. Cores
  /// without AVX-512 have 256 or 512 KiB.
  int64_t l2Bytes() const;
  /// Architectural vector registers.
  int64_t vectorRegisters() const { return has("avx512f") ? 32 : 16; }
  /// "+avx2,+fma,..." as LLVM's target machine wants it.
  std::string featureString() const;

  llama::CpuTargetAttr attribute(mlir::MLIRContext *context) const;
};

/// Parses the text of `--target`: `cpu`, `cpu:host`, `cpu:x86-64-v3`, `cpu:x86-64-v4`, each followed by any number of
/// `,+feature` or `,-feature`. Anything below x86-64-v3 (AVX2, FMA, F16C) is refused, as are features that LLVM does
/// not know.
llvm::Expected<CpuTarget> parseCpuTarget(llvm::StringRef text);

/// The target of a module that was scheduled, perhaps on another machine: what it calls "host" is not this one.
/// Features for which no code exists are refused, as those of a text are.
llvm::Expected<CpuTarget> takeCpuTarget(llama::CpuTargetAttr attribute);

/// The target of `module`. If `text` (an option of a pass) is not empty, it names the target, and the module has it
/// from then on. Otherwise it is the module's own target, or the default, `cpu`. Fails with a diagnostic if the text is
/// not a target.
mlir::FailureOr<CpuTarget> cpuTargetOf(mlir::ModuleOp module, llvm::StringRef text);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_CPUTARGET_H
