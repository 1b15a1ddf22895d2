//===- Checkpoint.cpp - Writes checkpoints as torch.save does, and others ----------------===//

#include "Checkpoint.h"

#include <algorithm>

namespace quipu::test {

template <typename Number> static std::string little(Number value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(Number); ++i)
    bytes += char(uint64_t(value) >> (8 * i));
  return bytes;
}

std::string zipArchive(const std::vector<ZipEntry> &entries) {
  std::string data, directory;
  for (const ZipEntry &entry : entries) {
    uint64_t begin = entry.claimedOffset >= 0 ? uint64_t(entry.claimedOffset) : data.size();
    auto size = uint32_t(entry.claimedSize >= 0 ? uint64_t(entry.claimedSize) : entry.bytes.size());
    // Version, flags, method, time, date, checksum (which nobody compares), both sizes, the name's length.
    std::string common = little<uint16_t>(20) + little(entry.flags) + little(entry.method) + little<uint32_t>(0) +
                         little<uint32_t>(0) + little(uint32_t(entry.bytes.size())) + little(size) +
                         little(uint16_t(entry.name.size())) + little<uint16_t>(0);
    data += "PK\3\4" + common + entry.name + entry.bytes;
    directory +=
        "PK\1\2" + little<uint16_t>(20) + common + std::string(10, '\0') + little(uint32_t(begin)) + entry.name;
  }
  auto count = uint16_t(entries.size());
  return data + directory + "PK\5\6" + little<uint32_t>(0) + little(count) + little(count) +
         little(uint32_t(directory.size())) + little(uint32_t(data.size())) + little<uint16_t>(0);
}

PickleWriter &PickleWriter::op(char code) {
  bytes += code;
  return *this;
}

PickleWriter &PickleWriter::raw(std::string_view more) {
  bytes += more;
  return *this;
}

PickleWriter &PickleWriter::text(std::string_view text) { return raw("X" + little(uint32_t(text.size()))).raw(text); }

PickleWriter &PickleWriter::integer(int64_t value) {
  if (value >= 0 && value < 256)
    return raw("K" + little(uint8_t(value)));
  if (value >= INT32_MIN && value <= INT32_MAX)
    return raw("J" + little(int32_t(value)));
  return raw("\x8a\x08" + little(value));
}

PickleWriter &PickleWriter::global(std::string_view module, std::string_view name) {
  return op('c').raw(module).op('\n').raw(name).op('\n');
}

PickleWriter &PickleWriter::tuple(const std::vector<int64_t> &values) {
  op('(');
  for (int64_t value : values)
    integer(value);
  return op('t');
}

std::string stateDict(const std::vector<PickledTensor> &tensors) {
  PickleWriter pickle;
  pickle.global("collections", "OrderedDict").raw(")R").raw(std::string_view("q\0", 2)).op('(');
  for (const PickledTensor &tensor : tensors) {
    std::vector<int64_t> strides = tensor.strides;
    // Shapes that are wrong on purpose have products that wrap around.
    uint64_t product = 1;
    for (size_t i = tensor.shape.size(); i-- > 0; product *= uint64_t(tensor.shape[i]))
      if (tensor.strides.empty())
        strides.insert(strides.begin(), int64_t(product));
    auto elements = int64_t(product);
    pickle.text(tensor.name).global("torch._utils", "_rebuild_tensor_v2").op('(').op('(').text("storage");
    pickle.global("torch", tensor.storageClass).text(tensor.key).text("cpu");
    pickle.integer(tensor.stored < 0 ? elements : tensor.stored).raw("tQ").integer(tensor.offset).tuple(tensor.shape);
    // requires_grad, and no hooks.
    pickle.tuple(strides).op('\x89').global("collections", "OrderedDict").raw(")RtR");
  }
  return pickle.op('u').finish();
}

std::string checkpoint(const std::vector<PickledTensor> &tensors, char fill) {
  std::vector<PickledTensor> keyed = tensors;
  std::vector<ZipEntry> entries = {{"archive/data.pkl", ""}};
  for (size_t i = 0; i < keyed.size(); ++i) {
    keyed[i].key = std::to_string(i);
    int64_t elements = 1;
    for (int64_t dim : keyed[i].shape)
      elements *= dim;
    entries.push_back({"archive/data/" + keyed[i].key, std::string(size_t(4 * elements), fill)});
  }
  entries.front().bytes = stateDict(keyed);
  entries.push_back({"archive/version", "3\n"});
  entries.push_back({"archive/byteorder", "little"});
  return zipArchive(entries);
}

} // namespace quipu::test
