//===- ScriptTextTest.cpp: data inside a page --------------------------------------------===//

#include "tools/quipu/report/ScriptText.h"

#include <gtest/gtest.h>

#include <string>

using namespace quipu::tool;
using Json = nlohmann::ordered_json;

/// Names that end a script, begin a comment, or are no text at all.
static const std::vector<std::string> kHostile = {"</script><img src=x onerror=alert(1)>",
                                                  "<!--",
                                                  "]]>",
                                                  "<script>",
                                                  "quote \" and \\ and '",
                                                  "line\nbreak\ttab",
                                                  std::string("zero\0byte", 9),
                                                  "\xe2\x80\xa8 and \xe2\x80\xa9",
                                                  "\x1b[31mred\x1b[0m",
                                                  "${`x`}",
                                                  "\u202ereversed"};

// Test: no name can leave the element, and what a page reads is what was written.
TEST(ScriptText, HostileNames) {
  Json value = Json::object();
  for (const std::string &name : kHostile)
    value[name] = {name, {{"inner", name}}};
  std::string text = scriptText(value);
  EXPECT_EQ(text.find('<'), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
  for (char c : text)
    EXPECT_GE(static_cast<unsigned char>(c), 0x20) << text;
  EXPECT_EQ(Json::parse(text), value);
}

// Test: bytes that are no UTF-8, as a tensor's name in a damaged file, still give JSON that can be read.
TEST(ScriptText, NoUtf8) {
  for (const char *bytes : {"\xff\xfe", "a\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80"}) {
    std::string text = scriptText({{"name", bytes}, {bytes, 1}});
    Json read = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(read.is_discarded()) << text;
    EXPECT_EQ(read.size(), 2u);
  }
}

TEST(ScriptText, Numbers) {
  EXPECT_EQ(scriptText({{"a", 1}, {"b", {1.5, nullptr, true}}}), R"({"a":1,"b":[1.5,null,true]})");
}

// Test: the examples of RFC 4648.
TEST(Base64, Examples) {
  auto encoded = [](const std::string &text) { return base64({text.begin(), text.end()}); };
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64({0xff, 0xfe, 0xfb}), "//77");
}
