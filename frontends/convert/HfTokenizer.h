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

/// tokenizer.model or tokenizer.json, and tokenizer_config.json with the chat templates. Throws quipu::Error that names
/// what these files cannot say.
TextFiles tokenizerFiles(const frontend::Model &model);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_HFTOKENIZER_H
