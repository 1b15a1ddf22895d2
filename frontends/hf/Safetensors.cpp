//===- Safetensors.cpp - Strict reader of safetensors headers ----------------------------===//

#include "frontends/hf/Safetensors.h"

#include "frontends/common/InputFile.h"
#include "frontends/common/Json.h"
#include "frontends/common/PlanTypes.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>

using nlohmann::json;
namespace fs = std::filesystem;

namespace quipu::frontend::hf {

static constexpr uint64_t kLengthBytes = 8;
static constexpr uint64_t kMaxHeaderBytes = 100'000'000;

namespace {

/// The entry of one tensor.
struct TensorHeader {
  uint64_t offset = 0;
  uint64_t size = 0;
  /// As the file spells it.
  std::string dtype;
  std::vector<uint64_t> shape;
};

/// A dtype of the format, and bits of an element.
struct ElementType {
  std::string_view name;
  uint64_t bits;
};

} // namespace

/// Source: huggingface/safetensors, safetensors/src/tensor.rs.
static constexpr ElementType kElementTypes[] = {
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},    {"F8_E5M2", 8},
    {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16}, {"BF16", 16}, {"I32", 32},
    {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},    {"I64", 64}, {"U64", 64}};

namespace {

/// Reads the entry of one tensor.
class TensorReader {
public:
  TensorReader(const std::string &path, const std::string &name, const json &value)
      : path(path), name(name), value(value) {}

  /// `dataBegin` and `dataSize`: the data section in the file.
  TensorHeader read(uint64_t dataBegin, uint64_t dataSize) const {
    if (!value.is_object())
      bad("is ", shown(value), " but must be an object with dtype, shape and data_offsets");
    for (const auto &item : value.items())
      if (item.key() != "dtype" && item.key() != "shape" && item.key() != "data_offsets")
        bad("has the unknown key ", shownText(item.key()), ", and only dtype, shape and data_offsets are defined");

    TensorHeader header;
    header.dtype = readDType();
    header.shape = readShape();
    auto [begin, end] = readOffsets();
    if (begin > end)
      bad("has data_offsets [", begin, ", ", end, "] that end before they begin");
    if (end > dataSize)
      bad("has data_offsets [", begin, ", ", end, "] beyond the ", dataSize, " bytes of data in the file");
    header.offset = dataBegin + begin;
    header.size = end - begin;
    checkSize(header);
    return header;
  }

private:
  template <typename... Args> [[noreturn]] void bad(const Args &...args) const {
    fail(path, ": tensor ", shownText(name), " ", args..., "; the file is truncated or damaged, get it again");
  }

  const json &at(const char *key) const {
    auto it = value.find(key);
    if (it == value.end())
      bad("has no ", key);
    return *it;
  }

  std::string readDType() const {
    const json &dtype = at("dtype");
    if (!dtype.is_string())
      bad("has the dtype ", shown(dtype), " but it must be a string");
    return dtype.get<std::string>();
  }

  /// If the dtype is not known, only the offsets can be checked.
  void checkSize(const TensorHeader &header) const {
    auto *type = std::ranges::find(kElementTypes, std::string_view(header.dtype), &ElementType::name);
    if (type == std::end(kElementTypes))
      return;
    uint64_t bits = type->bits;
    for (uint64_t dim : header.shape)
      if (__builtin_mul_overflow(bits, dim, &bits))
        bad("has the shape ", shown(value.at("shape")), ", whose size overflows 64 bits");
    if (bits % 8 != 0 || header.size != bits / 8)
      bad("has ", header.size, " bytes of data but its shape ", shown(value.at("shape")), " and dtype ",
          shown(value.at("dtype")), " need ", (bits + 7) / 8);
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
  // Null counts as absent, as in the reference implementation.
  if (metadata.is_null())
    return;
  if (!metadata.is_object() || !std::ranges::all_of(metadata, &json::is_string))
    fail(path, ": __metadata__ is ", shown(metadata),
         " but must map strings to strings; the file is damaged, get it again");
}

namespace {
/// Where a tensor lies, in the order of the file.
struct Extent {
  uint64_t offset;
  uint64_t size;
  std::string_view name;
  bool operator<(const Extent &other) const {
    return std::tie(offset, size, name) < std::tie(other.offset, other.size, other.name);
  }
};
} // namespace

/// Checks that the tensors cover the data section without gaps and overlaps.
static void checkCoverage(const std::string &path, std::vector<Extent> &extents, uint64_t dataBegin,
                          uint64_t dataSize) {
  std::ranges::sort(extents, std::less<>());
  uint64_t next = dataBegin;
  for (const Extent &extent : extents) {
    if (extent.offset < next)
      fail(path, ": tensor ", shownText(extent.name), " begins at data offset ", extent.offset - dataBegin,
           ", inside the tensor before it, which ends at ", next - dataBegin,
           "; the file is damaged or crafted, get it again");
    if (extent.offset > next)
      fail(path, ": no tensor owns the data from offset ", next - dataBegin, " to ", extent.offset - dataBegin,
           ", where tensor ", shownText(extent.name), " begins; the file is damaged or crafted, get it again");
    next += extent.size;
  }
  if (next != dataBegin + dataSize)
    fail(path, ": no tensor owns the last ", dataBegin + dataSize - next,
         " bytes of the file; it is damaged or crafted, get it again");
}

WeightIndex readSafetensors(const std::string &path) {
  InputFile file(path);
  std::string start = file.head();
  // The ninth byte of a safetensors file is '{'.
  if (start.size() <= kLengthBytes || start[kLengthBytes] != '{')
    if (std::string kind = describeFileKind(start, "get the model's safetensors file again"); !kind.empty())
      fail(path, ": the weight file ", kind);
  if (file.size() < kLengthBytes)
    fail(path, ": the file is ", file.size(),
         " bytes long, too short for a safetensors header; it is truncated, get it "
         "again");
  std::string lengthBytes = file.read(0, kLengthBytes);
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;)
    length = length << 8 | uint8_t(lengthBytes[i]);
  if (length > kMaxHeaderBytes)
    fail(path, ": the header claims to be ", length, " bytes long, more than the ", kMaxHeaderBytes,
         " that safetensors allows; this is not a safetensors file, or it is damaged");
  if (length > file.size() - kLengthBytes)
    fail(path, ": the header claims to be ", length, " bytes long but only ", file.size() - kLengthBytes,
         " follow; the file is truncated, get it again");

