//===- MappedFile.cpp - A file mapped for reading ----------------------------------------===//

#include "runtime/support/MappedFile.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/InputFiles.h"
#include "runtime/support/MappingGuard.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {

std::shared_ptr<MappedFile> MappedFile::open(const std::string &path, const char *what) {
  // O_NONBLOCK: opening a pipe without a writer would otherwise wait.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    int error = errno;
    std::string link = describeDanglingLink(path);
    fail(path, link.empty() ? concat(": cannot open ", what, errnoSuffix(error)) : concat(": the ", what, " ", link));
  }
  struct stat status;
  if (fstat(fd, &status) != 0) {
    int error = errno;
    close(fd);
    fail(path, ": cannot read ", what, errnoSuffix(error));
  }
  if (!S_ISREG(status.st_mode)) {
    close(fd);
    fail(path, ": cannot open ", what, ": it is ", S_ISDIR(status.st_mode) ? "a folder" : "not a regular file",
         "; expected a file");
  }
  noteInput(path, status);
  std::shared_ptr<MappedFile> file(new MappedFile());
  file->filePath = path;
  file->mtime = int64_t(status.st_mtim.tv_sec) * 1000000000 + status.st_mtim.tv_nsec;
  if (status.st_size > 0) {
    void *address = mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
      int error = errno;
      close(fd);
      fail(path, ": cannot map ", what, errnoSuffix(error));
    }
    file->bytes = static_cast<const uint8_t *>(address);
    file->length = size_t(status.st_size);
    noteMapping(file->bytes, file->length, file->filePath.c_str());
  }
  close(fd);
  return file;
}

MappedFile::~MappedFile() {
  if (!bytes)
    return;
  forgetMapping(bytes);
  munmap(const_cast<uint8_t *>(bytes), length);
}

void MappedFile::willNeed(size_t offset, size_t size) const {
  if (!bytes || offset >= length)
    return;
  size_t pageSize = size_t(sysconf(_SC_PAGESIZE));
  size_t begin = offset / pageSize * pageSize;
  size_t end = std::min(length, offset + std::min(size, length - offset));
  // This is only advice. If the system refuses it, only the first access takes longer.
  (void)madvise(const_cast<uint8_t *>(bytes) + begin, end - begin, MADV_WILLNEED);
}

} // namespace quipu
