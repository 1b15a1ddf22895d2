//===- TensorTypes.h - The element types of GGUF files ----------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_TENSORTYPES_H
#define QUIPU_FRONTENDS_GGUF_TENSORTYPES_H

#include "runtime/abi/WeightFormat.h"

#include <cstdint>
#include <optional>
#include <string>

namespace quipu::frontend::gguf {

/// The format of weights of the type that a file calls by this number; null where weights have none.
const WeightFormat *weightFormatOf(uint32_t type);

/// The number of a format; nothing where GGUF has none.
std::optional<uint32_t> tensorTypeOf(const WeightFormat &format);

/// "IQ2_XXS"; "number 77" where the type is not known.
std::string tensorTypeName(uint32_t type);

/// "F32, F16, BF16, ... and IQ4_NL".
std::string supportedTensorTypes();

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_TENSORTYPES_H
