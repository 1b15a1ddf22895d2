//===- KernelOrigins.h - What of a model the code of a plan comes from ------*- C++ -*-===//
//
// Reads the parts "fields", "steps", "kernels" and "decisions" of the record that --keep-ir leaves in a plan
// (tools/quipu-compile/KernelRecord.h and DecisionRecord.h).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_KERNELORIGINS_H
#define QUIPU_TOOLS_QUIPU_INSPECT_KERNELORIGINS_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace quipu::tool {

class KernelOrigins {
public:
  using Json = nlohmann::ordered_json;

  /// Throws Error if the plan was compiled without --keep-ir.
  explicit KernelOrigins(const PlanFile &plan);

  const Json &kernels() const { return record.at("kernels"); }
  const Json &decisions() const { return record.at("decisions"); }
  const Json &fields() const { return record.at("fields"); }
  const Json &steps() const { return record.at("steps"); }
  /// The record of a kernel. Throws Error if there is none.
  const Json &kernel(const std::string &name) const;

  /// First and last line of a kernel in the source. Throws Error if the source is that of another GPU.
  std::pair<uint32_t, uint32_t> linesOf(const std::string &name) const;

  /// The op of a kernel at this line of the source. The kernel itself, which has no "op", for its first line and for
  /// lines of no op.
  const Json &opAt(const Json &kernel, uint32_t line) const;
  /// The result may be the kernel itself, which must live on.
  const Json &opAt(Json &&kernel, uint32_t line) const = delete;

  /// A field of the config, by Hugging Face's name or by that of the file. Throws Error that lists the fields.
  const Json &field(const std::string &name) const;

  /// "models/story/config.json:21: "num_key_value_heads": 3", or why the file does not have it.
  std::string fieldText(const Json &field) const;

  /// A line of the source without its location. Empty if there is none.
  std::string sourceLine(uint32_t line) const;

private:
  const PlanFile &plan;
  Json record;
  std::vector<std::string> source;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_KERNELORIGINS_H
