//===- Report.h - quipu inspect --html: one page about a model ---------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_REPORT_REPORT_H
#define QUIPU_TOOLS_QUIPU_REPORT_REPORT_H

#include "runtime/plan/PlanFile.h"

#include <memory>
#include <string>

namespace quipu::tool {

/// The page: one file that loads nothing else. `source`: the path that the user gave. `withProfile`: generation is
/// measured on the plan's device, so weights are loaded. `ceilings`: as CostCeilings::of takes them. Throws Error if
/// the plan was compiled without --keep-ir, or cannot run where a profile is asked for.
std::string reportPage(const std::shared_ptr<const PlanFile> &plan, const std::string &source, bool withProfile,
                       const std::string &ceilings);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_REPORT_REPORT_H
