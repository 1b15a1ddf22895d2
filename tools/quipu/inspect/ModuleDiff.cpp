//===- ModuleDiff.cpp - What phases did to a module --------------------------------------===//

#include "tools/quipu/inspect/ModuleDiff.h"

#include "runtime/support/Error.h"
#include "tools/quipu/inspect/LineDiff.h"
#include "tools/quipu/inspect/ModuleText.h"

#include <algorithm>
#include <set>
#include <sstream>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

std::string alikeLayersText(const Json &layers) {
  if (layers.size() == 1)
    return concat("layer ", layers[0].get<unsigned>());
  bool isRange = true;
  std::string list;
  for (size_t i = 0; i < layers.size(); ++i) {
    isRange = isRange && layers[i].get<unsigned>() == layers[0].get<unsigned>() + i;
    list += concat(i ? "," : "", layers[i].get<unsigned>());
  }
  if (isRange)
    list = concat(layers.front().get<unsigned>(), "-", layers.back().get<unsigned>());
  return concat("layers ", list, ", ", layers.size(), " alike");
}

static void addLines(const std::string &text, const std::string &indent, std::vector<std::string> &lines) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(indent + line);
}

/// What separates modules in one text (mlir::kDefaultSplitMarker): here a kernel and its functions.
static constexpr const char *kDivider = "// -----";

std::vector<std::string> linesOfPart(const Json &part) {
  std::vector<std::string> lines;
  if (part.at("kind") == "code") {
    addLines(withoutLocations(part.at("text")), "", lines);
    auto divider = std::ranges::find(lines, kDivider);
    if (divider != lines.end())
      lines.erase(lines.begin(), divider + 1);
    if (!lines.empty() && lines.front().empty())
      lines.erase(lines.begin());
    return lines;
  }
  bool hasHead = part.contains("head");
  if (hasHead)
    addLines(part["head"].get<std::string>() + " {", "", lines);
  std::string indent = hasHead ? "  " : "";
  for (const Json &group : part.at("groups")) {
    bool isLayer = !group.at("layers").empty();
    if (isLayer)
      lines.push_back(concat(indent, "// ", alikeLayersText(group["layers"])));
    for (const Json &value : group.at("carried")) {
      std::string first = value.at("first"), next = value.at("next");
      bool isSame = first == next || group["layers"].size() == 1;
      lines.push_back(concat(indent, "// ", value.at("name").get<std::string>(), " is ", first,
                             isSame ? "" : concat(", then ", next, " of the layer before")));
    }
    for (const Json &op : group.at("ops"))
      addLines(op.at("text"), indent, lines);
    if (isLayer)
      lines.push_back(indent + "// end of layers");
  }
  if (hasHead)
    lines.push_back("}");
  return lines;
}

namespace {

/// Names of a kernel: of its program ("forward") and in it ("qkv"). Functions are programs.
std::string nameInProgram(const Json &part) {
  std::string name = part.at("name");
  size_t dot = name.find('.');
  return part.at("kind") == "kernel" && dot != std::string::npos ? name.substr(dot + 1) : "";
}

/// The parts of a module, to find the one that another was made of.
class Origins {
public:
  explicit Origins(const Json &module) : parts(module.at("parts")) {}

  /// Null if there is none.
  const Json *of(const Json &part) const {
    for (const Json &candidate : parts)
      if (candidate.at("kind") == part.at("kind") && candidate.at("name") == part.at("name"))
        return &candidate;
    // Programs are copies of the one function.
    const Json *only = nullptr;
    for (const Json &candidate : parts)
      if (candidate.at("kind") == part.at("kind") && nameInProgram(candidate) == nameInProgram(part)) {
        if (only)
          return nullptr;
        only = &candidate;
      }
    return only;
  }

private:
  const Json &parts;
};

} // namespace

