//===- CacheKey.h - The name of what is kept in a cache ----------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_CACHEKEY_H
#define QUIPU_TOOLS_COMMON_CACHEKEY_H

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace quipu::tool {

/// Collects all that a result depends on. Each item is written with its length, so different lists never give the same
/// bytes.
class CacheKey {
public:
  void add(std::string_view item);
  void addNumber(uint64_t value);
  /// The name and the content of a file, or a stamp if the file is too big to be read through at every run. `what`:
  /// what the file is, for the message of the Error that is thrown if it cannot be read.
  void addFile(const std::filesystem::path &path, const char *what);
  /// Path, size and time of a file. Throws Error if it is not there.
  void addStamp(const std::string &path);
  /// Stamps of the running program and of the libraries that it has loaded.
  void addProgram();

  /// 32 hexadecimal digits.
  std::string hash() const;

private:
  std::string bytes;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_CACHEKEY_H
