//===- SafetensorsTest.cpp - Reading safetensors headers ---------------------------------===//

#include "Support.h"

#include "frontends/hf/Safetensors.h"
#include "runtime/support/Progress.h"

#include <chrono>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

TEST(Safetensors, IndexesTensors) {
  TempFolder folder;
  std::string bytes = safetensorsFile({{"b", "F32", {2, 3}}, {"a", "BF16", {4}}, {"c", "F16", {}}});
  WeightIndex index = hf::readSafetensors(folder.write("x.safetensors", bytes));
  ASSERT_EQ(index.files.size(), 1u);
  const WeightFile &file = index.files.front();
  EXPECT_EQ(file.path, folder.file("x.safetensors"));
  EXPECT_EQ(file.size, bytes.size());
  ASSERT_EQ(file.header.size(), 1u);
  EXPECT_EQ(file.header[0].offset, 0u);
  uint64_t headerSize = file.header[0].size;
  EXPECT_EQ(headerSize, bytes.size() - 24 - 8 - 2);
  EXPECT_EQ(file.headerHash, hashBytes(bytes.data(), headerSize));
  EXPECT_GT(file.mtimeNs, 1'500'000'000'000'000'000);
  EXPECT_FALSE(file.contentHash);

  ASSERT_EQ(index.tensors.size(), 3u);
  const WeightEntry *a = index.find("a");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->format->name, "bf16");
  EXPECT_EQ(a->shape, std::vector<uint64_t>{4});
  EXPECT_EQ(a->offset, headerSize + 24);
  EXPECT_EQ(a->size, 8u);
  EXPECT_EQ(index.find("b")->offset, headerSize);
  EXPECT_EQ(index.find("b")->shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(index.find("c")->size, 2u);
  EXPECT_EQ(index.find("d"), nullptr);
}

TEST(Safetensors, HeaderMayBePaddedAndEmpty) {
  TempFolder folder;
  EXPECT_TRUE(hf::readSafetensors(folder.write("x", safetensorsFile("{}      ", ""))).tensors.empty());
  EXPECT_EQ(hf::readSafetensors(
                folder.write("x", safetensorsFile(R"({"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]}})", "")))
                .find("a")
                ->size,
            0u);
}

