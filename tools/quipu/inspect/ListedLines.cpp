//===- ListedLines.cpp - What programs that list code print ------------------------------===//

#include "tools/quipu/inspect/ListedLines.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

namespace quipu::tool {

/// What debug information calls the text of the planned module.
static constexpr std::string_view kSourceFile = "planned.mlir";

static std::string_view trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

static void forEachLine(std::string_view text, const std::function<void(std::string_view)> &visit) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// The number that `text` begins with.
static std::optional<uint64_t> numberAt(std::string_view text, int base) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end != text.data() ? std::optional(number) : std::nullopt;
}

/// The number behind `mark`, if the text has the mark.
static std::optional<uint64_t> numberBehind(std::string_view text, std::string_view mark, int base = 10) {
  size_t at = text.find(mark);
  return at == std::string_view::npos ? std::nullopt : numberAt(text.substr(at + mark.size()), base);
}

std::vector<ListedLine> readObjdump(std::string_view text) {
  // 0000000000001130 <decode.qkv>:
  // ; planned.mlir:12
  //     1130:       movq    (%rdi), %rax
  std::vector<ListedLine> lines;
  std::string function;
  uint64_t start = 0;
  uint32_t line = 0;
  std::string mark = std::string(kSourceFile) + ":";
  forEachLine(text, [&](std::string_view whole) {
    std::string_view content = trimmed(whole);
    std::optional<uint64_t> address = numberAt(content, 16);
    size_t colon = content.find(':');
    if (content.ends_with(">:") && address) {
      size_t name = content.find('<') + 1;
      function = content.substr(name, content.size() - 2 - name);
      start = *address;
      line = 0;
    } else if (std::optional<uint64_t> next = numberBehind(content, mark)) {
      line = uint32_t(*next);
    } else if (!function.empty() && address && colon != std::string_view::npos &&
               content.find_first_not_of("0123456789abcdef") == colon) {
      std::string instruction(trimmed(content.substr(colon + 1)));
      std::replace(instruction.begin(), instruction.end(), '\t', ' ');
      lines.push_back({std::move(instruction), function, *address - start, line});
    }
  });
  return lines;
}

std::vector<ListedLine> readPtx(std::string_view text) {
  // .loc file line column
  std::vector<ListedLine> lines;
  std::string function;
  uint32_t line = 0;
  forEachLine(text, [&](std::string_view whole) {
    std::string_view content = trimmed(whole);
    if (size_t entry = content.find(".entry "); entry != std::string_view::npos) {
      std::string_view name = content.substr(entry + 7);
      function = name.substr(0, name.find('('));
      line = 0;
    }
    if (content.starts_with(".loc")) {
      std::string_view numbers = trimmed(content.substr(4));
      line = uint32_t(numberBehind(numbers, numbers.find('\t') == std::string_view::npos ? " " : "\t").value_or(0));
      return;
    }
    bool isInstruction = content.ends_with(";") && !content.starts_with(".") && !content.starts_with("//");
    lines.push_back({std::string(whole), isInstruction ? function : "", std::nullopt, isInstruction ? line : 0});
  });
  return lines;
}

std::vector<ListedLine> readLlvm(std::string_view text) {
  // define void @decode.qkv(ptr %0) !dbg !5 {
  //   %1 = load ptr, ptr %0, align 8, !dbg !8
  // }
  // !8 = !DILocation(line: 12, column: 1, scope: !5)
  constexpr std::string_view kLine = "= !DILocation(line: ", kMark = ", !dbg !";
  std::map<uint64_t, uint32_t> lineOf;
  forEachLine(text, [&](std::string_view whole) {
    if (std::optional<uint64_t> line = whole.starts_with("!") ? numberBehind(whole, kLine) : std::nullopt)
      lineOf[numberAt(whole.substr(1), 10).value_or(0)] = uint32_t(*line);
  });
  std::vector<ListedLine> lines;
  std::string function;
  forEachLine(text, [&](std::string_view whole) {
    if (whole.starts_with("define ")) {
      std::string_view name = whole.substr(whole.find('@') + 1);
      function = name.substr(0, name.find('('));
      lines.push_back({std::string(whole), ""});
    } else if (whole == "}") {
      function.clear();
      lines.push_back({"}", ""});
    } else if (!function.empty()) {
      size_t mark = whole.find(kMark);
      uint64_t id = mark == std::string_view::npos ? 0 : numberAt(whole.substr(mark + kMark.size()), 10).value_or(0);
      auto line = lineOf.find(id);
      bool isKnown = mark != std::string_view::npos && line != lineOf.end();
      lines.push_back(
          {std::string(whole.substr(0, mark)), isKnown ? function : "", std::nullopt, isKnown ? line->second : 0});
    }
  });
  return lines;
}

std::vector<ListedLine> readNvdisasm(std::string_view text, const std::vector<std::string> &functions) {
  // .text.decode_qkv:
  //     //## File "planned.mlir", line 12
  //         /*0040*/                   LDC R1, c[0x0][0x28] ;
  // .L_x_54:
  std::vector<ListedLine> lines;
  std::string function;
  uint32_t line = 0;
  std::string mark = "\"" + std::string(kSourceFile) + "\", line ";
  forEachLine(text, [&](std::string_view whole) {
    std::string_view content = trimmed(whole);
    if (content.starts_with(".text.") && content.ends_with(":")) {
      function = content.substr(6, content.size() - 7);
      if (std::find(functions.begin(), functions.end(), function) == functions.end())
        function.clear();
      line = 0;
    } else if (content.starts_with(".section")) {
      function.clear();
    } else if (content.starts_with("//##")) {
      if (std::optional<uint64_t> next = numberBehind(content, mark))
        line = uint32_t(*next);
    } else if (std::optional<uint64_t> offset =
                   content.starts_with("/*") ? numberAt(content.substr(2), 16) : std::nullopt;
               offset && !function.empty()) {
      std::string_view instruction = trimmed(content.substr(content.find("*/") + 2));
      lines.push_back({std::string(instruction), function, *offset, line});
    } else if (content.starts_with(".L_") && content.ends_with(":") && !function.empty()) {
      lines.push_back({std::string(content), ""});
    }
  });
  return lines;
}

} // namespace quipu::tool
