//===- Kinds.h - Kinds of GGUF files that are not supported -----------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_KINDS_H
#define QUIPU_FRONTENDS_GGUF_KINDS_H

#include "frontends/gguf/Metadata.h"

namespace quipu::frontend::gguf {

/// Throws quipu::Error when the value of `key`, which was read last, says that the file as a whole is none that is
/// supported: another architecture, an adapter, a projector, a mixture of experts.
void refuseOtherKinds(Metadata &metadata, std::string_view key);

/// What the name of a tensor says about the model's kind where no supported model has such a tensor ("norms of queries
/// and keys, which are not supported"); empty: nothing.
std::string_view describeForeignTensor(std::string_view name);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_KINDS_H