// Test: headers take time in proportion to their length. (What looks through all tensors for each takes minutes.)
TEST(Safetensors, ManyTensors) {
  TempFolder folder;
  std::string header = "{";
  for (int i = 0; i < 200000; ++i)
    header += concat(i ? "," : "", "\"tensor.", i, "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[", 4 * i, ",",
                     4 * i + 4, "]}");
  std::string path = folder.write("many.safetensors", safetensorsFile(header + "}", std::string(800000, '\0')));
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(hf::readSafetensors(path).tensors.size(), 200000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

// Test: tensors of types that are no weights' are listed apart, and cover their part of the data.
TEST(Safetensors, ForeignTypes) {
  TempFolder folder;
  std::string header = R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},)"
                       R"("b":{"dtype":"F4","shape":[2,3],"data_offsets":[16,19]},)"
                       R"("c":{"dtype":"F32","shape":[1],"data_offsets":[19,23]},)"
                       R"("d":{"dtype":"OF_TOMORROW","shape":[5],"data_offsets":[23,25]},"__metadata__":null})";
  WeightIndex index = hf::readSafetensors(folder.write("x", safetensorsFile(header, std::string(25, 'x'))));
  EXPECT_EQ(index.tensors.size(), 1u);
  EXPECT_EQ(index.find("c")->size, 4u);
  ASSERT_EQ(index.foreign.size(), 3u);
  EXPECT_EQ(index.foreign.at("a").dtype, "F64");
  EXPECT_EQ(index.foreign.at("b").shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(index.foreign.at("d").dtype, "OF_TOMORROW");
}

TEST(Safetensors, LinksIntoNowhere) {
  TempFolder folder;
  std::filesystem::create_symlink("../../blobs/0123", folder.path / "model.safetensors");
  expectWords(errorOf([&] { hf::readSafetensors(folder.file("model.safetensors")); }),
              {"model.safetensors", "is a link to ../../blobs/0123, which is not there", "download the model again"});
}

TEST(Safetensors, ContentHash) {
  TempFolder folder;
  std::string bytes = safetensorsFile({{"a", "F32", {100, 100}}});
  WeightIndex index = hf::readSafetensors(folder.write("x.safetensors", bytes));
  WeightIndex other = hf::readSafetensors(folder.write("y.safetensors", bytes + ""));
  index.files.push_back(other.files.front());
  struct Hashing : ProgressListener {
    void begin(const Progress &) override {}
    void end(const Progress &progress) override { log.push_back({progress.what, progress.done(), progress.total}); }
    std::vector<std::tuple<std::string, uint64_t, uint64_t>> log;
  } hashing;
  setProgressListener(&hashing);
  hashContents(index, 4);
  setProgressListener(nullptr);
  ASSERT_EQ(hashing.log.size(), 1u);
  EXPECT_EQ(hashing.log[0], std::make_tuple("hash the weights", 2 * bytes.size(), 2 * bytes.size()));
  for (const WeightFile &file : index.files)
    EXPECT_EQ(file.contentHash, hashBytes(bytes.data(), bytes.size()));
  // One that changed since.
  WeightIndex again = hf::readSafetensors(folder.file("x.safetensors"));
  folder.write("x.safetensors", bytes + "more");
  expectWords(errorOf([&] { hashContents(again); }), {"x.safetensors", "bytes long"});
  std::filesystem::remove(folder.file("x.safetensors"));
  expectWords(errorOf([&] { hashContents(again); }), {"x.safetensors"});
}

namespace {
struct BadFile {
  const char *name;
  std::string bytes;
  std::vector<std::string> words;
  friend void PrintTo(const BadFile &value, std::ostream *out) { *out << value.name; }
};
class SafetensorsRefusal : public testing::TestWithParam<BadFile> {};
} // namespace

TEST_P(SafetensorsRefusal, NamesWhatIsWrong) {
  TempFolder folder;
  std::string path = folder.write("bad.safetensors", GetParam().bytes);
  std::vector<std::string> words = GetParam().words;
  words.push_back("bad.safetensors");
  expectWords(errorOf([&] { hf::readSafetensors(path); }), words);
}

static std::string withLength(uint64_t length, const std::string &rest) {
  std::string bytes = safetensorsFile("", rest);
  for (size_t i = 0; i < 8; ++i)
    bytes[i] = char(length >> (8 * i));
  return bytes;
}

/// A file of one tensor "t" whose entry is `entry`, over `dataSize` bytes of data.
static std::string one(const std::string &entry, size_t dataSize) {
  return safetensorsFile("{\"t\":" + entry + "}", std::string(dataSize, 'x'));
}

static std::string two(uint64_t begin1, uint64_t end1, uint64_t begin2, uint64_t end2, size_t dataSize) {
  auto entry = [](uint64_t begin, uint64_t end) {
    return json{{"dtype", "F16"}, {"shape", {(end - begin) / 2}}, {"data_offsets", {begin, end}}};
  };
  json header = {{"one", entry(begin1, end1)}, {"two", entry(begin2, end2)}};
  return safetensorsFile(header.dump(), std::string(dataSize, 'x'));
}

static const BadFile kBadFiles[] = {
    {"Empty", "", {"is empty", "get the file again"}},
    {"SevenBytes", std::string("\x90\1\0\0\0\0\0", 7), {"7 bytes", "truncated"}},
    {"LfsPointer",
     "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 476416\n",
     {"is a Git LFS pointer", "git lfs pull"}},
    {"WebPage", "\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", {"web page (HTML)", "download the file again"}},
    {"ServerError", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", {"XML", "server's error"}},
    {"Message",
     "Access to this model is restricted.\n",
     {"is a text that begins with \"Access to this model is restricted.\""}},
    {"Zeros", std::string(4096, '\0'), {"nothing but zeros", "get the file again"}},
    {"Gguf", std::string("GGUF\3\0\0\0\0\0\0\0", 12), {"GGUF", "ends in .gguf"}},
    {"PyTorch", std::string("PK\3\4\0\0\0\0archive/data.pkl", 24), {"PyTorch checkpoint", "safe_serialization=True"}},
    {"Gzip", "\x1f\x8b\x08 and so on", {"gzip archive", "unpack"}},
    {"LengthHuge", withLength(~0ull, "{}"), {"18446744073709551615", "100000000"}},
    {"LengthJustAboveLimit", withLength(100000001, "{}"), {"100000001", "100000000"}},
    {"LengthBeyondFile", withLength(3, "{}"), {"3 bytes", "only 2 follow", "truncated"}},
    {"LengthZero", withLength(0, "{}"), {"'{'"}},
    {"NotAnObject", safetensorsFile("[]", ""), {"'{'"}},
    {"LeadingSpace", safetensorsFile(" {}", ""), {"'{'"}},
    {"TornJson", safetensorsFile("{\"a\"", ""), {"not valid JSON"}},
    {"BytesBehindJson", safetensorsFile("{} x", ""), {"not valid JSON"}},
    {"DeepJson", safetensorsFile("{\"a\":" + std::string(1000, '['), ""), {"nested"}},
    {"TensorTwice",
     safetensorsFile(R"({"t":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                     R"("t":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                     "xxxx"),
     {"\"t\"", "twice"}},
    {"MetadataNotStrings", safetensorsFile(R"({"__metadata__":{"a":1}})", ""), {"__metadata__", "strings"}},
    {"MetadataList", safetensorsFile(R"({"__metadata__":["a"]})", ""), {"__metadata__"}},
    {"EntryNotObject", one("3", 0), {"tensor \"t\"", "object"}},
    {"UnknownKey",
     one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1]})", 4),
     {"tensor \"t\"", "\"strides\""}},
    {"NoDtype", one(R"({"shape":[1],"data_offsets":[0,4]})", 4), {"tensor \"t\"", "no dtype"}},
    {"NoShape", one(R"({"dtype":"F32","data_offsets":[0,4]})", 4), {"tensor \"t\"", "no shape"}},
    {"NoOffsets", one(R"({"dtype":"F32","shape":[1]})", 4), {"tensor \"t\"", "no data_offsets"}},
    {"DtypeNumber", one(R"({"dtype":32,"shape":[1],"data_offsets":[0,4]})", 4), {"dtype 32"}},
    {"NegativeShape", one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", 4), {"shape [-1]"}},
    {"FloatShape", one(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", 4), {"shape [1.0]"}},
    {"ShapeOverflow",
     one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]})", 4),
     {"[4294967296, 4294967296]", "overflows"}},
    {"ShapeOverflowToFit",
     // 2^62 floats: the product wraps around to 0 bytes.
     one(R"({"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]})", 0),
     {"overflows"}},
    {"OneOffset", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", 4), {"data_offsets [0]"}},
    {"NegativeOffset", one(R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})", 4), {"data_offsets [-4, 0]"}},
    {"FloatOffset", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4.0]})", 4), {"data_offsets [0, 4.0]"}},
    {"EndBeforeBegin", one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", 4), {"[4, 0]", "end before"}},
    {"OutOfRange",
     one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 4),
     {"[0, 8]", "beyond the 4 bytes", "truncated"}},
    {"OffsetsNearTheEndOfSixtyFourBits",
     one(R"({"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]})", 4),
     {"beyond"}},
    {"SizeAgainstShape", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4), {"4 bytes", "need 8"}},
    {"SizeAgainstForeignDtype", one(R"({"dtype":"I64","shape":[1],"data_offsets":[0,4]})", 4), {"4 bytes", "need 8"}},
    {"PartsOfBytes", one(R"({"dtype":"F4","shape":[3],"data_offsets":[0,1]})", 1), {"1 bytes", "need 2"}},
    {"SizeAgainstDtype", one(R"({"dtype":"F16","shape":[1],"data_offsets":[0,4]})", 4), {"4 bytes", "need 2"}},
    {"Overlap", two(0, 8, 4, 12, 12), {"tensor \"two\"", "offset 4", "ends at 8"}},
    {"SameRange", two(0, 8, 0, 8, 8), {"tensor \"two\"", "offset 0"}},
    {"Hole", two(0, 4, 8, 12, 12), {"from offset 4 to 8", "\"two\""}},
    {"HoleAtStart", two(4, 8, 8, 12, 12), {"from offset 0 to 4", "\"one\""}},
    {"BytesAtEnd", two(0, 4, 4, 8, 12), {"last 4 bytes"}},
    {"DataWithoutTensors", safetensorsFile("{}", "xx"), {"last 2 bytes"}},
    {"ControlCharactersInName",
     safetensorsFile("{\"a\\u001b[2J\\n\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,1]}}", "x"),
     {"\\u001b", "\\n"}},
};
INSTANTIATE_TEST_SUITE_P(All, SafetensorsRefusal, testing::ValuesIn(kBadFiles),
                         [](const auto &info) { return info.param.name; });

