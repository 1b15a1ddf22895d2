//===- HfTokenizer.h - A tokenizer as files of a Hugging Face folder --------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_CONVERT_HFTOKENIZER_H
#define QUIPU_FRONTENDS_CONVERT_HFTOKENIZER_H

#include "frontends/common/Model.h"

#include <string>
#include <utility>
#include <vector>

namespace quipu::convert {

/// Names of files, and what they hold.
using TextFiles = std::vector<std::pair<std::string, std::string>>;

/// tokenizer.model or tokenizer.json or both, and tokenizer_config.json with the chat templates. `notes`: what other
/// programs will do otherwise. Throws quipu::Error that names what these files cannot say.
TextFiles tokenizerFiles(const frontend::Model &model, std::vector<std::string> &notes);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_HFTOKENIZER_H
