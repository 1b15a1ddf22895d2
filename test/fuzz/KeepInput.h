//===- KeepInput.h - Inputs of tests become seeds --------------------*- C++ -*-===//

#ifndef QUIPU_TEST_FUZZ_KEEPINPUT_H
#define QUIPU_TEST_FUZZ_KEEPINPUT_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

namespace quipu::test {

/// Writes what a test gives to a reader into the folder QUIPU_KEEP_INPUTS/NAME, where that variable is set:
/// make_corpus.sh makes seeds of it.
inline void keepInput(const std::string &name, std::string_view bytes) {
  const char *folder = getenv("QUIPU_KEEP_INPUTS");
  if (!folder)
    return;
  std::filesystem::path place = std::filesystem::path(folder) / std::filesystem::path(name).filename();
  std::filesystem::create_directories(place);
  std::ofstream(place / std::to_string(std::hash<std::string_view>()(bytes)), std::ios::binary) << bytes;
}

} // namespace quipu::test

#endif // QUIPU_TEST_FUZZ_KEEPINPUT_H
