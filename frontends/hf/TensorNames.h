//===- TensorNames.h - Names of tensors that exporters wrap or add -*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_TENSORNAMES_H
#define QUIPU_FRONTENDS_HF_TENSORNAMES_H

#include "frontends/common/Layout.h"
#include "frontends/common/WeightIndex.h"

#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend::hf {

/// The name in files of the tensor that has a weight: "model.layers.0.self_attn.q_proj.weight".
std::string nameInFiles(const ExpectedWeight &weight);

/// Removes from `index` the tensors that older exporters stored although they follow from the config: rotary tables and
/// causal masks, of any type. A note says how many.
void dropBuffers(WeightIndex &index, std::vector<Note> &notes);

/// Undoes the renaming by wrappers. All tensors may have another prefix than "model.", such as "_orig_mod.model.",
/// "base_model.model.model.", "model.language_model." or an empty one. It has no meaning and is replaced by "model.";
/// its beginning is also removed from the name of the head, "lm_head.weight". A warning names the prefix.
/// `entry.nameInFile` does not change. Throws quipu::Error if there are several prefixes, that is several models.
/// `folder` begins the message.
void dropCommonPrefix(WeightIndex &index, const std::string &folder, std::vector<Note> &notes);

/// What tensor names of another layout are ("Meta's own layout, ..."), for messages. Empty: the names are not known.
std::string describeOtherLayout(const WeightIndex &index);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_TENSORNAMES_H
