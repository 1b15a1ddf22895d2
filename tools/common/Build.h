//===- Build.h - Which build of Quipu this is -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_BUILD_H
#define QUIPU_TOOLS_COMMON_BUILD_H

namespace quipu::tool {

extern const char *const kBuildVersion;
/// The commit that was built. It ends with "+" if files had been changed. "unknown" outside of a repository.
extern const char *const kBuildCommit;

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_BUILD_H
