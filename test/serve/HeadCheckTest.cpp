//===- HeadCheckTest.cpp -----------------------------------------------------------------===//

#include "tools/quipu/serve/http/HeadCheck.h"

#include <gtest/gtest.h>

using namespace quipu::serve;

// Test: a head is found where it ends, however it comes, and not earlier.
TEST(HeadScanTest, AnyPieces) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX:\tb c\r\n\r\n", text = head + "\r\nGET /next";
  for (size_t step = 1; step <= text.size(); ++step) {
    HeadScan scan;
    size_t found = 0;
    for (size_t size = step; found == 0; size += step)
      found = scan.scan(std::string_view(text).substr(0, std::min(size, text.size())));
    EXPECT_EQ(found, head.size()) << step;
    EXPECT_EQ(scan.wrong(), "");
  }
}

// Test: what programs read differently is refused as soon as it shows, and the reason is named.
TEST(HeadScanTest, Wrong) {
  const std::pair<std::string_view, const char *> wrong[] = {
      {"GET / HTTP/1.1\n", "LF alone"},
      {"GET / HTTP/1.1\r\nA: b\n", "LF alone"},
      {"GET / HTTP/1.1\r\nA: b\rC", "CR without LF"},
      {"GET / HTTP/1.1\r\nA: b\r\n c\r\n", "goes on in the next line"},
      {"GET / HTTP/1.1\r\nA : b\r\n", "name of letters"},
      {"GET / HTTP/1.1\r\n: b\r\n", "name of letters"},
      {std::string_view("GET / HTTP/1.1\r\nA: \0", 20), "zero byte"},
      {"GET / HTTP/1.1\r\nA: \x01", "control character"},
      {"GET  / HTTP/1.1\r\n", "no request line"},
      {"GET / HTTP/1.1 \r\n", "no request line"},
      {"GET /\xc3\xa9 HTTP/1.1\r\n", "no request line"},
      {"GET /\r\n", "no request line"},
  };
  for (const auto &[text, reason] : wrong) {
    HeadScan scan;
    EXPECT_EQ(scan.scan(text), 0u);
    EXPECT_NE(scan.wrong().find(reason), std::string::npos) << text << ": " << scan.wrong();
  }
}

static std::optional<HeadRefusal> framing(std::vector<HttpField> fields, BodyForm &form, bool isHttp10 = false,
                                          uint64_t *bytes = nullptr) {
  HttpHead head;
  head.fields = std::move(fields);
  auto refused = checkFraming(head, isHttp10, form);
  if (bytes)
    *bytes = head.bodyBytes;
  return refused;
}

// Test: one length or one coding says where a body ends; anything else is refused.
TEST(HeadCheckTest, Framing) {
  BodyForm form;
  uint64_t bytes = 0;
  HttpField host{"host", "a"};
  EXPECT_FALSE(framing({host}, form));
  EXPECT_EQ(form, BodyForm::None);
  EXPECT_FALSE(framing({host, {"CONTENT-LENGTH", " 12\t"}}, form, false, &bytes));
  EXPECT_EQ(form, BodyForm::Length);
  EXPECT_EQ(bytes, 12u);
  EXPECT_FALSE(framing({host, {"Transfer-Encoding", "Chunked "}}, form));
  EXPECT_EQ(form, BodyForm::Chunks);
  EXPECT_FALSE(framing({}, form, /*isHttp10=*/true));
  const std::vector<HttpField> wrong[] = {
      {},
      {host, host},
      {host, {"Content-Length", "1"}, {"content-length", "1"}},
      {host, {"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}},
      {host, {"Content-Length", "1,1"}},
      {host, {"Content-Length", ""}},
      {host, {"Content-Length", "+1"}},
      {host, {"Content-Length", "01"}},
      {host, {"Content-Length", "1e3"}},
      {host, {"Content-Length", "18446744073709551616"}},
      {host, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
      {host, {"Transfer-Encoding", "gzip, chunked"}},
      {host, {"Transfer-Encoding", ""}},
      {host, {"Expect", "more"}},
  };
  for (const std::vector<HttpField> &fields : wrong)
    EXPECT_TRUE(framing(fields, form)) << fields.size();
  EXPECT_TRUE(framing({{"Transfer-Encoding", "chunked"}}, form, /*isHttp10=*/true));
}

// Test: a path is the target without a query, in both forms that clients send.
TEST(HeadCheckTest, Path) {
  EXPECT_EQ(pathOf("/v1/models?limit=1"), "/v1/models");
  EXPECT_EQ(pathOf("http://host:80/v1/models"), "/v1/models");
  EXPECT_EQ(pathOf("http://host"), "/");
  EXPECT_EQ(pathOf("/a?b=http://c/d"), "/a");
  EXPECT_EQ(pathOf("*"), "*");
  EXPECT_FALSE(pathOf("health"));
  EXPECT_FALSE(pathOf("file:///etc/passwd"));
}
