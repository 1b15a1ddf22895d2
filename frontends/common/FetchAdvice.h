//===- FetchAdvice.h - Where models come from ---------------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_FETCHADVICE_H
#define QUIPU_FRONTENDS_COMMON_FETCHADVICE_H

#include <string>

namespace quipu::frontend {

/// Advice for a path that does not exist: how to fetch a model. If the path looks like the name of a model on Hugging
/// Face, it has the command for this model. `command`: what the user runs afterwards, such as "quipu run".
std::string fetchAdvice(const std::string &path, const std::string &command);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_FETCHADVICE_H
