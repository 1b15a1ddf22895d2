//===- PercentFormat.h - '%s is %d' % (a, b) ---------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_PERCENTFORMAT_H
#define QUIPU_RUNTIME_CHAT_JINJA_PERCENTFORMAT_H

#include "runtime/chat/jinja/Run.h"

namespace quipu::jinja {

/// `values`: a tuple, or one value. Knows %s, %r, %d, %i, %f with digits, and %%. Throws Failure for others.
Value percentFormat(Run &run, const MarkedText &format, const Value &values);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_PERCENTFORMAT_H
