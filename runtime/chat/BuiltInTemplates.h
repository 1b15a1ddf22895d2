//===- BuiltInTemplates.h - Templates of well-known families ----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_BUILTINTEMPLATES_H
#define QUIPU_RUNTIME_CHAT_BUILTINTEMPLATES_H

#include <span>

namespace quipu {

struct BuiltInTemplate {
  /// As after --chat-template.
  const char *name;
  const char *text;
};

/// Templates that make the texts on which models of a family were trained, by name.
std::span<const BuiltInTemplate> builtInTemplates();

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_BUILTINTEMPLATES_H
