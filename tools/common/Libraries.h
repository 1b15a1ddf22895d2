//===- Libraries.h - Shared libraries of the machine -------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_LIBRARIES_H
#define QUIPU_TOOLS_COMMON_LIBRARIES_H

#include <string>
#include <vector>

namespace quipu::tool {

/// Path of the first of these libraries that can be loaded. Empty if none can.
std::string findLibrary(const std::vector<std::string> &names);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_LIBRARIES_H
