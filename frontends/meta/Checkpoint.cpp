//===- Checkpoint.cpp - The tensors of a file of torch.save ------------------------------===//

#include "frontends/meta/Checkpoint.h"

#include "frontends/common/Json.h"
#include "frontends/common/PlanTypes.h"
#include "frontends/meta/Pickle.h"
#include "frontends/meta/ZipDirectory.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace quipu::frontend::meta {

static constexpr std::string_view kPickleName = "data.pkl";
static constexpr size_t kMaxDimensions = 8;
/// How files of PyTorch before 1.6 begin: a pickled number.
static constexpr std::string_view kOldMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);

namespace {

using Kind = PickleValue::Kind;

/// The class of a storage, and its elements.
struct StorageType {
  std::string_view name;
  std::string_view dtype;
  uint64_t bytes;
};

} // namespace

static constexpr StorageType kStorageTypes[] = {{"torch.FloatStorage", "F32", 4},     {"torch.HalfStorage", "F16", 2},
                                                {"torch.BFloat16Storage", "BF16", 2}, {"torch.DoubleStorage", "F64", 8},
                                                {"torch.LongStorage", "I64", 8},      {"torch.IntStorage", "I32", 4},
                                                {"torch.ShortStorage", "I16", 2},     {"torch.CharStorage", "I8", 1},
                                                {"torch.ByteStorage", "U8", 1},       {"torch.BoolStorage", "BOOL", 1}};

/// The folder in the archive that holds data.pkl, with its slash.
static std::string folderIn(const ZipDirectory &zip, const std::string &path) {
  std::string found;
  size_t count = 0;
  for (const auto &[name, range] : zip.entries) {
    if (name != kPickleName && !name.ends_with("/data.pkl"))
      continue;
    found = name.substr(0, name.size() - kPickleName.size());
    ++count;
  }
  if (count != 1)
    fail(path, ": the archive has ", count,
         " entries called data.pkl, where a file of torch.save has one; give a "
         "checkpoint as Meta publishes it (consolidated.00.pth)");
  if (zip.entries.contains(found + "constants.pkl"))
    fail(path, ": is a TorchScript program, not a checkpoint; save the model's state_dict() with torch.save");
  return found;
}

namespace {

class CheckpointReader {
public:
  CheckpointReader(const InputFile &file, const ZipDirectory &zip, std::string folder, const Pickle &pickle)
      : file(file), zip(zip), folder(std::move(folder)), values(pickle.values), root(pickle.root) {}

  /// Adds the tensors to an index that has the file already.
  void read(WeightIndex &index) {
    const PickleValue &dict = values[root];
    if (dict.kind != Kind::dict)
      fail(file.path(), ": holds ", describe(dict.kind),
           ", not a state dict from name to tensor; save the model's "
           "state_dict() with torch.save");
    std::set<std::string_view> names;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const PickleValue &key = values[dict.items[i]], &value = values[dict.items[i + 1]];
      if (key.kind != Kind::text)
        fail(file.path(), ": a key of its state dict is ", describe(key.kind),
             ", not a name; save the model's "
             "state_dict() with torch.save");
      if (value.kind != Kind::tensor)
        fail(file.path(), ": ", shownText(key.text), " of its state dict is ", describe(value.kind),
             ", not a tensor; it may be a checkpoint of training: save the model's state_dict() alone");
      if (!names.insert(key.text).second)
        fail(file.path(), ": tensor ", shownText(key.text), " is there twice; get the file again");
      name = key.text;
      addTensor(value, index);
    }
  }

private:
  template <typename... What> [[noreturn]] void bad(const What &...what) const {
    fail(file.path(), ": tensor ", shownText(name), " ", what..., "; the file is damaged or crafted, get it again");
  }

  const PickleValue &argument(const PickleValue &of, size_t number, Kind kind, const char *what) const {
    if (number >= of.items.size() || values[of.items[number]].kind != kind)
      bad("has no ", what);
    return values[of.items[number]];
  }
  uint64_t count(const PickleValue &value, const char *what) const {
    if (value.kind != Kind::integer || value.number < 0)
      bad("has something else than a number from 0 up for its ", what);
    return uint64_t(value.number);
  }
  std::vector<uint64_t> counts(const PickleValue &tensor, size_t number, const char *what) const {
    const PickleValue &tuple = argument(tensor, number, Kind::tuple, what);
    if (tuple.items.size() > kMaxDimensions)
      bad("has ", tuple.items.size(), " dimensions, more than ", kMaxDimensions);
    std::vector<uint64_t> result;
    for (PickleId id : tuple.items)
      result.push_back(count(values[id], what));
    return result;
  }

