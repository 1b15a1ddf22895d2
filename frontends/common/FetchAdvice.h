//===- FetchAdvice.h - Where models come from ---------------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_FETCHADVICE_H
#define QUIPU_FRONTENDS_COMMON_FETCHADVICE_H

#include <string>

namespace quipu::frontend {

/// What to do about a path at which nothing lies: how a model is fetched, with the command for this one when the path
/// looks like the name of a model on Hugging Face. `command` is what is run afterwards: "quipu run".
std::string fetchAdvice(const std::string &path, const std::string &command);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_FETCHADVICE_H
