//===- File.h - Strict reader of the header of a GGUF file ------------*- C++ -*-===//
//
// A GGUF file, of version 2 or 3, little-endian:
//
//     "GGUF", u32 version, u64 tensors, u64 keys
//     keys:    string name, u32 type, value         (a string is a u64 length and its bytes)
//     tensors: string name, u32 dimensions, u64 each (innermost first), u32 type, u64 offset
//     padding to a multiple of "general.alignment" (32 by default), and the data section, where offsets begin
//
// What is not supported as a whole (other architectures, adapters, mixtures of experts, element types) is refused by
// name as soon as the walk meets it, before any number of the file is looked at. Then every offset and size is checked:
// a multiple of the alignment, inside the file, no two tensors on the same bytes. The data is never read.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_FILE_H
#define QUIPU_FRONTENDS_GGUF_FILE_H

#include "frontends/common/WeightIndex.h"
#include "frontends/gguf/Metadata.h"

#include <memory>
#include <string>

namespace quipu::frontend::gguf {

inline constexpr std::string_view kMagic = "GGUF";

struct File {
  std::shared_ptr<MappedFile> bytes;
  Metadata metadata;
  /// Size, time and header of the file.
  WeightFile info;
  /// By name in the file; entries are of file 0.
  std::map<std::string, WeightEntry, std::less<>> tensors;
};

/// Throws quipu::Error that names the file and the key or tensor.
File readFile(const std::string &path);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_FILE_H
