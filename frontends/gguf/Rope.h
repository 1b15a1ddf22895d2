//===- Rope.h - Rotary embedding in a GGUF file -----------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_ROPE_H
#define QUIPU_FRONTENDS_GGUF_ROPE_H

#include "frontends/common/WeightIndex.h"
#include "frontends/gguf/Architectures.h"
#include "frontends/gguf/Metadata.h"

#include <span>
#include <string_view>

namespace quipu::frontend::gguf {

/// The tensor with a divisor for the frequency of each pair; converters make it of llama3 scaling, for which there is
/// no key.
inline constexpr std::string_view kRopeDivisorsName = "rope_freqs.weight";

/// Resolves the keys "rope.*": the base; scaling types none and linear, every other one is refused by name.
Rope readRope(Metadata &metadata, const Architecture &architecture, std::vector<Note> &notes);

/// The divisors in the tensor `entry`, whose bytes are `data`. Throws quipu::Error, which begins with `path`: they are
/// of another type or number than the `headDim` elements of a head need, or one is not above 0.
std::vector<double> readRopeDivisors(const WeightEntry &entry, std::span<const uint8_t> data, uint32_t headDim,
                                     const std::string &path);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_ROPE_H
