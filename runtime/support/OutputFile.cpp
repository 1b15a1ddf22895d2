//===- OutputFile.cpp - Files that appear whole or not at all ----------------------------===//

#include "runtime/support/OutputFile.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace quipu {

/// Number of links that the kernel follows.
static constexpr unsigned kMaxLinks = 40;

static const char *advice(int error) {
  switch (error) {
  case ENOENT:
  case ENOTDIR:
  case EACCES:
  case EPERM:
    return "; check that the folder exists and can be written";
  case ENOSPC:
  case EDQUOT:
    return "; free some space and try again";
  case EFBIG:
    return "; files may not be that large here (ulimit -f shows one limit)";
  case EROFS:
    return "; name a file elsewhere";
  default:
    return "";
  }
}

static std::string folderOf(const std::string &path) {
  std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// The descriptor that a path stands for (/dev/stdout, /dev/fd/3, /proc/self/fd/3). -1 for another path. Such a path
/// must not be opened: writing would begin at the file's first byte, and overwrite what was written through the
/// descriptor.
static int descriptorOf(const std::string &path) {
  std::string name = fs::path(path).filename().string();
  int number = -1;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (name.empty() || error != std::errc() || end != name.data() + name.size())
    return -1;
  std::error_code ignored;
  return fs::equivalent(folderOf(path), "/proc/self/fd", ignored) ? number : -1;
}

/// Follows the path itself, not its folders, to the name that a write would make or change, or to a descriptor.
static std::string followLinks(std::string path) {
  std::error_code error;
  for (unsigned i = 0; i < kMaxLinks && descriptorOf(path) < 0 && fs::is_symlink(path, error); ++i) {
    fs::path next = fs::read_symlink(path, error);
    if (error)
      break;
    path = next.is_absolute() ? next.string() : (fs::path(path).parent_path() / next).string();
  }
  return path;
}

OutputFile::OutputFile(const std::string &path) : path(path == "-" ? "standard output" : path) {
  std::string followed = path == "-" ? path : followLinks(path);
  if (int shared = path == "-" ? STDOUT_FILENO : descriptorOf(followed); shared >= 0) {
    fd = shared;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY)
      refuse(EBADF);
    checkInputs();
    return;
  }
  if (followed.ends_with('/') || path.ends_with('/'))
    fail(path, ": cannot write: it names a folder; name a file");
  struct stat status;
  bool exists = stat(followed.c_str(), &status) == 0;
  if (!exists && errno != ENOENT)
    refuse(errno);
  if (exists && S_ISDIR(status.st_mode))
    fail(path, ": cannot write: it is a folder; name a file");
  if (exists && !S_ISREG(status.st_mode)) {
    fd = open(followed.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
      refuse(errno);
    ownsFd = true;
    return;
  }
  target = followed;
  checkInputs();
  // The system allows to replace a file that is not writable. But somebody who made it read-only wants to keep it.
  if (exists && access(target.c_str(), W_OK) != 0)
    fail(path, ": cannot write", errnoSuffix(errno), "; the file is protected: name another, or remove it");
  openUnnamed();
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::refuse(int error) {
  discard();
  fail(path, ": cannot write", errnoSuffix(error), advice(error));
}

void OutputFile::checkInputs() const {
  struct stat status;
  if (target.empty() ? fstat(fd, &status) != 0 : stat(target.c_str(), &status) != 0)
    return;
  // A shell has made or emptied the file that it redirects to. So only a file that had bytes when it was read is an
  // input.
  std::optional<std::string> input = target.empty() ? findReadInput(status) : findInput(status);
  if (input)
    fail(path, ": cannot write: it is the same file as ", *input, "; name another file for the output");
}

void OutputFile::openUnnamed() {
  std::string folder = folderOf(target);
  ownsFd = true;
  fd = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  // The name is given through /proc, which may be missing.
  if (fd >= 0 && access(concat("/proc/self/fd/", fd).c_str(), F_OK) == 0)
    return;
  if (fd >= 0)
    close(fd);
  temporary = std::make_unique<TemporaryName>(folder, ".quipu-");
  fd = temporary->create();
  if (fd < 0)
    refuse(errno);
}

void OutputFile::discard() {
  if (ownsFd && fd >= 0)
    close(fd);
  fd = -1;
  temporary.reset();
}

void OutputFile::write(const void *data, size_t size) {
  // Bytes that were written to a descriptor cannot be taken back at the commit.
  if (target.empty() && written == 0)
    checkInputs();
  if (int error = writeAll(fd, data, size))
    refuse(error);
  written += size;
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

std::string OutputFile::readablePath() const { return concat("/proc/self/fd/", fd); }

void OutputFile::giveName() {
  if (!temporary) {
    std::string unnamed = concat("/proc/self/fd/", fd);
    if (linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) == 0)
      return;
    if (errno != EEXIST)
      refuse(errno);
    // linkat() cannot replace a file. So the file gets a temporary name, which is then renamed.
    temporary = std::make_unique<TemporaryName>(folderOf(target), ".quipu-");
    if (!temporary->link(unnamed))
      refuse(errno);
  }
  if (rename(temporary->path().c_str(), target.c_str()) != 0)
    refuse(errno);
  temporary->release();
}

void OutputFile::commit(bool executable) {
  checkInputs();
  struct stat status;
  // Everybody who may read a program may run it.
  if (executable && !target.empty() &&
      (fstat(fd, &status) != 0 || fchmod(fd, (status.st_mode & 0777) | ((status.st_mode & 0444) >> 2)) != 0))
    refuse(errno);
  // Some file systems report a full disk only here. (They have no nameless files.)
  bool closeFirst = target.empty() || temporary;
  if (!closeFirst)
    giveName();
  int closed = fd;
  fd = -1;
  if (ownsFd && close(closed) != 0 && closeFirst)
    refuse(errno);
  if (closeFirst && !target.empty())
    giveName();
}

} // namespace quipu