/// The lines of a part in which its own name, and that of its program, is another's.
static std::vector<std::string> renamedLines(const Json &part, const std::string &from, const std::string &to) {
  std::vector<std::string> lines = linesOfPart(part);
  std::string programFrom = from.substr(0, from.find('.')), programTo = to.substr(0, to.find('.'));
  for (std::string &line : lines)
    for (size_t at = line.find("@" + programFrom); at != std::string::npos; at = line.find("@" + programFrom, at + 1)) {
      size_t end = at + 1 + programFrom.size();
      if (end == line.size() || line[end] == '.' || line[end] == '(')
        line.replace(at + 1, programFrom.size(), programTo);
    }
  return lines;
}

static Json hunksOf(const std::vector<std::string> &before, const std::vector<std::string> &after) {
  Json hunks = Json::array();
  for (const DiffHunk &hunk : diffLines(before, after))
    hunks.push_back({{"before", hunk.before},
                     {"lines_before", hunk.linesBefore},
                     {"after", hunk.after},
                     {"lines_after", hunk.linesAfter},
                     {"lines", hunk.lines}});
  return hunks;
}

Json moduleDiffJson(const Json &before, const Json &after) {
  Json parts = Json::array(), renamed = Json::array(), same = Json::array();
  Origins origins(before);
  std::set<const Json *> used;
  for (const Json &part : after.at("parts")) {
    std::string name = part.at("name");
    const Json *origin = origins.of(part);
    used.insert(origin);
    std::string nameBefore = origin ? origin->at("name").get<std::string>() : "";
    // Names that follow from the program's are no change.
    std::vector<std::string> from, to = linesOfPart(part);
    if (origin)
      from = renamedLines(*origin, nameBefore, name);
    if (from == to && nameBefore == name)
      same.push_back({{"kind", part.at("kind")}, {"name", name}});
    else if (from == to)
      renamed.push_back({{"kind", part.at("kind")}, {"before", nameBefore}, {"after", name}});
    else
      parts.push_back({{"kind", part.at("kind")},
                       {"before", origin ? Json(nameBefore) : Json(nullptr)},
                       {"after", name},
                       {"hunks", hunksOf(from, to)}});
  }
  for (const Json &part : before.at("parts"))
    if (!used.contains(&part))
      parts.push_back({{"kind", part.at("kind")},
                       {"before", part.at("name")},
                       {"after", nullptr},
                       {"hunks", hunksOf(linesOfPart(part), {})}});
  return {
      {"from", before.at("name")}, {"to", after.at("name")}, {"parts", parts}, {"renamed", renamed}, {"same", same}};
}

/// "kernel forward.qkv after import"; "/dev/null" for what there is not, as `diff -u` says.
static std::string fileName(const Json &part, const char *side, const Json &phase) {
  if (part.at(side).is_null())
    return "/dev/null";
  std::string kind = part.at("kind"), name = part.at(side);
  return concat(kind == name ? kind : kind + " " + name, " after ", phase.get<std::string>());
}

/// "12,3", or "12" for one line.
static std::string rangeText(const Json &first, const Json &count) {
  return count == 1 ? first.dump() : concat(first.dump(), ",", count.dump());
}

std::string moduleDiffText(const Json &diff) {
  std::string text;
  for (const Json &part : diff.at("parts")) {
    text += concat("--- ", fileName(part, "before", diff.at("from")), "\n+++ ", fileName(part, "after", diff.at("to")),
                   "\n");
    for (const Json &hunk : part.at("hunks")) {
      text += concat("@@ -", rangeText(hunk["before"], hunk["lines_before"]), " +",
                     rangeText(hunk["after"], hunk["lines_after"]), " @@\n");
      for (const Json &line : hunk["lines"])
        text += line.get<std::string>() + "\n";
    }
    text += "\n";
  }
  for (const Json &part : diff.at("renamed"))
    text += concat(part.at("kind").get<std::string>(), " ", part.at("after").get<std::string>(), " is ",
                   part.at("before").get<std::string>(), " with another name\n");
  if (size_t count = diff.at("same").size())
    text += concat(count, count == 1 ? " part is" : " parts are", " as before\n");
  return text;
}

} // namespace quipu::tool
