//===- RemoveTree.cpp - Removes files and folders, also in a signal handler --------------===//

#include "runtime/support/RemoveTree.h"

#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace quipu {

/// Folders in folders that are walked through. Our temporary folders have fewer, and a handler may have little stack.
static constexpr int kDepth = 8;

/// How often a folder is emptied again. Another process may have put something into it meanwhile.
static constexpr int kAttempts = 50;

static constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Removes all that is in an open folder.
static void emptyFolder(int folder, int depth) {
  // readdir() allocates. So the system is asked for its entries.
  alignas(dirent64) char entries[1024];
  bool isSmaller = true;
  for (int attempt = 0; isSmaller && attempt < kAttempts; ++attempt) {
    // Where names are removed while they are listed, a file system may leave others out of the list.
    isSmaller = false;
    (void)lseek(folder, 0, SEEK_SET);
    long size = 0;
    while ((size = syscall(SYS_getdents64, folder, entries, sizeof(entries))) > 0) {
      for (long at = 0; at < size;) {
        const auto *entry = reinterpret_cast<const dirent64 *>(entries + at);
        at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
          continue;
        if (unlinkat(folder, entry->d_name, 0) == 0) {
          isSmaller = true;
          continue;
        }
        if (errno != EISDIR || depth == kDepth)
          continue;
        if (int inner = openat(folder, entry->d_name, kFolderFlags); inner >= 0) {
          emptyFolder(inner, depth + 1);
          close(inner);
        }
        isSmaller |= unlinkat(folder, entry->d_name, AT_REMOVEDIR) == 0;
      }
    }
  }
}

void removeTree(const char *path) {
  int error = errno;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (unlink(path) == 0 || errno != EISDIR)
      break;
    if (int folder = open(path, kFolderFlags); folder >= 0) {
      emptyFolder(folder, 0);
      close(folder);
    }
    if (rmdir(path) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
      break;
    (void)poll(nullptr, 0, /*milliseconds=*/1);
  }
  errno = error;
}

} // namespace quipu
