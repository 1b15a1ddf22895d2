//===- UniqueFolder.h - A folder that disappears with the object ---*- C++ -*-===//

#ifndef QUIPU_TEST_UNIQUEFOLDER_H
#define QUIPU_TEST_UNIQUEFOLDER_H

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace quipu::test {

class UniqueFolder {
public:
  UniqueFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "quipu-test-XXXXXX").string();
    if (!mkdtemp(pattern.data())) {
      perror(pattern.c_str());
      abort();
    }
    path = pattern;
  }
  ~UniqueFolder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  UniqueFolder(const UniqueFolder &) = delete;
  UniqueFolder &operator=(const UniqueFolder &) = delete;

  std::filesystem::path path;
};

} // namespace quipu::test

#endif // QUIPU_TEST_UNIQUEFOLDER_H
