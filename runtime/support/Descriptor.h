//===- Descriptor.h - Reading and writing descriptors that others share -----*- C++ -*-===//
//
// A descriptor that a parent handed down may be a pipe that does not block: whoever has the other end set it so, and
// setting it back would change it for them too. So "not now" is waited out here.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_DESCRIPTOR_H
#define QUIPU_RUNTIME_SUPPORT_DESCRIPTOR_H

#include <cstddef>
#include <sys/types.h>

namespace quipu {

/// Writes all bytes. Returns 0, or errno if the system refuses.
int writeAll(int fd, const void *data, size_t size);

/// As read(), but it repeats the call after interruptions. Returns the number of bytes, 0 at the end, or -1 and errno.
ssize_t readSome(int fd, void *buffer, size_t size);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_DESCRIPTOR_H
