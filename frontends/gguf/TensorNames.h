//===- TensorNames.h - What GGUF files call the tensors of a model ----*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_TENSORNAMES_H
#define QUIPU_FRONTENDS_GGUF_TENSORNAMES_H

#include "frontends/common/Layout.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend::gguf {

inline constexpr std::string_view kEmbeddingName = "token_embd.weight";
inline constexpr std::string_view kHeadName = "output.weight";

/// What files call the tensor that holds a weight: "blk.0.attn_q.weight".
std::string nameInFiles(const ExpectedWeight &weight);

/// "[32000, 4096]", for messages.
std::string shapeText(const std::vector<uint64_t> &shape);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_TENSORNAMES_H
