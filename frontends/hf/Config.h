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

/// Reads the file, and `generation_config.json` beside it if it exists. Throws quipu::Error.
ModelConfig readConfig(const std::string &path);

/// Reads the text of a config.json and fills in defaults. `path` is the file's path in messages. It also gives the
/// model's name: the name of the folder if the file is called config.json, otherwise of the file. Throws quipu::Error
/// and nothing else.
ModelConfig parseConfig(std::string_view text, const std::string &path);

/// torch's name of a type, as "torch_dtype" has it.
std::string_view torchName(DType type);

/// Reads bos and eos ids from the text of a generation_config.json. As in transformers' generate(), its eos ids replace
/// the ids of config.json. If it has no eos ids, the ids of config.json stay. Throws quipu::Error and nothing else.
void mergeGenerationConfig(ModelConfig &config, std::string_view text, const std::string &path);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_CONFIG_H
