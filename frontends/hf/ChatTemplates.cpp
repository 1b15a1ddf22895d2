//===- ChatTemplates.cpp - How a model's folder writes conversations ---------------------===//

#include "frontends/hf/ChatTemplates.h"

#include "frontends/common/Fields.h"
#include "frontends/common/Json.h"
#include "frontends/hf/Folder.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <algorithm>

using nlohmann::json;
namespace fs = std::filesystem;

namespace quipu::frontend::hf {

static constexpr const char *kDefaultTemplate = "default";
/// Bytes. Templates have some kilobytes; a tokenizer's config has lists of tokens too.
static constexpr uint64_t kMaxTemplateBytes = 4u << 20, kMaxTokenizerConfigBytes = 64u << 20;

static ChatTemplate readTemplateFile(const fs::path &path, std::string name) {
  ChatTemplate read{std::move(name), readTextFile(path.string(), "chat template", kMaxTemplateBytes),
                    path.filename().string()};
  if (firstInvalidByte(read.text))
    fail(path.string(), ": the chat template is not UTF-8; get the file again");
  return read;
}

std::vector<fs::path> additionalTemplates(const fs::path &folder) {
  std::vector<fs::path> others;
  std::error_code error;
  for (fs::directory_iterator it(folder / "additional_chat_templates", error), end; !error && it != end;
       it.increment(error))
    if (it->path().extension() == ".jinja")
      others.push_back(it->path());
  std::ranges::sort(others);
  return others;
}

static std::vector<ChatTemplate> templatesOfFiles(const fs::path &folder) {
  std::vector<ChatTemplate> templates;
  if (fs::path own = folder / "chat_template.jinja"; isThere(own))
    templates.push_back(readTemplateFile(own, kDefaultTemplate));
  for (const fs::path &path : additionalTemplates(folder))
    templates.push_back(readTemplateFile(path, path.stem().string()));
  return templates;
}

static std::vector<ChatTemplate> templatesOfConfig(const fs::path &folder) {
  fs::path path = folder / "tokenizer_config.json";
  if (!isThere(path))
    return {};
  json config = parseJson(readTextFile(path.string(), "tokenizer config", kMaxTokenizerConfigBytes), path.string());
  if (!config.is_object())
    return {};
  constexpr const char *kField = "chat_template", *kOrigin = "tokenizer_config.json: chat_template";
  Fields fields(config, path.string());
  const json *value = fields.find(kField);
  if (!value)
    return {};
  if (value->is_string())
    return {{kDefaultTemplate, value->get<std::string>(), kOrigin}};
  auto isNamed = [](const json &item) {
    return item.is_object() && item.contains("name") && item["name"].is_string() && item.contains("template") &&
           item["template"].is_string();
  };
  if (!value->is_array() || !std::ranges::all_of(*value, isNamed))
    fields.fail(kField, *value, R"(must be a text, or a list of {"name": a text, "template": a text}; correct it)");
  std::vector<ChatTemplate> templates;
  for (const json &item : *value)
    templates.push_back({item["name"].get<std::string>(), item["template"].get<std::string>(), kOrigin});
  return templates;
}

std::vector<ChatTemplate> readChatTemplates(const fs::path &folder) {
  std::vector<ChatTemplate> templates = templatesOfFiles(folder);
  return templates.empty() ? templatesOfConfig(folder) : templates;
}

} // namespace quipu::frontend::hf
