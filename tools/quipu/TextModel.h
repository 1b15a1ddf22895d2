//===- TextModel.h - What a plan or model says about text, without compiling -*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_TEXTMODEL_H
#define QUIPU_TOOLS_QUIPU_TEXTMODEL_H

#include "runtime/text/Tokenizer.h"
#include "tools/quipu/PlanSource.h"

#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

struct TextModel {
  /// Null: there is none.
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<ChatTemplate> chatTemplates;
};

/// A model's files are read, and nothing is compiled. `tokenizerFile`: of --tokenizer; empty: not given. Throws Error.
TextModel openTextModel(const PlanSource &source, const std::string &tokenizerFile);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TEXTMODEL_H
