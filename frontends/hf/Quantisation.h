//===- Quantisation.h - How a checkpoint was quantised ------------*- C++ -*-===//
//
// Quantised weights are not read, but named: by what config.json says, and by the names and types of tensors.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HF_QUANTISATION_H
#define QUIPU_FRONTENDS_HF_QUANTISATION_H

#include "frontends/common/WeightIndex.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::frontend::hf {

/// Advice for quantised weights. It is the end of a message.
inline constexpr const char *kUnquantised = "only F32, F16 and BF16 weights are supported; use the model that was not "
                                            "quantised, or turn the weights back into bfloat16";

/// "gptq, 4 bits" from the value of a config's `quantization_config` (or compression_config, quantization).
std::string describeQuantisationConfig(const nlohmann::json &value);

/// "gptq (tensor "model.layers.0.self_attn.q_proj.qweight" of type I32)" from the tensors. Empty: they are not
/// quantised. `inputs`: the model's hidden size. It distinguishes methods that pack along different dimensions.
std::string describeQuantisation(const WeightIndex &index, uint64_t inputs);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_QUANTISATION_H
