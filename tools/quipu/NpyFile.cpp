//===- NpyFile.cpp - Arrays as NumPy reads them ------------------------------------------===//

#include "tools/quipu/NpyFile.h"

#include <bit>

namespace quipu::tool {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

NpyFile::NpyFile(OutputFile &file, const std::vector<uint64_t> &shape) : file(file) {
  std::string dimensions;
  for (uint64_t size : shape)
    dimensions += (dimensions.empty() ? "" : ", ") + std::to_string(size);
  // A tuple of one element needs a comma.
  if (shape.size() == 1)
    dimensions += ",";
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + dimensions + "), }";
  // Magic, version and length take 10 bytes; the data begins at a multiple of 64, after a line end.
  constexpr size_t kPreamble = 10;
  size_t total = (kPreamble + text.size() + 1 + 63) / 64 * 64;
  text.resize(total - kPreamble - 1, ' ');
  text += '\n';
  header = "\x93NUMPY\x01";
  header += {'\0', char(text.size()), char(text.size() >> 8)};
  header += text;
}

void NpyFile::append(std::span<const float> values) {
  file.write(header.data(), header.size());
  header.clear();
  file.write(values.data(), values.size_bytes());
}

} // namespace quipu::tool
