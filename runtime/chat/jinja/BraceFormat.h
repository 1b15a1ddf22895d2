//===- BraceFormat.h - '{} is {name}'.format(a, name=b) ---------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_BRACEFORMAT_H
#define QUIPU_RUNTIME_CHAT_JINJA_BRACEFORMAT_H

#include "runtime/chat/jinja/Run.h"

namespace quipu::jinja {

/// Knows {}, {0}, {name}, {{ and }}. Throws Failure for formats of values and for attributes.
Value braceFormat(Run &run, const MarkedText &format, const Arguments &arguments);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_BRACEFORMAT_H
