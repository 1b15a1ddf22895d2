//===- Descriptor.cpp - Reading and writing descriptors that others share ----------------===//

#include "runtime/support/Descriptor.h"

#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace quipu {

/// Whether the call may be repeated. If the descriptor is not ready, it first waits until it is.
static bool mayRetry(int fd, short event) {
  if (errno == EINTR)
    return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK)
    return false;
  struct pollfd wanted = {fd, event, 0};
  // An error of the descriptor ends the wait too. The next call then reports it.
  return poll(&wanted, 1, -1) >= 0 || errno == EINTR;
}

int writeAll(int fd, const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = write(fd, bytes, size);
    if (count < 0 && mayRetry(fd, POLLOUT))
      continue;
    if (count < 0)
      return errno;
    bytes += count;
    size -= size_t(count);
  }
  return 0;
}

ssize_t readSome(int fd, void *buffer, size_t size) {
  ssize_t count = 0;
  do
    count = read(fd, buffer, size);
  while (count < 0 && mayRetry(fd, POLLIN));
  return count;
}

} // namespace quipu
