//===- NpyFile.h - Arrays as NumPy reads them -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_NPYFILE_H
#define QUIPU_TOOLS_QUIPU_NPYFILE_H

#include "runtime/support/OutputFile.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quipu::tool {

/// A .npy file (format 1.0) of little-endian f32 in C order, written row by row; appears whole or not at all.
class NpyFile {
public:
  NpyFile(OutputFile &file, const std::vector<uint64_t> &shape);

  /// Throws Error.
  void append(std::span<const float> values);
  void commit() { file.commit(); }

private:
  OutputFile &file;
  /// Waits for the first values, so that standard output stays empty when they cannot be computed.
  std::string header;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_NPYFILE_H
