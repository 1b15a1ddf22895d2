//===- ModuleText.cpp - Modules of a plan, as text for people ----------------------------===//

#include "tools/quipu/inspect/ModuleText.h"

#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "tools/quipu/inspect/Disassemble.h"
#include "tools/quipu/inspect/KernelOrigins.h"
#include "tools/quipu/inspect/ModuleDiff.h"
#include "tools/quipu/inspect/PhaseHistory.h"

#include <cctype>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// The end of the string that begins at this quote.
static size_t endOfString(std::string_view line, size_t quote) {
  size_t at = quote + 1;
  while (at < line.size() && line[at] != '"')
    at += line[at] == '\\' ? 2 : 1;
  return std::min(at + 1, line.size());
}

/// The end of what stands in parentheses.
static size_t endOfParentheses(std::string_view line, size_t open) {
  int depth = 0;
  for (size_t at = open; at < line.size();) {
    if (line[at] == '"') {
      at = endOfString(line, at);
      continue;
    }
    depth += (line[at] == '(') - (line[at] == ')');
    ++at;
    if (depth == 0)
      return at;
  }
  return line.size();
}

static std::string lineWithoutLocations(std::string_view line) {
  constexpr std::string_view kLocation = " loc(";
  std::string result;
  for (size_t at = 0; at < line.size();) {
    if (line.substr(at).starts_with(kLocation)) {
      at = endOfParentheses(line, at + kLocation.size() - 1);
      continue;
    }
    size_t end = line[at] == '"' ? endOfString(line, at) : at + 1;
    result += line.substr(at, end - at);
    at = end;
  }
  return result;
}

/// The aliases that a line names: "#loc7", "!llama.kv" is none.
static std::set<std::string> aliasesIn(std::string_view line) {
  std::set<std::string> names;
  for (size_t at = 0; at < line.size();) {
    size_t end = line[at] == '"' ? endOfString(line, at) : at + 1;
    if (line[at] == '#' || line[at] == '!') {
      while (end < line.size() && (std::isalnum(static_cast<unsigned char>(line[end])) || line[end] == '_'))
        ++end;
      names.emplace(line.substr(at, end - at));
    }
    at = end;
  }
  return names;
}

/// The alias that a line defines: "#map" of "#map = affine_map<...>". Empty: it defines none.
static std::string aliasDefinedIn(std::string_view line) {
  size_t end = line.find(" = ");
  bool isDefinition =
      !line.empty() && (line[0] == '#' || line[0] == '!') && end != std::string_view::npos && line.find(' ') == end;
  return isDefinition ? std::string(line.substr(0, end)) : "";
}

std::string withoutLocations(const std::string &text) {
  std::vector<std::string> lines;
  std::map<std::string, std::set<std::string>> definitions;
  std::set<std::string> used;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (std::string alias = aliasDefinedIn(line); !alias.empty()) {
      definitions[alias] = aliasesIn(std::string_view(line).substr(alias.size()));
      lines.push_back(line);
      continue;
    }
    lines.push_back(lineWithoutLocations(line));
    used.merge(aliasesIn(lines.back()));
  }
  // Aliases are made of others.
  for (std::vector<std::string> next(used.begin(), used.end()); !next.empty();) {
    std::string alias = next.back();
    next.pop_back();
    if (auto found = definitions.find(alias); found != definitions.end())
      for (const std::string &inner : found->second)
        if (used.insert(inner).second)
          next.push_back(inner);
  }
  std::string result;
  for (const std::string &line : lines)
    if (std::string alias = aliasDefinedIn(line); alias.empty() || used.contains(alias))
      result += line + "\n";
  return result;
}

std::string foldedText(const Json &phase) {
  std::string result;
  for (const Json &part : phase.at("parts")) {
    result += result.empty() ? "" : "\n";
    for (const std::string &line : linesOfPart(part))
      result += line + "\n";
  }
  return result;
}

std::string keptKernelText(const PlanFile &plan, const std::string &name) {
  if (!Insight::isIn(plan))
    fail(plan.path(),
         ": holds machine code only; --as mlir needs a plan that was compiled with --keep-ir, or the model");
  PhaseHistory history(plan);
  std::string known;
  for (const Json &phase : history.phases())
    for (const Json &part : phase.value("parts", Json::array())) {
      if (part.at("kind") != "code")
        continue;
      if (part.at("name") == name)
        return part.at("text");
      known += (known.empty() ? "" : ", ") + part.at("name").get<std::string>();
    }
  if (known.empty())
    fail(plan.path(), ": keeps no code of kernels, as it was made by an older compiler; compile again with --keep-ir");
  // It is none of the plan's, or not one of its first GPU.
  (void)findKernel(plan, name);
  (void)KernelOrigins(plan).linesOf(name);
  fail(plan.path(), ": has no kernel ", name, "; kernels: ", known);
}

} // namespace quipu::tool
