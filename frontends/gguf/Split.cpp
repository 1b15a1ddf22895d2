//===- Split.cpp - The files of a model in GGUF ------------------------------------------===//

#include "frontends/gguf/Split.h"

#include "frontends/common/Json.h"
#include "frontends/common/ShardName.h"
#include "runtime/support/Error.h"

#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::frontend::gguf {

static constexpr std::string_view kNumberKey = "split.no", kCountKey = "split.count",
                                  kTensorsKey = "split.tensors.count";
/// The numbers are of 16 bits.
static constexpr uint64_t kMaxFiles = 65535;

/// Reads and checks file number `index`, from 0.
static File readPart(const std::string &path, uint64_t index, uint64_t count) {
  std::error_code error;
  if (!fs::exists(path, error))
    fail(path, ": file ", index + 1, " of the ", count,
         " of a split model is missing; get all of them into one folder");
  File file = readFile(path);
  if (file.metadata.integer(kNumberKey, 0, kMaxFiles) != index ||
      file.metadata.integer(kCountKey, 1, kMaxFiles) != count)
    fail(path, ": the keys \"", kNumberKey, "\" and \"", kCountKey, "\" must be ", index, " and ", count,
         " as the file's name says; the files do not belong together, get all of them again");
  return file;
}

static void checkTensors(std::vector<File> &files, const std::string &path) {
  uint64_t tensors = 0;
  std::map<std::string_view, const File *> seen;
  for (const File &file : files) {
    tensors += file.tensors.size();
    for (const auto &[name, entry] : file.tensors)
      if (auto [before, isNew] = seen.emplace(name, &file); !isNew)
        fail(file.info.path, ": tensor ", shownText(name), " is in ", before->second->info.path,
             " too; the files do not belong together, get all of them again");
  }
  Metadata &metadata = files.front().metadata;
  if (std::optional<uint64_t> expected = metadata.integer(kTensorsKey, 0, INT32_MAX); expected && *expected != tensors)
    fail(metadata.place(kTensorsKey), " is ", *expected, " but the ", files.size(), " files of ", path, " have ",
         tensors, " tensors; the files do not belong together, get all of them again");
}

std::vector<File> readFiles(const std::string &path) {
  std::vector<File> files;
  File given = readFile(path);
  uint64_t count = given.metadata.integer(kCountKey, 0, kMaxFiles).value_or(1);
  if (count <= 1) {
    files.push_back(std::move(given));
    return files;
  }
  std::optional<ShardName> shard = ShardName::parse(fs::path(path).filename().string(), ".gguf");
  if (!shard || shard->count != count)
    fail(path, ": the file is one of ", count, " of a split model (key \"", kCountKey,
         "\"), and the others are found by the name NAME-00001-of-", ShardName::padded(count, 5),
         ".gguf, which it does not have; give the files their names back");
  for (uint32_t i = 1; i <= shard->count; ++i)
    files.push_back(readPart((fs::path(path).parent_path() / shard->file(i)).string(), i - 1, count));
  checkTensors(files, path);
  return files;
}

} // namespace quipu::frontend::gguf
