//===- File.cpp - Strict reader of the header of a GGUF file -----------------------------===//

#include "frontends/gguf/File.h"

#include "frontends/common/Json.h"
#include "frontends/gguf/Kinds.h"
#include "frontends/gguf/TensorTypes.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <ranges>
#include <utility>

namespace fs = std::filesystem;

namespace quipu::frontend::gguf {

/// The format allows four dimensions, and names of 64 bytes; some writers take longer ones.
static constexpr uint32_t kMaxDimensions = 4;
static constexpr uint64_t kMaxNameBytes = 1024;
static constexpr uint64_t kDefaultAlignment = 32;
static constexpr uint64_t kMaxAlignment = 1 << 16;
/// The least that a key and a tensor take in a file: their numbers, and names of one byte.
static constexpr uint64_t kLeastKeyBytes = 8 + 1 + 4 + 1, kLeastTensorBytes = 8 + 1 + 4 + 4 + 8;

namespace {

/// A tensor as the header has it.
struct TensorHeader {
  std::string name;
  const WeightFormat *format;
  /// Outermost first.
  std::vector<uint64_t> shape;
  /// Bytes from the begin of the data section.
  uint64_t offset;
};

class FileReader {
public:
  explicit FileReader(const std::string &path)
      : path(path), bytes(MappedFile::open(path, "model")), reader(bytes->span(), path),
        result{bytes, Metadata(bytes), {}, {}} {}

  File read();

private:
  void readMagic();
  void readVersion();
  uint64_t readCount(const char *what, uint64_t leastBytes);
  TensorHeader readTensor(uint64_t index);
  uint64_t alignment();
  void place(std::vector<TensorHeader> &headers, uint64_t dataBegin);
  uint64_t sizeOf(const TensorHeader &header) const;

  template <typename... Args> [[noreturn]] void bad(const std::string &tensor, const Args &...args) const {
    fail(path, ": tensor ", shownText(tensor), " ", args...);
  }

