//===- OutputFolder.cpp - Folders that appear whole or not at all ------------------------===//

#include "frontends/convert/OutputFolder.h"

#include "runtime/support/Error.h"
#include "runtime/support/MappedFile.h"

#include <cerrno>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::convert {

/// Without separators at the end, which would name what lies in it.
static std::string withoutSlashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  return path;
}

OutputFolder::OutputFolder(const std::string &path) : target(withoutSlashes(path)) {
  std::error_code error;
  fs::file_status status = fs::symlink_status(target, error);
  bool isEmptyFolder = fs::is_directory(status) && fs::is_empty(target, error);
  if (fs::exists(status) && !isEmptyFolder)
    fail(target, ": cannot write: it exists already; name a new folder, or remove it");
  fs::path parent = fs::path(target).parent_path();
  temporary = std::make_unique<TemporaryName>(parent.empty() ? "." : parent.string(), ".quipu-");
  if (!temporary->createFolder())
    fail(target, ": cannot create the folder", errnoSuffix(errno), "; check that its parent exists and can be written");
}

OutputFile &OutputFolder::add(const std::string &name) {
  std::error_code error;
  fs::path parent = (fs::path(temporary->path()) / name).parent_path();
  fs::create_directories(parent, error);
  if (error)
    fail(target, ": cannot create the folder ", parent.filename().string(), ": ", error.message());
  return *files.emplace_back(std::make_unique<OutputFile>(temporary->path() + "/" + name));
}

void OutputFolder::addText(const std::string &name, std::string_view text) {
  add(name).write(text.data(), text.size());
}

void OutputFolder::addCopy(const std::string &name, const std::string &source) {
  std::shared_ptr<MappedFile> file = MappedFile::open(source, "model file");
  add(name).write(file->data(), file->size());
}

void OutputFolder::commit() {
  for (const std::unique_ptr<OutputFile> &file : files)
    file->commit();
  std::error_code error;
  fs::rename(temporary->path(), target, error);
  if (error)
    fail(target, ": cannot write: ", error.message());
  temporary->release();
}

} // namespace quipu::convert
