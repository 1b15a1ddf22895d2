//===- ProfileText.h - Profiles as tables -----------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_PROFILE_PROFILETEXT_H
#define QUIPU_TOOLS_QUIPU_PROFILE_PROFILETEXT_H

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// Tables of a profile as profileJson() makes it or readProfile() gives it.
std::string profileText(const nlohmann::ordered_json &profile);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROFILE_PROFILETEXT_H
