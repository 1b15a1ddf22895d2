//===- PlanNames.cpp - Printed forms of the parts of a plan ------------------------------===//

#include "tools/quipu/inspect/PlanNames.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/Error.h"

namespace quipu::tool {

std::string gridText(const plan::Grid &grid) {
  if (grid.rows() == plan::RowDim::one)
    return std::to_string(grid.fixed());
  std::string rows = plan::EnumNameRowDim(grid.rows());
  if (grid.rows_per_block() > 1)
    rows = concat("ceil(", rows, " / ", grid.rows_per_block(), ")");
  return grid.fixed() == 1 ? rows : concat(grid.fixed(), " x ", rows);
}

/// "{}" in place of the part of a name that counts layers, where another weight of the sequence differs there alone.
static std::string commonName(const std::string &first, const std::string &second) {
  size_t prefix = 0;
  while (prefix < first.size() && prefix < second.size() && first[prefix] == second[prefix])
    ++prefix;
  size_t suffix = 0;
  while (suffix < first.size() - prefix && suffix < second.size() - prefix &&
         first[first.size() - 1 - suffix] == second[second.size() - 1 - suffix])
    ++suffix;
  return first.substr(0, prefix) + "{}" + first.substr(first.size() - suffix);
}

std::string stepText(const plan::Plan &plan, const plan::Step &step) {
  switch (step.action_type()) {
  case plan::StepAction::RunKernel:
    return text(kernelOf(plan, step)->name());
  case plan::StepAction::Copy: {
    const plan::Copy &copy = *step.action_as_Copy();
    return concat("copy of ", copy.row_bytes(), " bytes x ", plan::EnumNameRowDim(copy.rows()));
  }
  case plan::StepAction::Collective: {
    const plan::Collective &collective = *step.action_as_Collective();
    return concat(plan::EnumNameCollectiveKind(collective.kind()), " over ", collective.devices(), " devices");
  }
  case plan::StepAction::Sample:
    return concat("sample, ", plan::EnumNameSampleMode(step.action_as_Sample()->mode()));
  case plan::StepAction::NONE:
    break;
  }
  return "";
}

std::string valueText(const plan::ProgramValue &value) {
  std::string shape = value.rows() == plan::RowDim::one ? "1" : plan::EnumNameRowDim(value.rows());
  if (value.columns() > 1)
    shape += concat(" x ", value.columns());
  return concat(text(value.name()), " (", plan::EnumNameValueType(value.type()), ", ", shape, ")");
}

std::string argumentText(const plan::Plan &plan, const plan::Program &program, const plan::Arg &argument,
                         uint32_t repeat) {
  uint64_t value = argument.value();
  bool moves = argument.stride() != 0 && repeat > 1;
  switch (argument.kind()) {
  case plan::ArgKind::arena:
    return concat("arena+", value, moves ? concat(argument.stride() > 0 ? "+" : "", argument.stride(), "i") : "");
  case plan::ArgKind::weight: {
    std::string name = text(plan.weights()->Get(uint32_t(value))->name());
    if (!moves)
      return name;
    return commonName(name, text(plan.weights()->Get(uint32_t(value + uint64_t(argument.stride())))->name()));
  }
  case plan::ArgKind::kv_layer:
    return moves ? "kv layer {}" : concat("kv layer ", value);
  case plan::ArgKind::input:
    return text(program.inputs()->Get(uint32_t(value))->name());
  case plan::ArgKind::output:
    return text(program.outputs()->Get(uint32_t(value))->name());
  }
  return "";
}

std::string locationText(const plan::Step &step, uint32_t repeat) {
  std::string location = text(step.location());
  size_t hole = location.find("{}");
  if (hole == std::string::npos)
    return location;
  uint64_t last = step.layer_base() + uint64_t(repeat - 1) * step.layer_stride();
  std::string range = std::to_string(step.layer_base());
  if (last == step.layer_base() + step.layer_stride())
    range += (step.layer_stride() == 1 ? "-" : ",") + std::to_string(last);
  else if (last != step.layer_base())
    range +=
        step.layer_stride() == 1 ? concat("-", last) : concat(",", step.layer_base() + step.layer_stride(), "..", last);
  while (hole != std::string::npos) {
    location.replace(hole, 2, range);
    hole = location.find("{}", hole + range.size());
  }
  return location;
}

std::string shapeText(const flatbuffers::Vector<uint64_t> *shape) {
  std::string result;
  for (size_t i = 0; shape && i < shape->size(); ++i)
    result += (i ? "x" : "") + std::to_string(shape->Get(uint32_t(i)));
  return result;
}

uint64_t elementCount(const flatbuffers::Vector<uint64_t> *shape) {
  uint64_t count = 1;
  for (size_t i = 0; shape && i < shape->size(); ++i)
    count *= shape->Get(uint32_t(i));
  return count;
}

std::string hexText(const flatbuffers::Vector<uint8_t> *bytes) {
  static const char *const digits = "0123456789abcdef";
  std::string result;
  for (size_t i = 0; bytes && i < bytes->size(); ++i) {
    result += digits[bytes->Get(uint32_t(i)) >> 4];
    result += digits[bytes->Get(uint32_t(i)) & 15];
  }
  return result;
}

} // namespace quipu::tool
