//===- KnownFields.h - Config fields that Quipu does not read ------*- C++ -*-===//
//
// A field that the reader skips is one of three: known not to change what the model computes (skipped in silence),
// known to change it (refused by name unless it has a value that means "off"), or unknown (a warning).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HF_KNOWNFIELDS_H
#define QUIPU_FRONTENDS_HF_KNOWNFIELDS_H

#include "frontends/common/Fields.h"
#include "frontends/hf/Architectures.h"

namespace quipu::frontend::hf {

/// Looks at every field that `config` has not been asked for. Throws quipu::Error for a field that changes what the
/// model computes. Adds a warning to `notes` for an unknown field. The class of the model may accept some values
/// (Architecture).
void checkUnreadFields(Fields &config, const Architecture &architecture, std::vector<Note> &notes);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_KNOWNFIELDS_H
