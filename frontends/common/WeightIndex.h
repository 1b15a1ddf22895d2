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
#include "runtime/abi/TensorPieces.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/support/WeightIdentity.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quipu::frontend {

/// A file of weights. The members describe it at the time when it was read.
struct WeightFile {
  /// Absolute, with symbolic links kept as the user wrote them.
  std::string path;
  /// A file that was written just now has no name until the work is done. Then its bytes are here.
  std::string unnamed = {};
  const std::string &place() const { return unnamed.empty() ? path : unnamed; }
  /// Bytes.
  uint64_t size = 0;
  /// Last modification, nanoseconds since 1970 (stat's st_mtim).
  int64_t mtimeNs = 0;
  /// Where in the file the header is: the bytes that say what tensors the file has and where they lie. For safetensors
  /// it is the 8-byte length and the JSON. When a plan is loaded, the runtime compares the header with the plan.
  std::vector<ByteRange> header;
  /// hashRanges of the file and its header.
  Hash128 headerHash{};
  /// Hash of the whole file. Only hashContents sets it, because it must read every byte.
  std::optional<Hash128> contentHash;
};

/// A tensor: row-major, little-endian, contiguous in its file, or in pieces.
struct WeightEntry {
  /// What the file calls it, for messages.
  std::string nameInFile;
  /// Index into WeightIndex::files.
  uint32_t file = 0;
  /// In bytes. `offset` counts from the start of the *file*, not of its data section. The reader has checked: offset +
  /// size <= files[file].size; size == format->bytes(product(shape)); rows are whole blocks.
  uint64_t offset = 0;
  uint64_t size = 0;
  /// A row of the table of runtime/abi/WeightFormat.cpp.
  const WeightFormat *format = nullptr;
  std::vector<uint64_t> shape;
  /// Where the tensor lies when that is not in one place. They cover it (runtime/abi/TensorPieces.h). Then `file` is
  /// the first of their files, for messages, and `offset` means nothing.
  std::vector<TensorPiece> pieces = {};
  /// Of a tensor that the compiler rounded: root mean square of the errors, divided by that of the values.
  float roundingError = 0;

  /// The pieces, or all of the tensor as one.
  std::vector<TensorPiece> places() const;
};

/// A tensor of an element type that weights may not have (integers, float64, float8). It is a buffer, or a part of a
/// quantised weight. Readers list it; whoever opens the model decides if it is an error.
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
  /// Tensors by canonical name ("layers.0.self_attn.q_proj"), the same for all formats: ExpectedWeight::tensor of
  /// Layout.h, and the names of the sources of a llama.weight. While a frontend reads files, it is the name in the
  /// file. It is sorted, so that everything derived from the index is the same in every run.
  std::map<std::string, WeightEntry, std::less<>> tensors;

  /// By name in the file. Empty after a model was opened.
  std::map<std::string, ForeignTensor, std::less<>> foreign;

  /// The tensor of that name, or null.
  const WeightEntry *find(std::string_view name) const {
    auto it = tensors.find(name);
    return it == tensors.end() ? nullptr : &it->second;
  }
};

/// Asks the system to read the samples of all files (runtime/support/WeightIdentity.h) while other work goes on. A file
/// that cannot be opened is ignored here; an Error follows when it is read.
void prefetchSamples(const WeightIndex &index);

/// Sets `contentHash` of every file that has none. It uses up to `threads` threads (0: one for each core); a thread
/// hashes one file at a time. Throws quipu::Error if a file cannot be read, or its size has changed.
void hashContents(WeightIndex &index, unsigned threads = 0);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_WEIGHTINDEX_H
