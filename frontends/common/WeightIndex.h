//===- WeightIndex.h - Where each tensor of a model lies -----------*- C++ -*-===//
//
// Name -> file, offset, size, format and shape; never the bytes. The plan writer copies it into the plan's weight
// table (tables WeightFile and Source in runtime/abi/plan.fbs), and the runtime maps the files.
//
// Part of QuipuConfig, which needs no MLIR.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_WEIGHTINDEX_H
#define QUIPU_FRONTENDS_COMMON_WEIGHTINDEX_H

#include "frontends/common/ModelConfig.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/support/WeightIdentity.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quipu::frontend {

/// One file of weights, as it was when it was read.
struct WeightFile {
  /// Absolute, with symbolic links kept as the user wrote them.
  std::string path;
  /// Bytes.
  uint64_t size = 0;
  /// Last modification, nanoseconds since 1970 (stat's st_mtim).
  int64_t mtimeNs = 0;
  /// The bytes that say what tensors the file has and where they lie (safetensors: the 8-byte length and the JSON). The
  /// plan has them compared whenever it is loaded.
  std::vector<ByteRange> header;
  /// hashRanges of the file and its header.
  Hash128 headerHash{};
  /// Hash of the whole file; set by hashContents alone, because it reads every byte.
  std::optional<Hash128> contentHash;
};

/// One tensor, row-major, little-endian, contiguous in its file.
struct WeightEntry {
  /// What the file calls it, for messages.
  std::string nameInFile;
  /// Index into WeightIndex::files.
  uint32_t file = 0;
  /// Bytes from the start of the *file* (not of its data section), and number of bytes. The reader has checked that
  /// offset + size <= files[file].size and size == format->bytes(product(shape)), in rows of whole blocks.
  uint64_t offset = 0;
  uint64_t size = 0;
  /// A row of the table of runtime/abi/WeightFormat.cpp.
  const WeightFormat *format = nullptr;
  std::vector<uint64_t> shape;
};

/// A tensor of an element type that weights do not have here (integers, float64, float8): a buffer, or a part of a
/// quantised weight. Readers list it, and the model decides.
struct ForeignTensor {
  /// Index into WeightIndex::files.
  uint32_t file = 0;
  /// Bytes.
  uint64_t size = 0;
  /// As the file spells it ("I32").
  std::string dtype;
  std::vector<uint64_t> shape;
};

struct WeightIndex {
  std::vector<WeightFile> files;
  /// By canonical name ("layers.0.self_attn.q_proj"), whatever the format: ExpectedWeight::tensor of Layout.h, and the
  /// names that sources of a llama.weight have. While a frontend reads files, by the name there. Ordered, so that
  /// everything derived from the index is the same from run to run.
  std::map<std::string, WeightEntry, std::less<>> tensors;

  /// By name in the file. Empty once a model was opened.
  std::map<std::string, ForeignTensor, std::less<>> foreign;

  /// The tensor of that name, or null.
  const WeightEntry *find(std::string_view name) const {
    auto it = tensors.find(name);
    return it == tensors.end() ? nullptr : &it->second;
  }
};

/// Asks the system to read the samples of all files (runtime/support/WeightIdentity.h) while other work goes on. Does
/// nothing about a file that cannot be opened: whoever reads it will say so.
void prefetchSamples(const WeightIndex &index);

/// Fills in `contentHash` of every file that has none, with up to `threads` threads (0: one for each core), one file
/// a thread at a time. Throws quipu::Error when a file cannot be read or is no longer `size` bytes long.
void hashContents(WeightIndex &index, unsigned threads = 0);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_WEIGHTINDEX_H