  std::string head = file.read(0, kLengthBytes + length);
  std::string_view text = std::string_view(head).substr(kLengthBytes);
  if (text.empty() || text.front() != '{')
    fail(path, ": the header does not begin with '{'; this is not a safetensors file, or it is damaged");
  json header = parseJson(text, path + ": header");

  WeightIndex index;
  index.files.push_back(file.weightFile({{0, head.size()}}));

  uint64_t dataSize = file.size() - head.size();
  std::vector<Extent> extents;
  for (auto item = header.begin(); item != header.end(); ++item) {
    const std::string &name = item.key();
    if (name == "__metadata__") {
      checkMetadata(path, item.value());
      continue;
    }
    TensorHeader tensor = TensorReader(path, name, item.value()).read(head.size(), dataSize);
    extents.push_back({tensor.offset, tensor.size, name});
    if (const WeightFormat *format = denseFormatNamed(tensor.dtype))
      index.tensors.emplace(name, WeightEntry{name, 0, tensor.offset, tensor.size, format, std::move(tensor.shape)});
    else
      index.foreign.emplace(name, ForeignTensor{0, tensor.size, std::move(tensor.dtype), std::move(tensor.shape)});
  }
  checkCoverage(path, extents, head.size(), dataSize);
  return index;
}

/// Whether a file name stays in the folder.
static bool isPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

/// Adds a shard's file and tensors to `index`. It calls `check` with each name first.
template <typename Check> static void addShard(WeightIndex &index, const std::string &path, Check check) {
  auto number = uint32_t(index.files.size());
  WeightIndex part = readSafetensors(path);
  index.files.push_back(std::move(part.files.front()));
  for (auto &[name, entry] : part.tensors) {
    check(name);
    entry.file = number;
    index.tensors.emplace(name, std::move(entry));
  }
  for (auto &[name, tensor] : part.foreign) {
    check(name);
    tensor.file = number;
    index.foreign.emplace(name, std::move(tensor));
  }
}

WeightIndex readShards(const std::vector<std::string> &paths) {
  WeightIndex index;
  for (const std::string &path : paths)
    addShard(index, path, [&](const std::string &name) {
      const WeightEntry *entry = index.find(name);
      auto foreign = index.foreign.find(name);
      if (entry || foreign != index.foreign.end())
        fail(path, ": tensor ", shownText(name), " is in ",
             index.files[entry ? entry->file : foreign->second.file].path,
             " too; the shards do not belong together, get all files again");
    });
  return index;
}

WeightIndex readShardedSafetensors(const std::string &indexPath, std::vector<Note> &notes) {
  json object = parseJson(readTextFile(indexPath, "weight map", kMaxHeaderBytes), indexPath);
  if (!object.is_object() || !object.contains("weight_map") || !object["weight_map"].is_object() ||
      object["weight_map"].empty())
    fail(indexPath, ": must be a JSON object with a \"weight_map\" from tensor to file; get the file again");
  const json &map = object["weight_map"];

  // Shards are sorted by name, so that file numbers do not depend on the order of the map.
  std::set<std::string> shards;
  for (const auto &item : map.items()) {
    const json &shard = item.value();
    if (!shard.is_string() || !isPlainName(shard.get_ref<const std::string &>()))
      fail(indexPath, ": weight_map says that tensor ", shownText(item.key()), " is in ", shown(shard),
           " but it must be the name of a file in the same folder; get the index again");
    shards.insert(shard.get<std::string>());
  }

  WeightIndex index;
  fs::path folder = fs::path(indexPath).parent_path();
  for (const std::string &shard : shards) {
    std::string path = (folder / shard).string();
    addShard(index, path, [&](const std::string &name) {
      auto mapped = map.find(name);
      if (mapped == map.end())
        fail(path, ": tensor ", shownText(name), " is not in the weight_map of ", indexPath,
             "; the shards do not belong to this index, get all files again");
      if (*mapped != shard)
        fail(path, ": tensor ", shownText(name), " is here but the weight_map of ", indexPath, " says that it is in ",
             shown(*mapped), "; the shards do not belong to this index, get all files again");
    });
  }
  for (const auto &item : map.items())
    if (!index.find(item.key()) && !index.foreign.contains(item.key()))
      fail(indexPath, ": weight_map says that tensor ", shownText(item.key()), " is in ", shown(item.value()),
           " but that file does not have it; get all files again");
  uint64_t totalSize = 0;
  for (const auto &[name, entry] : index.tensors)
    totalSize += entry.size;
  for (const auto &[name, tensor] : index.foreign)
    totalSize += tensor.size;

  if (object.contains("metadata") && object["metadata"].is_object() && object["metadata"].contains("total_size")) {
    // Some programs store total_size as a float, or count tied tensors twice.
    const json &claimed = object["metadata"]["total_size"];
    if (!claimed.is_number() || claimed != json(totalSize))
      notes.push_back({Note::Kind::warning, "total_size",
                       concat(indexPath, " says ", shown(claimed), " but the tensors have ", totalSize, " bytes")});
  }
  return index;
}

} // namespace quipu::frontend::hf
