//===- Json.cpp - Values as json.dumps of Python writes them -----------------------------===//

#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Sort.h"
#include "runtime/chat/jinja/Texts.h"
#include "runtime/support/Utf8.h"

#include <cmath>

namespace quipu::jinja {
namespace {

class JsonWriter {
public:
  JsonWriter(Run &run, const JsonStyle &style) : run(run), style(style) {}

  void write(const Value &value, unsigned level);
  MarkedText out;

private:
  void newLine(unsigned level);
  void writeText(const MarkedText &text);
  void writeList(const List &items, unsigned level);
  void writeDict(const Dict &dict, unsigned level);
  void writeKey(const Value &key);

  Run &run;
  const JsonStyle &style;
};

std::string hexEscape(uint32_t unit) {
  char buffer[8];
  snprintf(buffer, sizeof(buffer), "\\u%04x", unit);
  return buffer;
}

std::string escapedForJson(char32_t c) {
  switch (c) {
  case '"':
    return "\\\"";
  case '\\':
    return "\\\\";
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  case '\b':
    return "\\b";
  case '\f':
    return "\\f";
  default:
    return c < 0x10000 ? hexEscape(c) : hexEscape(0xd7c0 + (c >> 10)) + hexEscape(0xdc00 + (c & 0x3ff));
  }
}

void JsonWriter::newLine(unsigned level) {
  if (!style.indent)
    return;
  run.write(out, "\n");
  for (unsigned i = 0; i < level; ++i)
    run.write(out, *style.indent);
}

void JsonWriter::writeText(const MarkedText &text) {
  run.write(out, "\"");
  std::string_view bytes = text.bytes();
  size_t open = 0;
  for (const MarkedText::Run &part : text.runs())
    for (size_t at = part.begin, length; at < part.end; at += length) {
      length = characterLength(bytes.substr(at));
      char32_t c = codePointAt(bytes.substr(at));
      // With ASCII alone DEL stays, as json.dumps has it.
      if (c >= 0x20 && c != '"' && c != '\\' && (c < 0x80 || !style.asciiAlone))
        continue;
      run.append(out, text, open, at);
      run.write(out, escapedForJson(c), part.marks);
      open = at + length;
    }
  run.append(out, text, open, bytes.size());
  run.write(out, "\"");
}

void JsonWriter::writeList(const List &items, unsigned level) {
  if (items.empty())
    return run.write(out, "[]");
  run.write(out, "[");
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0)
      run.write(out, style.itemSeparator);
    newLine(level + 1);
    write(items[i], level + 1);
  }
  newLine(level);
  run.write(out, "]");
}

void JsonWriter::writeKey(const Value &key) {
  if (key.isText())
    return writeText(key.text());
  JsonWriter name(run, style);
  name.write(key, 0);
  writeText(name.out);
}

void JsonWriter::writeDict(const Dict &dict, unsigned level) {
  if (dict.entries.empty())
    return run.write(out, "{}");
  std::vector<const std::pair<Value, Value> *> entries;
  for (const auto &entry : dict.entries)
    entries.push_back(&entry);
  if (style.sortKeys) {
    auto isLess = [&](size_t a, size_t b) { return order(run, dict.entries[a].first, dict.entries[b].first, "<") < 0; };
    entries.clear();
    for (size_t place : sortedPlaces(dict.entries.size(), isLess))
      entries.push_back(&dict.entries[place]);
  }
  run.write(out, "{");
  bool isFirst = true;
  for (const auto *entry : entries) {
    if (!isFirst)
      run.write(out, style.itemSeparator);
    isFirst = false;
    newLine(level + 1);
    writeKey(entry->first);
    run.write(out, style.keySeparator);
    write(entry->second, level + 1);
  }
  newLine(level);
  run.write(out, "}");
}

void JsonWriter::write(const Value &value, unsigned level) {
  run.budget.step();
  if (value.isText())
    writeText(value.text());
  else if (value.isNone())
    run.write(out, "null");
  else if (value.isBool())
    run.write(out, value.asBool() ? "true" : "false");
  else if (value.isFloat() && !std::isfinite(value.asDouble()))
    run.write(out, std::isnan(value.asDouble()) ? "NaN" : value.asDouble() < 0 ? "-Infinity" : "Infinity");
  else if (value.isSequence())
    writeList(value.sequence().items, level);
  else if (value.isDict())
    writeDict(value.dict(), level);
  else if (value.isNumber())
    appendText(run, out, value);
  else if (value.isUndefined())
    refuse(value.reason());
  else
    refuse(value.kind(), " cannot be written as JSON");
}

} // namespace

MarkedText jsonOf(Run &run, const Value &value, const JsonStyle &style) {
  JsonWriter writer(run, style);
  writer.write(value, 0);
  return std::move(writer.out);
}

} // namespace quipu::jinja
