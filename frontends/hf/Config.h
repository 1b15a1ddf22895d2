//===- Config.h - Reads Hugging Face config.json ---------------------*- C++ -*-===//
//
// Source of names and defaults: transformers 5 (models/*/configuration_*.py), and 4 for the older names. Where
// transformers silently ignores a field that the exporter meant, this reader refuses.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HF_CONFIG_H
#define QUIPU_FRONTENDS_HF_CONFIG_H

#include "frontends/common/ModelConfig.h"

#include <string>
#include <string_view>

namespace quipu::frontend::hf {

/// Reads the file, and `generation_config.json` beside it when there is one. Throws quipu::Error.
ModelConfig readConfig(const std::string &path);

/// Resolves the text of a config.json. `path` stands for the file in messages and gives the model its name: that of the
/// folder when the file is called config.json, else of the file. Throws quipu::Error and nothing else.
ModelConfig parseConfig(std::string_view text, const std::string &path);

/// Takes what the text of a generation_config.json says about bos and eos ids. As for transformers' generate(), its eos
/// ids replace those of config.json; a file without them leaves those. Throws quipu::Error and nothing else.
void mergeGenerationConfig(ModelConfig &config, std::string_view text, const std::string &path);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_CONFIG_H
