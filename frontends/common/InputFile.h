//===- InputFile.h - A file of weights while its header is read ---*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_INPUTFILE_H
#define QUIPU_FRONTENDS_COMMON_INPUTFILE_H

#include "frontends/common/WeightIndex.h"

#include <string>
#include <sys/stat.h>

namespace quipu::frontend {

/// An open file. The destructor closes it. Everything throws quipu::Error that begins with the path.
class InputFile {
public:
  /// Opens a regular file, and notes it as an input.
  explicit InputFile(const std::string &path);
  ~InputFile();
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;

  const std::string &path() const { return filePath; }
  uint64_t size() const { return uint64_t(info.st_size); }

  /// Bytes of the file, which has them unless it becomes shorter meanwhile.
  std::string read(uint64_t offset, uint64_t count) const;
  /// The first bytes, as many as describeFileKind wants.
  std::string head() const;

  /// What the index says of the file; `header` are the bytes that say what tensors it has.
  WeightFile weightFile(std::vector<ByteRange> header) const;

private:
  std::string filePath;
  int fd = -1;
  struct stat info{};
};

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_INPUTFILE_H
