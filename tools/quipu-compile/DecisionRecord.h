//===- DecisionRecord.h - What passes decided, for a plan -------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_DECISIONRECORD_H
#define QUIPU_TOOLS_QUIPU_COMPILE_DECISIONRECORD_H

#include "ir/Llama/Decisions.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace quipu::tool {

/// Collects decisions. Those that differ in the layer alone become one.
class DecisionRecord {
public:
  using Json = nlohmann::ordered_json;

  void add(llama::Decision decision);

  /// What stands before the names of kernels and programs from now on, as in the plan ("sm_80.").
  void setPrefix(std::string text) { prefix = std::move(text); }

  /// The decisions in the order in which they were made:
  ///   {"pass", "program", "kernel", "names": places and weights, with {} for the layer, "layers": numbers,
  ///    "text", and of a choice "aspect", "candidate", "verdict": "chosen" | "refused" | "considered"}
  /// "program" and "kernel" may be empty.
  Json json() const;

private:
  /// "{}" stands for the layer.
  struct Entry {
    llama::Decision decision;
    std::vector<unsigned> layers;
  };

  std::string prefix;
  std::vector<Entry> entries;
  /// Of what entries say, without layers.
  std::map<std::string, size_t> numbers;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_DECISIONRECORD_H
