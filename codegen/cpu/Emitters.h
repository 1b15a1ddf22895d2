//===- Emitters.h - One function for each form of CPU kernel ----*- C++ -*-===//
//
// Each emits the entry function `symbol` for a kernel at the builder's insertion point. What a kernel needs to be
// launched (entries, grids, scratch) is computed beside it in CpuKernel.cpp. Kernels of one pointwise op are in
// SingleOps.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_EMITTERS_H
#define QUIPU_CODEGEN_CPU_EMITTERS_H

#include "codegen/common/GeneratedKernel.h"
#include "codegen/cpu/KernelBuilder.h"
#include "codegen/cpu/LinearTiles.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen::cpu {

// Some emitters test for one value of these enums and take all other values for the second.
static_assert(llama::getMaxEnumValForRowRegime() == 1 && llama::getMaxEnumValForDotKind() == 6 &&
                  llama::getMaxEnumValForRotaryLayout() == 1,
              "look through the emitters for CPUs: they do not know the new member");

void emitLinearFew(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                   llvm::StringRef symbol);
/// The last entry of a linear kernel over few rows that chooses tokens: the choice of each row, when all tiles are
/// done.
void emitLinearFewChoice(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                         llvm::StringRef symbol);
/// The last entry of a linear kernel over few rows that gives probabilities: those of each row, when all tiles are
/// done.
void emitLinearFewScores(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                         llvm::StringRef symbol);
/// The prologue of a linear kernel over many rows: normalised input into the kernel's workspace.
void emitLinearManyNorm(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                        llvm::StringRef symbol);
/// The same for input that is rounded to integers, and normalised before where the kernel has a norm.
void emitLinearManyQuantize(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                            llvm::StringRef symbol);
void emitLinearMany(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                    llvm::StringRef symbol);
void emitAttentionFew(KernelBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                      llama::CpuAttentionScheduleAttr schedule, llvm::StringRef symbol);
void emitAttentionMany(KernelBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                       llama::CpuAttentionScheduleAttr schedule, llvm::StringRef symbol);

/// Bytes of scratch that a thread needs for an attention kernel.
int64_t attentionScratchBytes(llama::AttentionOp attention, llama::CpuAttentionScheduleAttr schedule);
/// Bytes of scratch that a thread needs for a linear kernel of at most `maxRows` rows.
int64_t linearFewScratchBytes(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                              int64_t maxRows);
/// GeneratedEntry::leastBlocks of the main entry of a linear kernel over many rows.
int64_t linearManyLeastBlocks(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule);
/// Bytes of scratch that a thread needs for the main entry of a linear kernel over many rows.
int64_t linearManyScratchBytes(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_EMITTERS_H
