//===- PlanJson.h - A plan as JSON ------------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_PLANJSON_H
#define QUIPU_TOOLS_QUIPU_INSPECT_PLANJSON_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

namespace quipu::tool {

/// Everything of a plan except the bytes of its code and tokenizer.
nlohmann::ordered_json planJson(const PlanFile &plan);

/// Only the configuration, with the field names of plan.fbs.
nlohmann::ordered_json configJson(const plan::ModelConfig &config);

/// One kernel: its schedule, entries, work.
nlohmann::ordered_json kernelJson(const plan::Kernel &kernel);

/// One weight with its sources.
nlohmann::ordered_json weightJson(const plan::Weight &weight);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_PLANJSON_H
