//===- FetchAdvice.cpp - Where models come from ------------------------------------------===//

#include "frontends/common/FetchAdvice.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

namespace fs = std::filesystem;

namespace quipu::frontend {

/// "OWNER/NAME" if the text is such a name or the address of its page. Empty for anything else.
static std::string hubName(std::string_view path) {
  for (std::string_view prefix : {"https://", "http://", "www.", "huggingface.co/", "hf.co/", "hf:"})
    if (path.starts_with(prefix))
      path.remove_prefix(prefix.size());
  while (path.ends_with('/'))
    path.remove_suffix(1);
  size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash + 1 == path.size())
    return "";
  auto isLetter = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.'; };
  bool fits = isalnum(static_cast<unsigned char>(path[0])) && isalnum(static_cast<unsigned char>(path[slash + 1])) &&
              std::all_of(path.begin(), path.begin() + slash, isLetter) &&
              std::all_of(path.begin() + slash + 1, path.end(), isLetter);
  return fits ? std::string(path) : "";
}

std::string fetchAdvice(const std::string &path, const std::string &command) {
  std::string name = hubName(path);
  std::error_code error;
  // "models/story" in a folder that has models/ is a typing error, and so is the name of a plan.
  bool isPath = fs::exists(fs::path(path).parent_path(), error) || fs::path(path).extension() == ".qplan";
  if (name.empty() || isPath)
    return "expected a compiled plan, a folder of Hugging Face or of Meta, a .gguf, a llama2.c .bin, or a config.json; "
           "a model is fetched with 'hf download OWNER/NAME --local-dir DIR'";
  std::string folder = name.substr(name.find('/') + 1);
  return "it looks like the name of a Hugging Face model, and Quipu fetches none: 'hf download " + name +
         " --local-dir " + folder + "' does, then '" + command + " " + folder + "'";
}

} // namespace quipu::frontend
