//===- InputFile.cpp - A file of weights while its header is read ------------------------===//

#include "frontends/common/InputFile.h"

#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/InputFiles.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace fs = std::filesystem;

namespace quipu::frontend {

InputFile::InputFile(const std::string &path) : filePath(path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer. The check below refuses it.
  fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    int error = errno;
    std::string link = describeDanglingLink(path);
    fail(path,
         link.empty() ? concat(": cannot open the weight file", errnoSuffix(error)) : ": the weight file " + link);
  }
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    fail(path, ": the weight file is not a regular file");
  }
  noteInput(path, info);
}

InputFile::~InputFile() { close(fd); }

std::string InputFile::read(uint64_t offset, uint64_t count) const {
  std::string bytes(count, '\0');
  for (uint64_t done = 0; done < count;) {
    ssize_t got = pread(fd, bytes.data() + done, count - done, off_t(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      fail(filePath, ": cannot read the weight file: ", strerror(errno));
    if (got == 0)
      fail(filePath, ": the weight file became shorter while it was read");
    done += uint64_t(got);
  }
  return bytes;
}

std::string InputFile::head() const { return read(0, std::min<uint64_t>(size(), kFileKindBytes)); }

WeightFile InputFile::weightFile(std::vector<ByteRange> header) const {
  WeightFile result;
  std::error_code error;
  fs::path absolute = fs::absolute(filePath, error);
  result.path = error ? filePath : absolute.lexically_normal().string();
  result.size = size();
  result.mtimeNs = int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  HashStream stream;
  for (const ByteRange &range : header) {
    std::string bytes = read(range.offset, range.size);
    stream.update(bytes.data(), bytes.size());
  }
  result.header = std::move(header);
  result.headerHash = stream.finish();
  return result;
}

} // namespace quipu::frontend
