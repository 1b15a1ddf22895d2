//===- ReportPage.h - The page around a report's data ------------------------*- C++ -*-===//
//
// cmake/ReportPage.cmake makes these of report.html, report.css, the scripts of this folder and the libraries that they
// use.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_REPORT_REPORTPAGE_H
#define QUIPU_TOOLS_QUIPU_REPORT_REPORTPAGE_H

#include <string_view>

namespace quipu::tool {

/// The page up to the data, and from the data on.
extern const std::string_view kPageBefore, kPageAfter;

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_REPORT_REPORTPAGE_H
