//===- GgufTokenizer.h - A tokenizer in a GGUF file -------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_CONVERT_GGUFTOKENIZER_H
#define QUIPU_FRONTENDS_CONVERT_GGUFTOKENIZER_H

#include "frontends/common/Model.h"
#include "frontends/convert/GgufHeader.h"

namespace quipu::convert {

/// Writes the keys of the tokenizer, the ids that begin and end a text, and the chat templates. `without`: no
/// tokenizer. `notes` gets remarks for the user. Throws quipu::Error that names what GGUF cannot say.
void writeTokenizer(const frontend::Model &model, bool without, GgufHeader &header, std::vector<std::string> &notes);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_GGUFTOKENIZER_H
