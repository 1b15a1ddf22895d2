//===- MappingGuard.h - Files that shrink while they are mapped --------------*- C++ -*-===//
//
// Reading a mapped page behind the end that a file has now ends the process with SIGBUS. A handler says which file it
// was, which nobody could find out otherwise, and ends with status 1. The signal has no other handler here, so this one
// removes temporary files too (TemporaryName.h), whatever was read.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_MAPPINGGUARD_H
#define QUIPU_RUNTIME_SUPPORT_MAPPINGGUARD_H

#include <cstddef>

namespace quipu {

/// The first call installs the handler, unless the program has one for this signal. Several threads may call this and
/// the functions below at once.
void installMappingGuard();

/// Has the handler know the mapping, and installs it; `path` stays where it is until forgetMapping().
void noteMapping(const void *address, size_t size, const char *path);

/// To be called before the mapping ends.
void forgetMapping(const void *address);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_MAPPINGGUARD_H
