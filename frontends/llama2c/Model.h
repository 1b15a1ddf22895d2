//===- Model.h - Opens a model of llama2.c ------------------------*- C++ -*-===//
//
// One file of little-endian numbers:
// - version 0: 7 x i32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len), then f32 weights. A
//   negative vocab_size means that the head is stored. Two tables of rotary embedding lie before it.
// - version 1: the magic number "ak42", i32 version, the 7 x i32, u8 whether the head is the embedding; padded to 256
//   bytes, then f32 weights.
// - version 2: the same, then a group size as an i32 (at an odd address). Norms are f32. Of each matrix all integers of
// 8
//   bits come first, then an f32 scale for each group of neighbours.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_LLAMA2C_MODEL_H
#define QUIPU_FRONTENDS_LLAMA2C_MODEL_H

#include "frontends/common/Model.h"

#include <string>
#include <string_view>

namespace quipu::frontend::llama2c {

/// Whether a file may be such a model, by its name and its first bytes.
bool isModel(const std::string &path, std::string_view head);

/// Opens the file, and the tokenizer.bin or tokenizer.model that lies beside it. Throws quipu::Error.
Model readFile(const std::string &path);

} // namespace quipu::frontend::llama2c

#endif // QUIPU_FRONTENDS_LLAMA2C_MODEL_H