TEST(Safetensors, FilesThatCannotBeRead) {
  TempFolder folder;
  expectWords(errorOf([&] { hf::readSafetensors(folder.file("none.safetensors")); }),
              {"none.safetensors", "No such file"});
  expectWords(errorOf([&] { hf::readSafetensors(folder.path.string()); }), {"not a regular file"});
  expectWords(errorOf([&] { hf::readSafetensors("/dev/zero"); }), {"/dev/zero", "not a regular file"});
}

//===----------------------------------------------------------------------===//
// Shards
//===----------------------------------------------------------------------===//

namespace {
/// Two shards and their index, to be bent.
struct Shards {
  Shards() {
    folder.write("s1.safetensors", safetensorsFile({{"a", "F32", {2}}, {"b", "F16", {2}}}));
    folder.write("s2.safetensors", safetensorsFile({{"c", "F32", {2}}}));
    index = {{"metadata", {{"total_size", 20}}},
             {"weight_map", {{"a", "s1.safetensors"}, {"b", "s1.safetensors"}, {"c", "s2.safetensors"}}}};
  }
  WeightIndex read() {
    notes.clear();
    return hf::readShardedSafetensors(folder.write("model.safetensors.index.json", index.dump()), notes);
  }
  std::string error() {
    return errorOf([&] { read(); });
  }

