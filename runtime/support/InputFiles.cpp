//===- InputFiles.cpp - Files that no output may replace ---------------------------------===//

#include "runtime/support/InputFiles.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace fs = std::filesystem;

namespace quipu {

namespace {
struct Input {
  std::string path;
  dev_t device;
  ino_t inode;

  bool is(const struct stat &status) const { return device == status.st_dev && inode == status.st_ino; }
};

/// A folder that has a model.
struct Folder {
  std::string path;
  bool whole;
};

struct Inputs {
  std::mutex mutex;
  unsigned protections = 0;
  std::vector<Input> files;
  std::vector<Folder> folders;
};
} // namespace

static Inputs &inputs() {
  static Inputs instance;
  return instance;
}

InputProtection::InputProtection() {
  std::lock_guard lock(inputs().mutex);
  ++inputs().protections;
}

InputProtection::~InputProtection() {
  std::lock_guard lock(inputs().mutex);
  if (--inputs().protections > 0)
    return;
  inputs().files.clear();
  inputs().folders.clear();
}

void noteInput(const std::string &path, const struct stat &status) {
  if (!S_ISREG(status.st_mode) || status.st_size == 0)
    return;
  Inputs &all = inputs();
  std::lock_guard lock(all.mutex);
  if (all.protections > 0 &&
      std::none_of(all.files.begin(), all.files.end(), [&](const Input &input) { return input.is(status); }))
    all.files.push_back({path, status.st_dev, status.st_ino});
}

void noteInput(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) == 0)
    noteInput(path, status);
}

void noteModelFolder(const std::string &folder, bool whole) {
  Inputs &all = inputs();
  std::lock_guard lock(all.mutex);
  std::string name = folder.empty() ? "." : folder;
  auto isSame = [&](const Folder &other) { return other.path == name && other.whole == whole; };
  if (all.protections > 0 && std::none_of(all.folders.begin(), all.folders.end(), isSame))
    all.folders.push_back({name, whole});
}

size_t inputCount() {
  std::lock_guard lock(inputs().mutex);
  return inputs().files.size() + inputs().folders.size();
}

static bool isOneOf(const std::string &name, std::span<const char *const> names) {
  return std::any_of(names.begin(), names.end(), [&](const char *other) { return name == other; });
}

/// Whether a file of this name may be a part of a model.
static bool isModelPart(const fs::path &path) {
  static constexpr const char *kExtensions[] = {".json", ".model", ".safetensors", ".bin",   ".gguf", ".ggml",    ".pt",
                                                ".pth",  ".h5",    ".msgpack",     ".jinja", ".py",   ".tiktoken"};
  static constexpr const char *kNames[] = {"merges.txt", "vocab.txt"};
  return isOneOf(path.extension().string(), kExtensions) || isOneOf(path.filename().string(), kNames);
}

/// Whether a file's content is of a kind that commands write, so that a command may overwrite it: a plan or bundle, an
/// executable, machine code, an array.
static bool isOwnOutput(const fs::path &path) {
  static constexpr std::string_view kMagics[] = {kPlanMagic, kRoundedWeightsMagic, kNumPyMagic, kElfMagic, kPtxMagic};
  char bytes[kFileKindBytes] = {};
  std::ifstream file(path, std::ios::binary);
  file.read(bytes, sizeof(bytes));
  std::string_view head(bytes, size_t(file.gcount()));
  return std::any_of(std::begin(kMagics), std::end(kMagics),
                     [&](std::string_view magic) { return head.starts_with(magic); });
}

/// The same, by the file's name.
static bool hasOutputName(const fs::path &path) {
  static constexpr const char *kExtensions[] = {".qplan", ".plan", ".mlir",  ".ll", ".s",
                                                ".asm",   ".ptx",  ".cubin", ".npy"};
  return isOneOf(path.extension().string(), kExtensions);
}

/// The file's name in this folder. Empty if it may be written.
static std::string findInFolder(const Folder &folder, const struct stat &status) {
  std::error_code error;
  for (fs::directory_iterator entry(folder.path, error), end; !error && entry != end; entry.increment(error)) {
    struct stat found;
    if (stat(entry->path().c_str(), &found) != 0 || found.st_dev != status.st_dev || found.st_ino != status.st_ino)
      continue;
    // If name and content disagree, the content counts: "out.bin" may be an array.
    const fs::path &path = entry->path();
    if (!isOwnOutput(path) && (isModelPart(path) || (folder.whole && !hasOutputName(path))))
      return path.string();
  }
  return "";
}

std::optional<std::string> findReadInput(const struct stat &status) {
  std::lock_guard lock(inputs().mutex);
  for (const Input &input : inputs().files) {
    // Somebody may replace the file while the program runs. Then its name belongs to another inode.
    struct stat now;
    if (input.is(status) ||
        (stat(input.path.c_str(), &now) == 0 && now.st_dev == status.st_dev && now.st_ino == status.st_ino))
      return concat(input.path, ", which this command reads");
  }
  return std::nullopt;
}

std::optional<std::string> findInput(const struct stat &status) {
  if (std::optional<std::string> input = findReadInput(status))
    return input;
  std::lock_guard lock(inputs().mutex);
  for (const Folder &folder : inputs().folders)
    if (std::string file = findInFolder(folder, status); !file.empty())
      return concat(file, ", which lies with the model");
  return std::nullopt;
}

} // namespace quipu
