//===- MappingGuard.h - Files that shrink while they are mapped --------------*- C++ -*-===//
//
// Reading a mapped page behind the end that a file has now ends the process with SIGBUS. A handler says which file it
// was, which nobody could find out otherwise, and ends with status 1. The signal has no other handler here, so this one
// removes temporary files too (TemporaryName.h), whatever was read.
//
// A server still has to answer its clients then. It asks for an event: then only the thread that has read stays where
// it is, and the others have some seconds to end the process in an orderly way.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_MAPPINGGUARD_H
#define QUIPU_RUNTIME_SUPPORT_MAPPINGGUARD_H

#include <cstddef>

namespace quipu {

/// The first call installs the handler, unless the program already has one for this signal. Several threads may call
/// these functions at the same time.
void installMappingGuard();

/// A descriptor that can be read from when a mapped file cannot be read any more. After the first call the handler does
/// not end the process at once, but kMappingFailureSeconds later. -1: the system has no descriptor left.
int mappingFailureEvent();
inline constexpr unsigned kMappingFailureSeconds = 10;

/// Tells the handler about the mapping, and installs the handler. `path` must stay valid until forgetMapping().
void noteMapping(const void *address, size_t size, const char *path);

/// Call it before the mapping ends.
void forgetMapping(const void *address);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_MAPPINGGUARD_H
