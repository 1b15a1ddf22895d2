//===- ChooseFormat.cpp - The format that a user or a model names ------------------------===//

#include "runtime/chat/ChooseFormat.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace quipu {

static std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

static std::string builtInText() { return concat("one of Quipu's (", joined(ChatFormat::builtInNames()), ")"); }

std::vector<ChatTemplate> chatTemplatesOf(const plan::Plan &plan) {
  std::vector<ChatTemplate> templates;
  if (plan.tokenizer() && plan.tokenizer()->chat_templates())
    for (const plan::ChatTemplate *chat : *plan.tokenizer()->chat_templates())
      templates.push_back({chat->name()->str(), chat->text()->str(), chat->origin() ? chat->origin()->str() : ""});
  return templates;
}

static ChatTemplate readTemplateFile(const std::string &path) {
  // Bytes; templates have some kilobytes.
  constexpr uintmax_t kMost = 4u << 20;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    fail(path, ": not a file; give a file with a chat template");
  if (std::filesystem::file_size(path, error) > kMost)
    fail(path, ": larger than 4 MiB, which no chat template is; give a file with a chat template");
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file)
    fail(path, ": cannot read; check its permissions");
  if (std::optional<size_t> offset = firstInvalidByte(text))
    fail(path, ": byte ", *offset, " is not UTF-8; give a file with a chat template");
  return {"", std::move(text), path};
}

static ChatFormat ofModelAlone(std::span<const ChatTemplate> ofModel, const Tokenizer *tokenizer,
                               const std::string &modelName) {
  if (ofModel.empty())
    fail(modelName, ": has no chat template; give --chat-template with ", builtInText(), " or a file with a template");
  auto found = std::ranges::find(ofModel, "default", &ChatTemplate::name);
  if (found == ofModel.end() && ofModel.size() > 1) {
    std::vector<std::string> names;
    std::ranges::transform(ofModel, std::back_inserter(names), &ChatTemplate::name);
    fail(modelName,
         ": has several chat templates and none is named 'default'; choose one with --chat-template: ", joined(names));
  }
  return ChatFormat(found == ofModel.end() ? ofModel.front() : *found, tokenizer);
}

ChatFormat chooseFormat(std::span<const ChatTemplate> ofModel, const std::string &option, const Tokenizer *tokenizer,
                        const std::string &modelName) {
  if (option.empty())
    return ofModelAlone(ofModel, tokenizer, modelName);
  auto found = std::ranges::find(ofModel, option, &ChatTemplate::name);
  if (found != ofModel.end())
    return ChatFormat(*found, tokenizer);
  if (std::optional<ChatFormat> known = ChatFormat::builtIn(option, tokenizer))
    return *known;
  std::error_code error;
  if (std::filesystem::exists(option, error))
    return ChatFormat(readTemplateFile(option), tokenizer);
  std::vector<std::string> names;
  std::ranges::transform(ofModel, std::back_inserter(names), &ChatTemplate::name);
  fail("--chat-template ", option, ": no template and no file of that name; give ",
       names.empty() ? "" : concat("one of the model's (", joined(names), "), "), builtInText(),
       " or a file with a template");
}

} // namespace quipu
