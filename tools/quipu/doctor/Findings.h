//===- Findings.h - What doctor reports -------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_DOCTOR_FINDINGS_H
#define QUIPU_TOOLS_QUIPU_DOCTOR_FINDINGS_H

#include <string>
#include <vector>

namespace quipu::tool {

/// A line of the report. Only a line about something missing has advice.
struct Finding {
  std::string key, label, value, advice;
};

/// The driver, each GPU with the plans that it runs, and the parts of NVIDIA's toolkit that make plans or benchmarks
/// better.
std::vector<Finding> examineCuda();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_DOCTOR_FINDINGS_H
