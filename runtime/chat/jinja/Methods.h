//===- Methods.h - Methods of texts, lists and dicts ------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_METHODS_H
#define QUIPU_RUNTIME_CHAT_JINJA_METHODS_H

#include "runtime/chat/jinja/Value.h"

namespace quipu::jinja {

/// Nothing: the value has no such method. Throws Failure for a method that would change a value.
std::optional<Value> methodOf(const Value &value, const std::string &name);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_METHODS_H
