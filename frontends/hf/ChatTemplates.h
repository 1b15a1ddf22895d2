//===- ChatTemplates.h - How a model's folder writes conversations ----*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_CHATTEMPLATES_H
#define QUIPU_FRONTENDS_HF_CHATTEMPLATES_H

#include "runtime/abi/TokenizerData.h"

#include <filesystem>
#include <vector>

namespace quipu::frontend::hf {

/// The chat templates in the folder of a tokenizer, as transformers finds them: chat_template.jinja and
/// additional_chat_templates/NAME.jinja where one of them is there; else `chat_template` of tokenizer_config.json,
/// which is a text, or a list of {"name", "template"}. Throws quipu::Error when one is no text.
std::vector<ChatTemplate> readChatTemplates(const std::filesystem::path &folder);

/// The files additional_chat_templates/NAME.jinja of a folder, in the order of their names.
std::vector<std::filesystem::path> additionalTemplates(const std::filesystem::path &folder);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_CHATTEMPLATES_H
