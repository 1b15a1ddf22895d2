//===- OpenModel.cpp - Finds the frontend for a path -------------------------------------===//

#include "frontends/common/FetchAdvice.h"
#include "frontends/common/Model.h"
#include "frontends/hf/Model.h"
#include "runtime/core/Error.h"
#include "runtime/core/InputFiles.h"

#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::frontend {

Model openModel(const std::string &path) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    fail(path, ": no such file or directory; ", fetchAdvice(path, "quipu compile"));
  bool isFolder = fs::is_directory(status);
  noteModelFolder(isFolder ? path : fs::path(path).parent_path().string(), /*whole=*/isFolder);
  if (isFolder)
    return hf::readDirectory(path);
  if (fs::path(path).extension() == ".json")
    return hf::readBareConfig(path);
  fail(path, ": unknown model format; supported are a Hugging Face model directory (config.json and safetensors) and a "
             "bare config.json");
}

} // namespace quipu::frontend
