//===- Safetensors.h - Strict reader of safetensors headers --------*- C++ -*-===//
//
// A safetensors file is a little-endian u64 N, N bytes of JSON, and the data section:
//
//     {"__metadata__": {"key": "text", ...},
//      "tensor.name": {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [begin, end]}, ...}
//
// with offsets relative to the data section. This reader is at least as strict as the reference implementation
// (huggingface/safetensors, safetensors/src/tensor.rs): N is at most 100,000,000; the JSON begins with `{` and is
// followed by nothing but spaces; no key twice; the tensors cover the data section exactly, from 0 to the end of the
// file, without overlap or hole; end - begin is the product of the shape times the size of the dtype, computed without
// overflow. Tensors of other dtypes than F32, F16 and BF16 are listed apart (WeightIndex::foreign). Only headers are
// read, never the data.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HF_SAFETENSORS_H
#define QUIPU_FRONTENDS_HF_SAFETENSORS_H

#include "frontends/common/WeightIndex.h"

#include <string>
#include <vector>

namespace quipu::frontend::hf {

/// Reads the index of one file. Throws quipu::Error that names the file and the tensor.
WeightIndex readSafetensors(const std::string &path);

/// Reads the index of all files that a `model.safetensors.index.json` names. They lie in its folder. Every tensor must
/// be in the file that `weight_map` says, and in no other file. A wrong `total_size` gives a warning in `notes`.
WeightIndex readShardedSafetensors(const std::string &indexPath, std::vector<Note> &notes);

/// Reads the index of shards without such a file. No tensor may be in two shards.
WeightIndex readShards(const std::vector<std::string> &paths);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_SAFETENSORS_H