  /// The persistent id ("storage", class, key, device, number of elements).
  const StorageType &typeOf(const PickleValue &storage) const {
    if (argument(storage, 0, Kind::text, "storage").text != "storage")
      bad("has a persistent id that is no storage");
    std::string_view className = argument(storage, 1, Kind::global, "type of its storage").text;
    const auto *type = std::ranges::find(kStorageTypes, className, &StorageType::name);
    if (type == std::end(kStorageTypes))
      bad("has a storage of the class ", className);
    return *type;
  }
  const ByteRange &bytesOf(const PickleValue &storage) const {
    std::string_view key = argument(storage, 2, Kind::text, "key of its storage").text;
    if (key.find('/') != std::string_view::npos || key.find("..") != std::string_view::npos)
      bad("has its bytes in ", shownText(key), ", which leads out of the archive's folder of data");
    auto entry = zip.entries.find(concat(folder, "data/", key));
    if (entry == zip.entries.end())
      bad("has its bytes in ", shownText(concat(folder, "data/", key)), ", which the archive does not have");
    return entry->second;
  }

  void addTensor(const PickleValue &tensor, WeightIndex &index) {
    const PickleValue &storage = argument(tensor, 0, Kind::storage, "storage");
    const StorageType &type = typeOf(storage);
    const ByteRange &bytes = bytesOf(storage);
    uint64_t stored = count(argument(storage, 4, Kind::integer, "size of its storage"), "size of its storage");
    uint64_t offset = count(argument(tensor, 1, Kind::integer, "offset"), "offset");
    std::vector<uint64_t> shape = counts(tensor, 2, "shape"), strides = counts(tensor, 3, "stride");
    if (stored > bytes.size / type.bytes)
      bad("has a storage of ", stored, " elements of ", type.dtype, ", but its entry in the archive has ", bytes.size,
          " bytes");
    uint64_t elements = checkContiguous(shape, strides);
    if (offset > stored || elements > stored - offset)
      bad("takes elements ", offset, " to ", offset + elements, " of a storage of ", stored);
    uint64_t size = elements * type.bytes;
    if (const WeightFormat *format = denseFormatNamed(type.dtype))
      index.tensors.emplace(
          name, WeightEntry{std::string(name), 0, bytes.offset + offset * type.bytes, size, format, std::move(shape)});
    else
      index.foreign.emplace(name, ForeignTensor{0, size, std::string(type.dtype), std::move(shape)});
  }

  /// The number of elements of a tensor whose elements follow each other row by row.
  uint64_t checkContiguous(const std::vector<uint64_t> &shape, const std::vector<uint64_t> &strides) const {
    if (shape.size() != strides.size())
      bad("has ", shape.size(), " dimensions and ", strides.size(), " strides");
    uint64_t elements = 1;
    for (size_t i = shape.size(); i-- > 0;) {
      // A dimension of one element may have any stride.
      if (shape[i] != 1 && strides[i] != elements)
        fail(file.path(), ": tensor ", shownText(name), " does not lie row by row (dimension ", i, " has the stride ",
             strides[i], " where ", elements, " would be contiguous); save it again after .contiguous()");
      // Below 2^60, so that a size in bytes is a number of 64 bits.
      if (__builtin_mul_overflow(elements, shape[i], &elements) || elements >> 60)
        bad("has a shape whose size overflows 64 bits");
    }
    return elements;
  }

  const InputFile &file;
  const ZipDirectory &zip;
  std::string folder;
  const std::vector<PickleValue> &values;
  PickleId root;
  std::string_view name;
};

} // namespace

WeightIndex readCheckpoint(const std::string &path) {
  InputFile file(path);
  std::string head = file.head();
  if (head.starts_with(kOldMagic))
    fail(path, ": is a checkpoint in the format of PyTorch before 1.6, which is not supported; load it with "
               "torch.load(FILE, weights_only=True) and torch.save it again");
  if (!head.starts_with("PK")) {
    constexpr std::string_view kExpected = "give a checkpoint as Meta publishes it (consolidated.00.pth)";
    std::string kind = describeFileKind(head, kExpected);
    fail(path, ": the checkpoint ", kind.empty() ? concat("is no zip archive of torch.save; ", kExpected) : kind);
  }
  ZipDirectory zip = readZipDirectory(file);
  std::string folder = folderIn(zip, path);
  if (auto order = zip.entries.find(folder + "byteorder");
      order != zip.entries.end() && (order->second.size != 6 || file.read(order->second.offset, 6) != "little"))
    fail(path, ": its numbers are not stored with the lowest byte first; save the checkpoint again on such a machine");
  ByteRange pickleBytes = zip.entries.find(folder + std::string(kPickleName))->second;
  std::string where = concat(path, ": ", folder, kPickleName);
  // readPickle refuses what is larger, and needs no more bytes for that.
  constexpr uint64_t kMost = 64 << 20;
  std::string pickled = file.read(pickleBytes.offset, std::min(pickleBytes.size, kMost));
  Pickle pickle = readPickle(pickled, where);
  WeightIndex index;
  index.files.push_back(file.weightFile({pickleBytes, zip.directory}));
  CheckpointReader(file, zip, folder, pickle).read(index);
  return index;
}

} // namespace quipu::frontend::meta
