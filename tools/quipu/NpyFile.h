//===- NpyFile.h - Arrays as NumPy reads them -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_NPYFILE_H
#define QUIPU_TOOLS_QUIPU_NPYFILE_H

#include "runtime/support/OutputFile.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quipu::tool {

/// A .npy file (format 1.0) of little-endian f32 in C order. It is written row by row, and appears only when it is
/// complete.
class NpyFile {
public:
  NpyFile(OutputFile &file, const std::vector<uint64_t> &shape);

  /// Every function throws Error if the system refuses.
  void append(std::span<const float> values);
  void commit() { file.commit(); }

private:
  OutputFile &file;
  /// The header is written with the first values. So standard output stays empty if they cannot be computed.
  std::string header;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_NPYFILE_H
