//===- SavedProfile.h - Profiles in files -----------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_PROFILE_SAVEDPROFILE_H
#define QUIPU_TOOLS_QUIPU_PROFILE_SAVEDPROFILE_H

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// Whether the path names a file that `quipu profile --json` may have written, rather than a plan or a model. Of JSON
/// only the config of a model is something else.
bool isSavedProfile(const std::string &path);

/// The profile in the file. Throws Error that says what is wrong with it: every field that tables and comparisons read
/// is there, and has its type.
nlohmann::ordered_json readProfile(const std::string &path);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROFILE_SAVEDPROFILE_H
