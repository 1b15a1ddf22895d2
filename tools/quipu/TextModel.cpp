//===- TextModel.cpp - What a plan or model says about text, without compiling -----------===//

#include "tools/quipu/TextModel.h"
#include "frontends/common/Model.h"
#include "runtime/chat/ChooseFormat.h"
#include "tools/quipu/Prompt.h"

namespace quipu::tool {

TextModel openTextModel(const PlanSource &source, const std::string &tokenizerFile) {
  TextModel result;
  if (source.isModel()) {
    frontend::Model model = frontend::openModel(source.path());
    TokenizerData &data = model.tokenizer.data;
    result.chatTemplates = data.chatTemplates;
    if (!tokenizerFile.empty())
      result.tokenizer =
          loadTokenizerFile(tokenizerFile, model.config.vocabSize, data.exists() ? &data.settings : nullptr);
    else if (data.exists())
      result.tokenizer = Tokenizer::fromData(std::move(data));
  } else {
    std::shared_ptr<const PlanFile> plan = source.open();
    result.chatTemplates = chatTemplatesOf(plan->plan());
    result.tokenizer = tokenizerFile.empty() ? Tokenizer::fromPlan(plan->plan(), plan->path())
                                             : loadTokenizerFile(tokenizerFile, *plan);
  }
  return result;
}

} // namespace quipu::tool
