//===- Safetensors.cpp - Strict reader of safetensors headers ----------------------------===//

#include "frontends/hf/Safetensors.h"

#include "frontends/common/Json.h"
#include "runtime/core/Error.h"
#include "runtime/core/InputFiles.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using nlohmann::json;
namespace fs = std::filesystem;

namespace quipu::frontend::hf {

static constexpr uint64_t kLengthBytes = 8;
static constexpr uint64_t kMaxHeaderBytes = 100'000'000;

namespace {

/// An open file; closes itself.
class InputFile {
public:
  explicit InputFile(const std::string &path) : path(path) {
    // O_NONBLOCK: opening a named pipe must fail on the check below instead of waiting for a writer.
    fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
      fail(path, ": cannot open the weight file: ", strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      close(fd);
      fail(path, ": the weight file is not a regular file");
    }
    noteInput(path, info);
  }
  ~InputFile() { close(fd); }
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;

  uint64_t size() const { return uint64_t(info.st_size); }
  int64_t mtimeNs() const { return int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec; }

  /// The first `count` bytes.
  std::string head(uint64_t count) const {
    std::string bytes(count, '\0');
    for (uint64_t done = 0; done < count;) {
      ssize_t got = pread(fd, bytes.data() + done, count - done, off_t(done));
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        fail(path, ": cannot read the weight file: ", strerror(errno));
      if (got == 0)
        fail(path, ": the weight file became shorter while it was read");
      done += uint64_t(got);
    }
    return bytes;
  }

private:
  const std::string &path;
  int fd = -1;
  struct stat info{};
};

/// Reads the entry of one tensor.
class TensorReader {
public:
  TensorReader(const std::string &path, const std::string &name, const json &value)
      : path(path), name(name), value(value) {}

  /// `dataBegin` and `dataSize`: the data section in the file.
  WeightEntry read(uint64_t dataBegin, uint64_t dataSize) const {
    if (!value.is_object())
      bad("is ", shown(value), " but must be an object with dtype, shape and data_offsets");
    for (const auto &item : value.items())
      if (item.key() != "dtype" && item.key() != "shape" && item.key() != "data_offsets")
        bad("has the unknown key ", shownText(item.key()), "; only dtype, shape and data_offsets are defined");

    WeightEntry entry;
    entry.nameInFile = name;
    entry.dtype = readDType();
    entry.shape = readShape();
    auto [begin, end] = readOffsets();
    if (begin > end)
      bad("has data_offsets [", begin, ", ", end, "] that end before they begin");
    if (end > dataSize)
      bad("has data_offsets [", begin, ", ", end, "] beyond the ", dataSize,
          " bytes of data in the file; the file is truncated or damaged, get it again");
    uint64_t expected = byteSize(entry.dtype);
    for (uint64_t dim : entry.shape)
      if (__builtin_mul_overflow(expected, dim, &expected))
        bad("has the shape ", shown(value.at("shape")), ", whose size overflows 64 bits");
    if (end - begin != expected)
      bad("has ", end - begin, " bytes of data but its shape ", shown(value.at("shape")), " and dtype ",
          shown(value.at("dtype")), " need ", expected);
    entry.offset = dataBegin + begin;
    entry.size = expected;
    return entry;
  }

private:
  template <typename... Args> [[noreturn]] void bad(const Args &...args) const {
    fail(path, ": tensor ", shownText(name), " ", args...);
  }

  const json &at(const char *key) const {
    auto it = value.find(key);
    if (it == value.end())
      bad("has no ", key);
    return *it;
  }

  DType readDType() const {
    const json &dtype = at("dtype");
    if (dtype == "F32")
      return DType::f32;
    if (dtype == "F16")
      return DType::f16;
    if (dtype == "BF16")
      return DType::bf16;
    bad("has the dtype ", shown(dtype),
        " but only F32, F16 and BF16 are supported; convert the weights to one of these");
  }

  std::vector<uint64_t> readShape() const {
    const json &shape = at("shape");
    if (!shape.is_array() || !std::ranges::all_of(shape, &json::is_number_unsigned))
      bad("has the shape ", shown(shape), " but it must be a list of integers from 0 up");
    return shape.get<std::vector<uint64_t>>();
  }

