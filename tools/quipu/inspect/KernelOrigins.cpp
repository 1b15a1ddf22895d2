//===- KernelOrigins.cpp - What of a model the code of a plan comes from ------------------===//

#include "tools/quipu/inspect/KernelOrigins.h"

#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"

#include <sstream>

namespace quipu::tool {

KernelOrigins::KernelOrigins(const PlanFile &plan) : plan(plan) {
  Insight insight = Insight::of(plan);
  record = Json::parse(insight.record());
  std::istringstream text(insight.source());
  for (std::string line; std::getline(text, line);)
    source.push_back(std::move(line));
}

const KernelOrigins::Json &KernelOrigins::kernel(const std::string &name) const {
  for (const Json &kernel : kernels())
    if (kernel.at("name") == name)
      return kernel;
  fail(plan.path(), ": its record has no kernel ", name, "; compile again");
}

std::pair<uint32_t, uint32_t> KernelOrigins::linesOf(const std::string &name) const {
  const Json &lines = kernel(name).at("lines");
  if (lines.is_null())
    fail(plan.path(), ": the module of kernel ", name,
         " is not kept; it is of another GPU than the plan's first: give the model, or a plan for that GPU (--target "
         "cuda:sm_80)");
  return {lines[0], lines[1]};
}

const KernelOrigins::Json &KernelOrigins::opAt(const Json &kernel, uint32_t line) const {
  for (const Json &op : kernel.at("ops"))
    if (op.at("line") == line)
      return op;
  return kernel;
}

const KernelOrigins::Json &KernelOrigins::field(const std::string &name) const {
  std::string known;
  for (const Json &field : record.at("fields")) {
    if (field.at("name") == name || field.at("key") == name)
      return field;
    known += (known.empty() ? "" : ", ") + field.at("name").get<std::string>();
  }
  fail(plan.path(), ": no code comes from a field '", name, "' of the config; fields with code: ", known);
}

std::string KernelOrigins::fieldText(const Json &field) const {
  std::string file = field.at("file"), key = field.at("key"), reason = field.at("reason");
  if (!reason.empty())
    return concat(key, " ", reason, reason.starts_with("not in the file") ? concat(" (", file, ")") : "");
  uint32_t line = field.at("line");
  if (!line)
    return concat(file, ": ", key);
  // Empty where the compiler could not read the line, as when it went on from a module.
  std::string text = field.value("text", "");
  return concat(file, ":", line, ": ", text.empty() ? key : text);
}

std::string KernelOrigins::sourceLine(uint32_t line) const {
  if (!line || line > source.size())
    return {};
  std::string text = source[line - 1];
  text = text.substr(0, text.rfind(" loc("));
  size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin);
}

} // namespace quipu::tool
