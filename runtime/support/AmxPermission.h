//===- AmxPermission.h - The right to use AMX tiles -------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_AMXPERMISSION_H
#define QUIPU_RUNTIME_SUPPORT_AMXPERMISSION_H

namespace quipu {

/// Asks the system for the right to use AMX tiles, for all threads of the process. False if it refuses, or if there are
/// no tiles.
bool requestAmx();

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_AMXPERMISSION_H