  TempFolder folder;
  json index;
  std::vector<Note> notes;
};
} // namespace

TEST(Shards, AreJoined) {
  Shards shards;
  WeightIndex index = shards.read();
  ASSERT_EQ(index.files.size(), 2u);
  EXPECT_EQ(index.tensors.size(), 3u);
  EXPECT_EQ(index.files[index.find("c")->file].path, shards.folder.file("s2.safetensors"));
  EXPECT_EQ(index.find("b")->file, index.find("a")->file);
  EXPECT_TRUE(shards.notes.empty());
}

TEST(Shards, WrongTotalSizeIsAWarning) {
  Shards shards;
  shards.index["metadata"]["total_size"] = 21;
  shards.read();
  ASSERT_EQ(shards.notes.size(), 1u);
  EXPECT_EQ(shards.notes[0].kind, Note::Kind::warning);
  EXPECT_NE(shards.notes[0].text.find("20"), std::string::npos);
  // Some writers store a float; it is the same number.
  shards.index["metadata"]["total_size"] = 20.0;
  shards.read();
  EXPECT_TRUE(shards.notes.empty());
  shards.index.erase("metadata");
  shards.read();
  EXPECT_TRUE(shards.notes.empty());
}

TEST(Shards, NamesCannotLeaveTheFolder) {
  for (const char *name : {"../s1.safetensors", "/etc/passwd", "sub/s1.safetensors", "..", ".", "", "a\\b"}) {
    Shards shards;
    shards.index["weight_map"]["a"] = name;
    expectWords(shards.error(), {"weight_map", "\"a\"", "same folder"});
  }
  Shards shards;
  shards.index["weight_map"]["a"] = std::string("s1.safetensors\0x", 16);
  expectWords(shards.error(), {"same folder"});
  shards.index["weight_map"]["a"] = 7;
  expectWords(shards.error(), {"is in 7", "same folder"});
}

TEST(Shards, ContradictionsAreRefused) {
  {
    Shards shards;
    std::filesystem::remove(shards.folder.file("s2.safetensors"));
    expectWords(shards.error(), {"s2.safetensors", "No such file"});
  }
  {
    Shards shards;
    shards.index["weight_map"]["a"] = "s2.safetensors";
    expectWords(shards.error(), {"s1.safetensors", "\"a\"", "s2.safetensors"});
  }
  {
    Shards shards;
    shards.index["weight_map"]["d"] = "s2.safetensors";
    expectWords(shards.error(), {"\"d\"", "s2.safetensors", "does not have it"});
  }
  {
    Shards shards;
    shards.index["weight_map"].erase("b");
    expectWords(shards.error(), {"s1.safetensors", "\"b\"", "not in the weight_map"});
  }
  {
    // One tensor in both files.
    Shards shards;
    shards.folder.write("s2.safetensors", safetensorsFile({{"a", "F32", {2}}, {"c", "F32", {2}}}));
    expectWords(shards.error(), {"s2.safetensors", "\"a\"", "s1.safetensors"});
  }
  for (const char *bad : {"{}", "[]", R"({"weight_map": []})", R"({"weight_map": {}})"}) {
    Shards shards;
    shards.index = json::parse(bad);
    expectWords(shards.error(), {"index.json", "weight_map"});
  }
}
