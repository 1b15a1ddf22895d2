//===- Notes.h - What is said of a config ---------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_NOTES_H
#define QUIPU_FRONTENDS_HF_NOTES_H

#include "frontends/common/ModelConfig.h"

#include <string>
#include <string_view>
#include <utility>

namespace quipu::frontend::hf {

inline void note(ModelConfig &config, std::string_view field, std::string text) {
  config.notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
}

inline void warn(ModelConfig &config, std::string_view field, std::string text) {
  config.notes.push_back({Note::Kind::warning, std::string(field), std::move(text)});
}

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_NOTES_H
