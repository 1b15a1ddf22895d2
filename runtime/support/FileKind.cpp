//===- FileKind.cpp - What a file is that is not what it should be -----------------------===//

#include "runtime/support/FileKind.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kArchive = "unpack it, and give the model's folder";
constexpr std::string_view kPyTorch =
    "convert the model with transformers' save_pretrained(..., safe_serialization=True)";
constexpr std::string_view kFolder = "give the Hugging Face folder of the model (config.json and safetensors)";
constexpr std::string_view kGgml = "is a GGML file, which is not supported";
constexpr std::string_view kPickle = "is a Python pickle (PyTorch), which is not supported";

/// A kind of file by its first bytes.
struct Magic {
  std::string_view bytes;
  std::string_view description;
  /// What to do. Empty: the caller's advice.
  std::string_view advice = "";
};

std::string join(std::string_view description, std::string_view advice) { return concat(description, "; ", advice); }

} // namespace

/// Kinds of files that a model's folder should not have.
static constexpr Magic kPlaceholders[] = {
    {"version https://git-lfs.github.com/spec/"sv, "is a Git LFS pointer, not the file itself",
     "run \"git lfs pull\" in its folder, or download the file itself"},
    {"\x1f\x8b"sv, "is a gzip archive", "unpack it first"},
    {"BZh"sv, "is a bzip2 archive", "unpack it first"},
    {"\xfd"
     "7zXZ\0"sv,
     "is an xz archive", "unpack it first"},
    {"\x28\xb5\x2f\xfd"sv, "is a zstd archive", "unpack it first"},
    {"7z\xbc\xaf\x27\x1c"sv, "is a 7z archive", "unpack it first"},
};

static constexpr Magic kMagics[] = {
    {"GGUF"sv, "is a GGUF file", "give it as the model, by a name that ends in .gguf"},
    {"GGML"sv, kGgml, kFolder},
    {"ggjt"sv, kGgml, kFolder},
    {"lmgg"sv, kGgml, kFolder},
    {"tjgg"sv, kGgml, kFolder},
    {"\x89HDF"sv, "is an HDF5 file (TensorFlow or Keras), which is not supported", "convert the model to safetensors"},
    {kNumPyMagic, "is a NumPy file"},
    {kPlanMagic, "is a compiled plan of Quipu"},
    {kRoundedWeightsMagic, "has the weights of a compiled plan",
     "give the plan, which lies beside it under the same name without .weights"},
    {kElfMagic, "is a program or library"},
    {"\x80\x02"sv, kPickle, kPyTorch},
    {"\x80\x03"sv, kPickle, kPyTorch},
    {"\x80\x04"sv, kPickle, kPyTorch},
};

static bool startsWithIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), [](char want, char got) {
           return want == std::tolower(static_cast<unsigned char>(got));
         });
}

static std::string_view skipSpace(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf"))
    text.remove_prefix(3);
  size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

/// If the bytes are text: the first line of a short message that a server sent instead of the file.
static std::string firstLine(std::string_view head) {
  std::string_view text = skipSpace(head);
  std::string_view line = text.substr(0, std::min<size_t>({text.find_first_of("\r\n"), text.size(), 60}));
  bool printable = !line.empty() && std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; });
  return printable ? std::string(line) : std::string();
}

std::string describePlaceholder(std::string_view head) {
  if (head.empty())
    return "is empty; get the file again";
  for (const Magic &magic : kPlaceholders)
    if (head.starts_with(magic.bytes))
      return join(magic.description, magic.advice);
  std::string_view text = skipSpace(head);
  if (startsWithIgnoringCase(text, "<!doctype html") || startsWithIgnoringCase(text, "<html") ||
      startsWithIgnoringCase(text, "<head"))
    return "is a web page (HTML), not the file itself: a login or error page was saved in its place; download the file "
           "again, signed in if the model asks for it";
  if (text.starts_with("<?xml") || text.starts_with("<Error"))
    return "is XML, not the file itself: most likely a server's error was saved in its place; download the file again";
  if (text.find("/annex/objects/") < 80)
    return "is a git-annex pointer, not the file itself; run \"git annex get\" in its folder";
  if (std::ranges::all_of(head, [](char c) { return c == 0; }))
    return "begins with nothing but zeros: space was set aside for it and the download did not finish; get the file "
           "again";
  return "";
}

bool isJsonText(std::string_view head) { return skipSpace(head).starts_with('{'); }

bool isTokenRanks(std::string_view head) {
  std::string_view line = head.substr(0, head.find('\n'));
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  size_t space = line.find(' ');
  auto isBase64 = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' || c == '/' ||
           c == '=';
  };
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  return space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
         std::ranges::all_of(line.substr(0, space), isBase64) && std::ranges::all_of(line.substr(space + 1), isDigit);
}

std::string describeFileKind(std::string_view head, std::string_view advice) {
  if (std::string placeholder = describePlaceholder(head); !placeholder.empty())
    return placeholder;
  for (const Magic &magic : kMagics)
    if (head.starts_with(magic.bytes))
      return join(magic.description, magic.advice.empty() ? advice : magic.advice);
  if (head.starts_with("PK\x03\x04"))
    return head.find("data.pkl") != std::string_view::npos || head.find("archive/") != std::string_view::npos
               ? join("is a PyTorch checkpoint, which is only read from a folder that has Meta's params.json", kPyTorch)
               : join("is a zip archive", kArchive);
  if (head.size() > 262 && head.substr(257, 5) == "ustar")
    return join("is a tar archive", kArchive);
  // A safetensors file: the length of a header (below 2^32), then the header.
  if (head.size() > 8 && head.substr(4, 4) == "\0\0\0\0"sv && head[8] == '{')
    return "is a safetensors file; give the folder that it lies in, which has the model's config.json too";
  if (isJsonText(head))
    return join("is JSON text", advice);
  if (std::string line = firstLine(head); !line.empty())
    return join(concat("is a text that begins with \"", line, "\""), advice);
  return "";
}

std::string describeDanglingLink(const std::string &path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode) || stat(path.c_str(), &status) == 0)
    return "";
  // The target may not be looked at, or links form a circle: errno says which.
  if (errno != ENOENT && errno != ENOTDIR)
    return "";
  std::string target(4096, '\0');
  ssize_t length = readlink(path.c_str(), target.data(), target.size());
  target.resize(length > 0 ? size_t(length) : 0);
  bool isHubCache = target.find("blobs/") != std::string::npos;
  return concat("is a link to ", target, ", which is not there; ",
                isHubCache ? "the download into this cache did not finish or was cleaned up, download the model again"
                           : "get the file that it leads to, or correct the link");
}

} // namespace quipu
