//===- Json.cpp - Strict reading of JSON files -------------------------------------------===//

#include "frontends/common/Json.h"

#include "runtime/core/Error.h"
#include "runtime/core/InputFiles.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using nlohmann::json;

namespace quipu::frontend {

/// Deeper than any model file needs, and shallow enough for every recursion over a value.
static constexpr size_t kMaxDepth = 64;

json parseJson(std::string_view text, const std::string &where) {
  // Keys seen so far in each object that is still open.
  std::vector<std::set<std::string>> keys;
  auto onEvent = [&](int, json::parse_event_t event, json &parsed) {
    switch (event) {
    case json::parse_event_t::object_start:
    case json::parse_event_t::array_start:
      keys.emplace_back();
      if (keys.size() > kMaxDepth)
        fail(where, ": JSON nested more than ", kMaxDepth, " levels deep; no model file is");
      break;
    case json::parse_event_t::object_end:
    case json::parse_event_t::array_end:
      keys.pop_back();
      break;
    case json::parse_event_t::key: {
      const auto &key = parsed.get_ref<const std::string &>();
      if (!keys.back().insert(key).second)
        fail(where, ": the key ", shownText(key), " appears twice in one JSON object; remove one of them");
      break;
    }
    case json::parse_event_t::value:
      break;
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), onEvent);
  } catch (const json::exception &error) {
    // "[json.exception.parse_error.101] parse error at line 3, column 7: ...": the bracket is of no use to the reader.
    std::string_view message = error.what();
    if (size_t end = message.find("] "); end != std::string_view::npos)
      message.remove_prefix(end + 2);
    fail(where, ": not valid JSON: ", message.substr(0, 300), "; the file is truncated or damaged, get it again");
  }
}

std::string readTextFile(const std::string &path, const char *what, uint64_t limit) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    fail(path, ": cannot open the ", what, ": ", strerror(errno));
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } closer{fd};
  struct stat info;
  if (fstat(fd, &info) != 0)
    fail(path, ": cannot read the ", what, ": ", strerror(errno));
  if (!S_ISREG(info.st_mode))
    fail(path, ": the ", what, " is not a regular file");
  noteInput(path, info);
  if (uint64_t(info.st_size) > limit)
    fail(path, ": the ", what, " is ", info.st_size, " bytes long, more than the ", limit,
         " that such a file may have");
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      fail(path, ": cannot read the ", what, ": ", strerror(errno));
    if (count == 0)
      return text;
    text.append(buffer, size_t(count));
    if (text.size() > limit)
      fail(path, ": the ", what, " grew beyond ", limit, " bytes while it was read");
  }
}

std::string shown(const json &value) {
  static constexpr size_t kLimit = 60;
  // Arrays and objects of any size: print only as many elements as fit.
  if (value.is_array() || value.is_object()) {
    std::string text(1, value.is_array() ? '[' : '{');
    for (auto it = value.begin(); it != value.end(); ++it) {
      if (it != value.begin())
        text += ", ";
      if (text.size() > kLimit)
        return text + (value.is_array() ? "...]" : "...}");
      if (value.is_object())
        text += shownText(std::string_view(it.key())) + ": ";
      text += shown(*it);
    }
    return text + (value.is_array() ? "]" : "}");
  }
  if (value.is_string())
    return shownText(std::string_view(value.get_ref<const std::string &>()));
  return value.dump();
}

std::string shownText(std::string_view text) {
  static constexpr size_t kLimit = 120;
  std::string_view kept = text.substr(0, kLimit);
  std::string dumped = json(std::string(kept)).dump(-1, ' ', false, json::error_handler_t::ignore);
  if (kept.size() < text.size())
    dumped.insert(dumped.size() - 1, "...");
  return dumped;
}

} // namespace quipu::frontend
