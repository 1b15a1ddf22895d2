//===- Json.cpp - Strict reading of JSON files -------------------------------------------===//

#include "frontends/common/Json.h"

#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/InputFiles.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using nlohmann::json;

namespace quipu::frontend {

/// Deeper than any model file needs, and shallow enough for every recursion over a value.
static constexpr size_t kMaxDepth = 64;

namespace {

/// Builds the value. nlohmann's parser with a callback goes through a whole object each time something inside it ends.
/// That would take minutes for a header of some ten thousand tensors.
class Builder : public nlohmann::json_sax<json> {
public:
  Builder(const std::string &where, std::string_view advice) : where(where), advice(advice) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override { return add(value); }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return false; }

  bool start_object(size_t) override { return open(json::object()); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t &name) override {
    auto [place, isNew] = containers.back()->get_ref<json::object_t &>().try_emplace(std::move(name));
    if (!isNew)
      fail(where, ": the key ", shownText(place->first), " appears twice in one JSON object; remove one of them");
    member = &place->second;
    return true;
  }

  bool parse_error(size_t, const std::string &, const nlohmann::detail::exception &error) override {
    // "[json.exception.parse_error.101] parse error at line 3, column 7: ...": the bracket is of no use to the reader.
    std::string_view message = error.what();
    if (size_t end = message.find("] "); end != std::string_view::npos)
      message.remove_prefix(end + 2);
    fail(where, ": not valid JSON: ", message.substr(0, 300), "; ", advice);
  }

  json take() { return std::move(root); }

private:
  /// Puts the value at the next place of the innermost array or object.
  json &place(json &&value) {
    if (containers.empty())
      return root = std::move(value);
    if (containers.back()->is_array())
      return containers.back()->get_ref<json::array_t &>().emplace_back(std::move(value));
    return *member = std::move(value);
  }
  bool add(json &&value) {
    place(std::move(value));
    return true;
  }
  bool open(json &&container) {
    if (containers.size() >= kMaxDepth)
      fail(where, ": JSON nested more than ", kMaxDepth, " levels deep, which is more than this program reads");
    containers.push_back(&place(std::move(container)));
    return true;
  }
  bool close() {
    containers.pop_back();
    return true;
  }

  const std::string &where;
  std::string_view advice;
  json root;
  /// Open arrays and objects, the innermost last. Pointers to them stay valid, because only the last one grows.
  std::vector<json *> containers;
  /// The place in the innermost object for the value of the last key.
  json *member = nullptr;
};

} // namespace

json parseJson(std::string_view text, const std::string &where, std::string_view advice) {
  // The parser takes this byte as the end, and would not read what follows.
  if (size_t zero = text.find('\0'); zero != std::string_view::npos)
    fail(where, ": not valid JSON: byte ", zero + 1, " is 0; ", advice);
  Builder builder(where, advice);
  json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::string readTextFile(const std::string &path, const char *what, uint64_t limit) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    int error = errno;
    std::string link = describeDanglingLink(path);
    fail(path,
         link.empty() ? concat(": cannot open the ", what, errnoSuffix(error)) : concat(": the ", what, " ", link));
  }
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
      break;
    text.append(buffer, size_t(count));
    if (text.size() > limit)
      fail(path, ": the ", what, " grew beyond ", limit, " bytes while it was read");
  }
  if (std::string kind = describePlaceholder(std::string_view(text).substr(0, kFileKindBytes)); !kind.empty())
    fail(path, ": the ", what, " ", kind);
  return text;
}

std::string shown(const json &value) {
  static constexpr size_t kLimit = 60;
  // Arrays and objects may be large: print only as many elements as fit.
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