  std::pair<uint64_t, uint64_t> readOffsets() const {
    const json &offsets = at("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2 || !std::ranges::all_of(offsets, &json::is_number_unsigned))
      bad("has the data_offsets ", shown(offsets), " but they must be two integers from 0 up");
    return {offsets[0].get<uint64_t>(), offsets[1].get<uint64_t>()};
  }

  const std::string &path;
  const std::string &name;
  const json &value;
};

} // namespace

static void checkMetadata(const std::string &path, const json &metadata) {
  if (!metadata.is_object() || !std::ranges::all_of(metadata, &json::is_string))
    fail(path, ": __metadata__ is ", shown(metadata), " but must map strings to strings");
}

/// The tensors must tile the data section.
static void checkCoverage(const std::string &path, const WeightIndex &index, uint64_t dataBegin, uint64_t dataSize) {
  std::vector<const WeightEntry *> order;
  order.reserve(index.tensors.size());
  for (const auto &[name, entry] : index.tensors)
    order.push_back(&entry);
  std::ranges::sort(order, {}, [](const WeightEntry *entry) { return std::pair(entry->offset, entry->size); });
  uint64_t next = dataBegin;
  for (const WeightEntry *entry : order) {
    if (entry->offset < next)
      fail(path, ": tensor ", shownText(entry->nameInFile), " begins at data offset ", entry->offset - dataBegin,
           ", inside the tensor before it, which ends at ", next - dataBegin,
           "; the file is damaged or crafted, get it again");
    if (entry->offset > next)
      fail(path, ": no tensor owns the data from offset ", next - dataBegin, " to ", entry->offset - dataBegin,
           ", where tensor ", shownText(entry->nameInFile), " begins; the file is damaged or crafted, get it again");
    next += entry->size;
  }
  if (next != dataBegin + dataSize)
    fail(path, ": no tensor owns the last ", dataBegin + dataSize - next,
         " bytes of the file; it is damaged or crafted, get it again");
}

WeightIndex readSafetensors(const std::string &path) {
  InputFile file(path);
  if (file.size() < kLengthBytes)
    fail(path, ": the file is ", file.size(),
         " bytes long, too short for a safetensors header; it is truncated, get it "
         "again");
  std::string lengthBytes = file.head(kLengthBytes);
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;)
    length = length << 8 | uint8_t(lengthBytes[i]);
  if (length > kMaxHeaderBytes)
    fail(path, ": the header claims to be ", length, " bytes long, more than the ", kMaxHeaderBytes,
         " that safetensors allows; this is not a safetensors file, or it is damaged");
  if (length > file.size() - kLengthBytes)
    fail(path, ": the header claims to be ", length, " bytes long but only ", file.size() - kLengthBytes,
         " follow; the file is truncated, get it again");

  std::string head = file.head(kLengthBytes + length);
  std::string_view text = std::string_view(head).substr(kLengthBytes);
  if (text.empty() || text.front() != '{')
    fail(path, ": the header does not begin with '{'; this is not a safetensors file, or it is damaged");
  json header = parseJson(text, path + ": header");

  WeightIndex index;
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  WeightFile &info = index.files.emplace_back();
  info.path = error ? path : absolute.lexically_normal().string();
  info.size = file.size();
  info.mtimeNs = file.mtimeNs();
  info.headerSize = head.size();
  info.headerHash = hashBytes(head.data(), head.size());

  uint64_t dataSize = file.size() - head.size();
  for (const auto &item : header.items()) {
    if (item.key() == "__metadata__")
      checkMetadata(path, item.value());
    else
      index.tensors.emplace(item.key(), TensorReader(path, item.key(), item.value()).read(head.size(), dataSize));
  }
  checkCoverage(path, index, head.size(), dataSize);
  return index;
}

/// A file name that cannot lead out of the folder.
static bool isPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

WeightIndex readShardedSafetensors(const std::string &indexPath, std::vector<Note> &notes) {
  json object = parseJson(readTextFile(indexPath, "weight map", kMaxHeaderBytes), indexPath);
  if (!object.is_object() || !object.contains("weight_map") || !object["weight_map"].is_object() ||
      object["weight_map"].empty())
    fail(indexPath, ": must be a JSON object with a \"weight_map\" from tensor to file; get the file again");
  const json &map = object["weight_map"];

  // Shards in the order of their names, so that file numbers do not depend on the map's order.
  std::map<std::string, uint32_t> shards;
  for (const auto &item : map.items()) {
    const json &shard = item.value();
    if (!shard.is_string() || !isPlainName(shard.get_ref<const std::string &>()))
      fail(indexPath, ": weight_map says that tensor ", shownText(item.key()), " is in ", shown(shard),
           " but it must be the name of a file in the same folder");
    shards.emplace(shard.get<std::string>(), 0);
  }

  WeightIndex index;
  fs::path folder = fs::path(indexPath).parent_path();
  uint64_t totalSize = 0;
  for (auto &[shard, number] : shards) {
    number = uint32_t(index.files.size());
    std::string path = (folder / shard).string();
    WeightIndex part = readSafetensors(path);
    index.files.push_back(std::move(part.files.front()));
    for (auto &[name, entry] : part.tensors) {
      auto mapped = map.find(name);
      if (mapped == map.end())
        fail(path, ": tensor ", shownText(name), " is not in the weight_map of ", indexPath,
             "; the shards do not belong to this index, get all files again");
      if (*mapped != shard)
        fail(path, ": tensor ", shownText(name), " is here but the weight_map of ", indexPath, " says that it is in ",
             shown(*mapped), "; the shards do not belong to this index, get all files again");
      totalSize += entry.size;
      entry.file = number;
      index.tensors.emplace(name, std::move(entry));
    }
  }
  for (const auto &item : map.items())
    if (!index.find(item.key()))
      fail(indexPath, ": weight_map says that tensor ", shownText(item.key()), " is in ", shown(item.value()),
           " but that file does not have it; get all files again");

  if (object.contains("metadata") && object["metadata"].is_object() && object["metadata"].contains("total_size")) {
    // Some writers store it as a float, or count tied tensors twice.
    const json &claimed = object["metadata"]["total_size"];
    if (!claimed.is_number() || claimed != json(totalSize))
      notes.push_back({Note::Kind::warning, "total_size",
                       concat(indexPath, " says ", shown(claimed), " but the tensors have ", totalSize, " bytes")});
  }
  return index;
}

} // namespace quipu::frontend::hf
