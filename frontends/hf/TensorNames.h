//===- TensorNames.h - Names of tensors that exporters wrap or add -*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_TENSORNAMES_H
#define QUIPU_FRONTENDS_HF_TENSORNAMES_H

#include "frontends/common/Layout.h"
#include "frontends/common/WeightIndex.h"

#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend::hf {

/// What files call the tensor that holds a weight: "model.layers.0.self_attn.q_proj.weight".
std::string nameInFiles(const ExpectedWeight &weight);

/// Takes out of `index`, whatever their types, the tensors that older exporters stored though they follow from the
/// config: rotary tables and causal masks. A note says how many.
void dropBuffers(WeightIndex &index, std::vector<Note> &notes);

/// Renames what a wrapper renamed: where all tensors lie under one other prefix than "model." ("_orig_mod.model.",
/// "base_model.model.model.", "model.language_model.", nothing at all), that prefix means nothing and is left out, and
/// so is its beginning before "lm_head.weight". A warning names it. `entry.nameInFile` stays. Throws quipu::Error when
/// several models lie in the files; `folder` begins the message.
void dropCommonPrefix(WeightIndex &index, const std::string &folder, std::vector<Note> &notes);

/// What names say that no LLaMA model in Hugging Face layout has ("Meta's own layout, ..."), for messages; empty: they
/// tell nothing.
std::string describeOtherLayout(const WeightIndex &index);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_TENSORNAMES_H
