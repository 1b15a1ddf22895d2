//===- KnownKeys.h - Keys of GGUF files that Quipu does not read ------*- C++ -*-===//
//
// A key that the reader skips is one of three: known not to change what the model computes (skipped in silence), known
// to change it (refused by name unless it has a value that means "off"), or unknown (a warning).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_KNOWNKEYS_H
#define QUIPU_FRONTENDS_GGUF_KNOWNKEYS_H

#include "frontends/common/ModelConfig.h"
#include "frontends/gguf/Metadata.h"

#include <string_view>
#include <vector>

namespace quipu::frontend::gguf {

/// Looks at every key that `metadata` has not been asked for. `architecture`: with which the model's keys begin. Throws
/// quipu::Error for one that changes the model's meaning.
void checkUnreadKeys(Metadata &metadata, std::string_view architecture, std::vector<Note> &notes);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_KNOWNKEYS_H
