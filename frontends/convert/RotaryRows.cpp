//===- RotaryRows.cpp - The order of rows of queries and keys ----------------------------===//

#include "frontends/convert/RotaryRows.h"

#include "runtime/support/Error.h"

#include <string_view>

namespace quipu::convert {

using frontend::RotaryLayout;

/// Rows of the tensor that are those of queries or keys; they come first.
static uint64_t turnedRows(const frontend::ExpectedWeight &weight, const frontend::ModelConfig &config) {
  std::string_view name = weight.tensor;
  constexpr std::string_view kBias = ".bias";
  if (name.ends_with(kBias))
    name.remove_suffix(kBias.size());
  uint64_t queries = uint64_t(config.numHeads) * config.headDim, keys = uint64_t(config.numKvHeads) * config.headDim;
  return name.ends_with("self_attn.q_proj")     ? queries
         : name.ends_with("self_attn.k_proj")   ? keys
         : name.ends_with("self_attn.qkv_proj") ? queries + keys
                                                : 0;
}

std::function<uint64_t(uint64_t row)> rotaryRows(const frontend::ExpectedWeight &weight,
                                                 const frontend::ModelConfig &config, RotaryLayout layout) {
  uint64_t turned = turnedRows(weight, config), head = config.headDim, half = head / 2;
  if (turned == 0 || layout == config.rope.layout)
    return {};
  bool toHalf = layout == RotaryLayout::half;
  return [=](uint64_t row) {
    if (row >= turned)
      return row;
    uint64_t first = row / head * head, place = row % head;
    return first + (toHalf ? place % half * 2 + place / half : place % 2 * half + place / 2);
  };
}

} // namespace quipu::convert
