//===- AmxPermission.cpp - The right to use AMX tiles --------------------------------===//

#include "runtime/support/AmxPermission.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace quipu {

// Linux saves the tiles of a thread only in processes that have asked for it.
bool requestAmx() {
#if defined(__x86_64__)
  constexpr long kRequestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

} // namespace quipu
