//===- Libraries.h - Shared libraries of the machine -------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_LIBRARIES_H
#define QUIPU_TOOLS_COMMON_LIBRARIES_H

#include <initializer_list>
#include <string>

namespace quipu::tool {

/// Where the first of these libraries that loads lies; empty when none does.
std::string findLibrary(std::initializer_list<const char *> names);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_LIBRARIES_H