  const std::string &path;
  std::shared_ptr<MappedFile> bytes;
  ByteReader reader;
  File result;
};

} // namespace

void FileReader::readMagic() {
  std::string_view head(reinterpret_cast<const char *>(bytes->data()), std::min(bytes->size(), kFileKindBytes));
  if (head.starts_with(kMagic)) {
    (void)reader.take(kMagic.size(), "the magic");
    return;
  }
  constexpr std::string_view kAdvice = "get the model's GGUF file again";
  if (std::string kind = describeFileKind(head, kAdvice); !kind.empty())
    fail(path, ": not a GGUF file: it ", kind);
  fail(path, ": not a GGUF file: it does not begin with \"GGUF\"; ", kAdvice);
}

void FileReader::readVersion() {
  auto version = reader.number<uint32_t>("the version");
  if (version == 2 || version == 3)
    return;
  if (uint32_t swapped = __builtin_bswap32(version); swapped >= 1 && swapped <= 3)
    fail(path, ": the file is big-endian, and only little-endian files are supported; convert it "
               "(gguf_convert_endian.py), or get a little-endian one");
  fail(path, ": the file has version ", version, " of GGUF, and only 2 and 3 are supported; ",
       version == 1 ? "convert the model again" : "get the model in one of these");
}

/// A count that the rest of the file has room for.
uint64_t FileReader::readCount(const char *what, uint64_t leastBytes) {
  auto count = reader.number<uint64_t>(what);
  if (count > reader.left() / leastBytes)
    fail(path, ": ", what, " is ", count, ", more than the ", reader.left(),
         " bytes that follow have room for; the file is truncated or damaged, get it again");
  return count;
}

TensorHeader FileReader::readTensor(uint64_t index) {
  reader.enter(concat("tensor number ", index));
  TensorHeader header;
  std::string_view name = reader.string("its name");
  if (name.empty() || name.size() > kMaxNameBytes || firstInvalidByte(name))
    fail(path, ": tensor number ", index, " has a name of ", name.size(), " bytes, but it must be UTF-8 of 1 to ",
         kMaxNameBytes, " bytes; the file is damaged, get it again");
  header.name = name;
  reader.enter(concat("tensor ", shownText(name)));
  auto dimensions = reader.number<uint32_t>("the number of its dimensions");
  if (dimensions > kMaxDimensions)
    bad(header.name, "has ", dimensions, " dimensions, but the format has at most ", kMaxDimensions,
        "; the file is damaged, get it again");
  header.shape.resize(dimensions);
  for (uint64_t &dim : std::views::reverse(header.shape))
    dim = reader.number<uint64_t>("a dimension");
  auto type = reader.number<uint32_t>("its type");
  header.format = weightFormatOf(type);
  if (!header.format)
    bad(header.name, "has the type ", tensorTypeName(type), ", but only ", supportedTensorTypes(),
        " are supported; get the model in one of these, or quantise it to one (llama-quantize)");
  header.offset = reader.number<uint64_t>("its offset");
  return header;
}

uint64_t FileReader::alignment() {
  constexpr const char *kKey = "general.alignment";
  uint64_t value = result.metadata.integer(kKey, 1, kMaxAlignment).value_or(kDefaultAlignment);
  if (!std::has_single_bit(value))
    result.metadata.fail(kKey, *result.metadata.peek(kKey), "must be a power of two; the file is damaged");
  return value;
}

/// Bytes of a tensor.
uint64_t FileReader::sizeOf(const TensorHeader &header) const {
  const WeightFormat &format = *header.format;
  uint64_t elements = 1;
  for (uint64_t dim : header.shape)
    if (dim == 0 || __builtin_mul_overflow(elements, dim, &elements))
      bad(header.name, "has a dimension that is 0, or dimensions whose product overflows 64 bits; the file is damaged, "
                       "get it again");
  uint64_t columns = header.shape.empty() ? 1 : header.shape.back();
  if (!format.fits(columns))
    bad(header.name, "has rows of ", columns, " values, which are no whole blocks of ", format.name, " (",
        format.blockElements, " values); the file is damaged, get it again");
  uint64_t size;
  if (__builtin_mul_overflow(elements / format.blockElements, uint64_t(format.blockBytes), &size))
    bad(header.name, "has a size that overflows 64 bits; the file is damaged, get it again");
  return size;
}

/// Gives each tensor its place in the file, and checks that it has its bytes for itself.
void FileReader::place(std::vector<TensorHeader> &headers, uint64_t dataBegin) {
  uint64_t dataSize = bytes->size() > dataBegin ? bytes->size() - dataBegin : 0;
  uint64_t step = alignment();
  for (TensorHeader &header : headers) {
    uint64_t size = sizeOf(header);
    if (header.offset % step != 0)
      bad(header.name, "begins at data offset ", header.offset, ", which is no multiple of the alignment ", step,
          "; the file is damaged, get it again");
    if (header.offset > dataSize || size > dataSize - header.offset)
      bad(header.name, "has ", size, " bytes at data offset ", header.offset, ", beyond the ", dataSize,
          " bytes of data in the file; the file is truncated or damaged, get it again");
    WeightEntry entry{header.name, 0, dataBegin + header.offset, size, header.format, std::move(header.shape)};
    if (!result.tensors.emplace(header.name, std::move(entry)).second)
      bad(header.name, "is there twice; the file is damaged, get it again");
  }
  std::vector<const WeightEntry *> order;
  for (const auto &[name, entry] : result.tensors)
    order.push_back(&entry);
  std::ranges::sort(order, {}, [](const WeightEntry *entry) { return std::pair(entry->offset, entry->size); });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->size)
      bad(order[i]->nameInFile, "begins at data offset ", order[i]->offset - dataBegin, ", inside tensor ",
          shownText(order[i - 1]->nameInFile), ", which ends at ",
          order[i - 1]->offset - dataBegin + order[i - 1]->size, "; the file is damaged or crafted, get it again");
}

File FileReader::read() {
  readMagic();
  readVersion();
  uint64_t tensors = readCount("the number of tensors", kLeastTensorBytes);
  uint64_t keys = readCount("the number of keys", kLeastKeyBytes);
  for (uint64_t i = 0; i < keys; ++i)
    refuseOtherKinds(result.metadata, result.metadata.read(reader, i));
  std::vector<TensorHeader> headers;
  for (uint64_t i = 0; i < tensors; ++i)
    headers.push_back(readTensor(i));

  uint64_t headerSize = reader.offset();
  place(headers, (headerSize + alignment() - 1) / alignment() * alignment());
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  result.info.path = error ? path : absolute.lexically_normal().string();
  result.info.size = bytes->size();
  result.info.mtimeNs = bytes->mtimeNs();
  result.info.header = {{0, headerSize}};
  return std::move(result);
}

File readFile(const std::string &path) { return FileReader(path).read(); }

} // namespace quipu::frontend::gguf
