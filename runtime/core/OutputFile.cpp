//===- OutputFile.cpp - Files that appear whole or not at all ----------------------------===//

#include "runtime/core/OutputFile.h"
#include "runtime/core/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {

OutputFile::OutputFile(const std::string &path) : path(path == "-" ? "standard output" : path) {
  if (path == "-") {
    fd = STDOUT_FILENO;
    return;
  }
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode))
      fail(path, ": cannot write: it is a folder; name a file");
    fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
      fail(path, ": cannot write", errnoSuffix(errno));
    ownsFd = true;
    return;
  }
  temporary = path + ".XXXXXX";
  fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) {
    int error = errno;
    temporary.clear();
    fail(path, ": cannot write", errnoSuffix(error), "; check that the folder exists and can be written");
  }
  ownsFd = true;
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::discard() {
  if (ownsFd && fd >= 0)
    close(fd);
  fd = -1;
  if (!temporary.empty())
    unlink(temporary.c_str());
  temporary.clear();
}

void OutputFile::write(const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = ::write(fd, bytes, size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      int error = errno;
      discard();
      fail(path, ": cannot write", errnoSuffix(error), error == ENOSPC ? "; free some space and try again" : "");
    }
    bytes += count;
    size -= size_t(count);
    written += uint64_t(count);
  }
}

void OutputFile::pad(size_t alignment) {
  static const char zeros[4096] = {};
  size_t missing = (alignment - written % alignment) % alignment;
  while (missing > 0) {
    size_t count = std::min(missing, sizeof(zeros));
    write(zeros, count);
    missing -= count;
  }
}

void OutputFile::commit(bool executable) {
  if (!temporary.empty()) {
    // mkostemp gives 0600; a new file has what the umask leaves of 0666, which only a call that sets it can tell.
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, (executable ? 0777 : 0666) & ~mask) != 0) {
      int error = errno;
      discard();
      fail(path, ": cannot write", errnoSuffix(error));
    }
  }
  // Some file systems report a full disk only here.
  if (ownsFd) {
    int status = close(fd);
    fd = -1;
    if (status != 0) {
      int error = errno;
      discard();
      fail(path, ": cannot write", errnoSuffix(error));
    }
  }
  if (!temporary.empty()) {
    if (rename(temporary.c_str(), path.c_str()) != 0) {
      int error = errno;
      discard();
      fail(path, ": cannot write", errnoSuffix(error));
    }
    temporary.clear();
  }
}

} // namespace quipu
