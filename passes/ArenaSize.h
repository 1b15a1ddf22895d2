//===- ArenaSize.h - What a value takes in the arena ------------*- C++ -*-===//

#ifndef QUIPU_PASSES_ARENASIZE_H
#define QUIPU_PASSES_ARENASIZE_H

#include "ir/Llama/Llama.h"

#include <cstdint>

namespace quipu::llama {

/// Bytes of a tensor whose dynamic dimension is rows of a program, for as many rows as the program takes, with padding
/// rows. A multiple of kArenaAlignment.
int64_t arenaBytesOf(mlir::Type type, ProgramAttr program);

} // namespace quipu::llama

#endif // QUIPU_PASSES_ARENASIZE_H
