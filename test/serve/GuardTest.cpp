//===- GuardTest.cpp ---------------------------------------------------------------------===//

#include "tools/quipu/serve/Guard.h"

#include <gtest/gtest.h>

using namespace quipu::serve;

static HttpHead headWith(std::vector<HttpField> fields) {
  HttpHead head;
  head.fields = std::move(fields);
  return head;
}

/// The status of the refusal; 0: there is none.
static int originStatus(const Guard &guard, std::vector<HttpField> fields) {
  try {
    guard.checkOrigin(headWith(std::move(fields)));
    return 0;
  } catch (const ApiError &error) {
    return error.status;
  }
}

static int keyStatus(const Guard &guard, const std::string &field) {
  try {
    guard.checkKey(headWith({{"authorization", field}}));
    return 0;
  } catch (const ApiError &error) {
    return error.status;
  }
}

// Test: only equal texts are equal, whatever their lengths.
TEST(GuardTest, Compare) {
  const std::string_view texts[] = {"", "a", "b", "aa", "ab", "aaaa", std::string_view("a\0", 2), "aab"};
  for (std::string_view a : texts)
    for (std::string_view b : texts)
      EXPECT_EQ(equalInConstantTime(a, b), a == b) << a << " " << b;
}

// Test: without keys everybody may ask; with keys those who have one of them.
TEST(GuardTest, Keys) {
  EXPECT_EQ(keyStatus(Guard({}), ""), 0);
  Guard guard({{"key-one", "key-two"}, {}, {}});
  EXPECT_EQ(keyStatus(guard, "Bearer key-one"), 0);
  EXPECT_EQ(keyStatus(guard, "bearer key-two"), 0);
  for (const char *field : {"", "Bearer", "Bearer ", "key-one", "Basic key-one", "Bearer key-on", "Bearer key-one2",
                            "Bearer  key-one", "Bearer key-one,key-two"})
    EXPECT_EQ(keyStatus(guard, field), 401) << field;
}

// Test: pages of other sites, and names that anybody could give this machine, are refused.
TEST(GuardTest, Origins) {
  Guard guard({{}, {"https://chat.example"}, {"models.lan"}});
  for (const char *host :
       {"localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "192.168.1.2", "models.lan:80"})
    EXPECT_EQ(originStatus(guard, {{"Host", host}}), 0) << host;
  for (const char *host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[evil]", "", "1.2.3"})
    EXPECT_EQ(originStatus(guard, {{"Host", host}}), 403) << host;
  HttpField host{"Host", "localhost:8080"};
  EXPECT_EQ(originStatus(guard, {host, {"Origin", "http://localhost:8080"}}), 0);
  EXPECT_EQ(originStatus(guard, {host, {"Origin", "https://chat.example"}}), 0);
  for (const char *origin : {"http://localhost:9090", "http://localhost", "null", "https://chat.example.evil", ""})
    EXPECT_EQ(originStatus(guard, {host, {"Origin", origin}}), 403) << origin;
  // A page that gave its own name this machine's address has no key.
  Guard withKeys({{"key-one-two"}, {}, {}});
  EXPECT_EQ(originStatus(withKeys, {{"Host", "any.example"}}), 0);
  EXPECT_EQ(originStatus(withKeys, {{"Host", "any.example"}, {"Origin", "https://other.example"}}), 403);
  EXPECT_EQ(Guard({{}, {"*"}, {}}).allowedOrigin(headWith({{"Origin", "https://a"}})), "*");
}
