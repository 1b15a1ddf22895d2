//===- ArenaCheck.h - Whether values keep their place in the arena -*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_ARENACHECK_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_ARENACHECK_H

#include "tools/quipu-compile/validate/PassCheck.h"

namespace quipu::tool {

/// Walks over the launches of each program of a module with places in arenas, and notes which bytes each of them
/// writes. Throws Error that names the phase and the launches if a launch reads bytes that another has written since
/// the value was made, if it writes what it reads itself where its kernel may not, or if a place lies outside of the
/// arena. Returns the number of programs.
unsigned checkArenas(const Snapshot &snapshot);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_ARENACHECK_H
