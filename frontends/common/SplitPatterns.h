//===- SplitPatterns.h - How well-known tokenizers find words ----------*- C++ -*-===//
//
// The regular expressions of byte-level tokenizers, as the files of their models have them. Formats that name a
// tokenizer in place of its expression (GGUF, Meta) get them from here.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_SPLITPATTERNS_H
#define QUIPU_FRONTENDS_COMMON_SPLITPATTERNS_H

#include "runtime/abi/BpeData.h"

namespace quipu::frontend {

inline constexpr const char *kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr const char *kLlama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// A split by a regular expression: what it finds, and what lies between, are parts.
inline TextStep isolatedSplit(std::string regex) {
  TextStep step;
  step.kind = TextStep::Kind::split;
  step.pattern = std::move(regex);
  step.isRegex = true;
  return step;
}

/// The same for a plain text.
inline TextStep textStep(TextStep::Kind kind, std::string pattern, std::string content) {
  TextStep step;
  step.kind = kind;
  step.pattern = std::move(pattern);
  step.content = std::move(content);
  return step;
}

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_SPLITPATTERNS_H
