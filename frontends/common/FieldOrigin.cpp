//===- FieldOrigin.cpp - Where the fields of a config stand -------------------------------===//

#include "frontends/common/FieldOrigin.h"

#include "frontends/common/ModelConfig.h"

#include <algorithm>
#include <vector>

namespace quipu::frontend {

/// What the notes say of a key, or of the name that Hugging Face has for it.
static const Note *findNote(const ModelConfig &config, const FieldKey &field) {
  auto says = [&](const Note &note) {
    return note.kind == Note::Kind::provenance && (note.field == field.key || note.field == field.name);
  };
  auto found = std::ranges::find_if(config.notes, says);
  return found == config.notes.end() ? nullptr : &*found;
}

void traceFields(ModelConfig &config, const std::string &file, std::span<const FieldKey> keys,
                 const std::function<std::optional<uint32_t>(const std::string &key)> &lineOf,
                 const std::string &otherwise) {
  auto originOf = [&](std::string_view name) {
    auto known = std::ranges::find(config.origins, name, &FieldOrigin::name);
    if (known != config.origins.end())
      return known;
    config.origins.push_back({std::string(name), "", file, 0, otherwise});
    return config.origins.end() - 1;
  };
  for (const FieldKey &field : keys) {
    auto origin = originOf(field.name);
    if (origin->reason.empty())
      continue;
    if (std::optional<uint32_t> line = lineOf(field.key)) {
      origin->key = field.key == field.name ? "" : field.key;
      origin->line = *line;
      origin->reason.clear();
    } else if (const Note *note = findNote(config, field); note && origin->reason == otherwise) {
      origin->reason = note->text;
    }
  }
}

namespace {
/// Goes through a JSON text that is known to be valid.
class KeyLines {
public:
  explicit KeyLines(std::string_view text) : text(text) {}

  std::map<std::string, uint32_t> find() {
    for (at = 0; at < text.size(); ++at)
      step();
    return std::move(lines);
  }

private:
  void step() {
    switch (text[at]) {
    case '\n':
      ++line;
      break;
    case '"':
      readString();
      break;
    case '{':
    case '[':
      around.push_back(key);
      break;
    case '}':
    case ']':
      around.pop_back();
      break;
    default:
      break;
    }
  }

  /// A string before a colon is a key. Strings have no line breaks.
  void readString() {
    size_t begin = ++at;
    while (text[at] != '"')
      at += text[at] == '\\' ? 2 : 1;
    size_t next = text.find_first_not_of(" \t\r\n", at + 1);
    if (next == std::string_view::npos || text[next] != ':')
      return;
    const std::string &prefix = around.back();
    key = (prefix.empty() ? "" : prefix + ".") + std::string(text.substr(begin, at - begin));
    lines.emplace(key, line);
  }

  std::string_view text;
  size_t at = 0;
  uint32_t line = 1;
  /// The key that was read last, and those of the objects and lists around.
  std::string key;
  std::vector<std::string> around;
  std::map<std::string, uint32_t> lines;
};
} // namespace

std::map<std::string, uint32_t> linesOfKeys(std::string_view json) { return KeyLines(json).find(); }

} // namespace quipu::frontend
