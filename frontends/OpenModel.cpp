//===- OpenModel.cpp - Finds the frontend for a path -------------------------------------===//

#include "frontends/common/FetchAdvice.h"
#include "frontends/common/Model.h"
#include "frontends/gguf/File.h"
#include "frontends/gguf/Model.h"
#include "frontends/hf/Model.h"
#include "frontends/hf/TokenizerFiles.h"
#include "frontends/llama2c/Model.h"
#include "frontends/meta/Model.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/InputFiles.h"

#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace quipu::frontend {

/// The first bytes of a file. Empty if it cannot be read.
static std::string headOf(const std::string &path) {
  std::string head(kFileKindBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), std::streamsize(head.size()));
  head.resize(size_t(file.gcount()));
  return head;
}

Model openModel(const std::string &path) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    if (std::string link = describeDanglingLink(path); !link.empty())
      fail(path, ": ", link);
    if (status.type() != fs::file_type::not_found)
      fail(path, ": cannot open the model", errnoSuffix(error.value()));
    fail(path, ": no such file or directory; ", fetchAdvice(path, "quipu compile"));
  }
  bool isFolder = fs::is_directory(status);
  noteModelFolder(isFolder ? path : fs::path(path).parent_path().string(), /*whole=*/isFolder);
  if (isFolder)
    return meta::isFolder(path) ? meta::readDirectory(path) : hf::readDirectory(path);
  if (fs::path(path).extension() == ".json")
    return hf::readBareConfig(path);
  if (fs::path(path).extension() == ".gguf" || headOf(path).starts_with(gguf::kMagic))
    return gguf::readModel(path);
  constexpr std::string_view kSupported =
      "supported are a Hugging Face model directory (config.json and safetensors), a folder in Meta's layout "
      "(params.json and consolidated.*.pth), a GGUF file, a .bin of llama2.c, and a bare config.json";
  if (fs::is_regular_file(status)) {
    std::string head = headOf(path);
    if (llama2c::isModel(path, head))
      return llama2c::readFile(path);
    if (std::string kind = describeFileKind(head, kSupported); !kind.empty())
      fail(path, ": unknown model format: it ", kind);
  }
  fail(path, ": unknown model format; ", kSupported);
}

ModelTokenizer openTokenizer(const std::string &path, uint32_t vocabSize, std::vector<Note> &notes) {
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found)
    fail(path, ": no such file; give the model's tokenizer.model or tokenizer.json");
  return hf::readTokenizer(path, vocabSize, notes, /*isOptional=*/false);
}

} // namespace quipu::frontend
