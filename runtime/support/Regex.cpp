//===- Regex.cpp - Regular expressions of tokenizers ------------------------------------------===//

#include "runtime/support/Regex.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace quipu {

/// For a place in a text. No pattern of a tokenizer comes near; one that does would take seconds for a word. A place
/// may be the whole of a text, which takes steps for each of its bytes.
static constexpr uint32_t kMaxSteps = 10'000'000, kMaxStepsOfByte = 8;
static constexpr size_t kMaxPatternBytes = 1 << 16;
/// For code that PCRE2 generates. It grows from the first to the second number of bytes.
static constexpr size_t kJitStackBegin = 64 << 10, kJitStackEnd = 8 << 20;

namespace {

/// From Oniguruma's syntax to PCRE2's.
class Translator {
public:
  Translator(std::string_view pattern, const std::string &name) : pattern(pattern), name(name) {}

  std::string run() {
    for (at = 0; at < pattern.size();) {
      char c = pattern[at];
      if (c == '\\')
        takeEscape();
      else if (inClass)
        takeInClass(c);
      else
        take(c);
    }
    return std::move(out);
  }

private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail(name, ": the regular expression \"", pattern, "\" has ", what,
         ", which is not supported; use a tokenizer without it");
  }

  void take(char c) {
    inClass = c == '[';
    // A bracket that closes is a character where it comes first.
    if (inClass)
      classBegin = at + (pattern.substr(at + 1).starts_with('^') ? 2 : 1);
    out += c;
    ++at;
  }

  void takeInClass(char c) {
    if (c == ']' && at > classBegin)
      inClass = false;
    if (c == '[' && !pattern.substr(at).starts_with("[:"))
      refuse("a class inside of a class");
    if (pattern.substr(at).starts_with("&&"))
      refuse("an intersection of classes (&&)");
    size_t length = 1;
    if (c == '[')
      length = std::min(pattern.find(":]", at), pattern.size() - 2) + 2 - at;
    out += pattern.substr(at, length);
    at += length;
  }

  void takeEscape() {
    char c = at + 1 < pattern.size() ? pattern[at + 1] : '\0';
    at += 2;
    switch (c) {
    case '\0':
      refuse("a backslash at its end");
    case 's':
      out += "\\p{White_Space}";
      return;
    case 'S':
      out += "\\P{White_Space}";
      return;
    case 'w':
      out += inClass ? kWord : "[" + kWord + "]";
      return;
    case 'W':
      if (inClass)
        refuse("\\W inside of a class");
      out += "[^" + kWord + "]";
      return;
    case 'u':
      if (pattern.size() < at + 4)
        refuse("\\u without four digits");
      out += concat("\\x{", pattern.substr(at, 4), "}");
      at += 4;
      return;
    // These mean something else, or nothing, in one of the two.
    case 'h':
    case 'H':
    case 'R':
    case 'X':
    case 'K':
    case 'C':
    case 'G':
    case 'g':
    case 'k':
    case 'y':
    case 'Y':
    case 'M':
    case 'c':
      refuse(std::string("\\") + c);
    default:
      out += {'\\', c};
    }
  }

  /// Oniguruma's \w. PCRE2 leaves out marks and most connectors.
  const std::string kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

  std::string_view pattern;
  const std::string &name;
  std::string out;
  size_t at = 0;
  bool inClass = false;
  /// Where the first character of the class is.
  size_t classBegin = 0;
};

template <auto Free> struct Deleter {
  template <typename T> void operator()(T *pointer) const { Free(pointer); }
};
template <typename T, auto Free> using Handle = std::unique_ptr<T, Deleter<Free>>;

} // namespace

struct Regex::Code {
  Handle<pcre2_code, pcre2_code_free> pattern;
};

/// What a match needs beside the pattern; one for each thread, as any pattern can use it.
struct Regex::Search::Memory {
  Memory()
      : match(pcre2_match_data_create(1, nullptr)), context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(kJitStackBegin, kJitStackEnd, nullptr)) {
    if (!match || !context)
      throw std::bad_alloc();
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
  static Memory &ofThread() {
    static thread_local Memory memory;
    return memory;
  }

  Handle<pcre2_match_data, pcre2_match_data_free> match;
  Handle<pcre2_match_context, pcre2_match_context_free> context;
  /// Null where there is no generated code.
  Handle<pcre2_jit_stack, pcre2_jit_stack_free> stack;
};

static std::string errorText(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char *>(text.data());
}

Regex::Regex(std::string_view pattern, std::string givenName)
    : code(std::make_unique<Code>()), name(std::move(givenName)) {
  if (pattern.size() > kMaxPatternBytes)
    fail(name, ": a regular expression has ", pattern.size(), " bytes, more than the ", kMaxPatternBytes,
         " that one may have");
  requireUtf8(pattern, concat(name, ": a regular expression").c_str());
  std::string translated = Translator(pattern, name).run();
  Handle<pcre2_compile_context, pcre2_compile_context_free> context(pcre2_compile_context_create(nullptr));
  if (!context)
    throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  // Whatever the pattern says at its beginning.
  constexpr uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE place = 0;
  code->pattern.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), kOptions,
                                    &error, &place, context.get()));
  if (!code->pattern)
    fail(name, ": \"", pattern, "\" is not a regular expression that is supported: ", errorText(error), " at byte ",
         place, " of \"", translated, "\"; correct it, or use another tokenizer");
  // Without it the pattern is interpreted.
  (void)pcre2_jit_compile(code->pattern.get(), PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;
Regex::Regex(Regex &&) noexcept = default;
Regex &Regex::operator=(Regex &&) noexcept = default;

Regex::Search::Search(const Regex &regex, std::string_view text) : regex(regex), text(text) {}
Regex::Search::~Search() = default;

std::optional<TextRange> Regex::Search::next() {
  if (isDone)
    return std::nullopt;
  Memory &memory = Memory::ofThread();
  pcre2_set_match_limit(memory.context.get(),
                        uint32_t(std::min<uint64_t>(kMaxSteps + uint64_t(kMaxStepsOfByte) * text.size(), UINT32_MAX)));
  int result = pcre2_match(regex.code->pattern.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                           PCRE2_NO_UTF_CHECK, memory.match.get(), memory.context.get());
  if (result == PCRE2_ERROR_NOMATCH) {
    isDone = true;
    return std::nullopt;
  }
  if (result < 0)
    fail(regex.name, ": a regular expression of the tokenizer cannot be used on this text: ", errorText(result));
  const PCRE2_SIZE *places = pcre2_get_ovector_pointer(memory.match.get());
  TextRange found{places[0], places[1]};
  // An empty place must not be found again.
  at = found.end;
  if (found.begin == found.end) {
    isDone = at == text.size();
    if (!isDone)
      at += characterLength(text.substr(at));
  }
  return found;
}

} // namespace quipu
