//===- Page.h - The page at / ---------------------------------------------------*- C++ -*-===//
//
// cmake/ServePage.cmake makes the texts of the files beside this one.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_PAGE_PAGE_H
#define QUIPU_TOOLS_QUIPU_SERVE_PAGE_PAGE_H

#include <string_view>

namespace quipu::serve {

extern const std::string_view kPageHtml, kPageScript, kPageStyle;

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_PAGE_PAGE_H
