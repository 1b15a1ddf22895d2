//===- ShrunkModel.h - A small model like a given one -----------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_SHRUNKMODEL_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_SHRUNKMODEL_H

#include "frontends/common/Model.h"

#include <string>

namespace quipu::tool {

/// Which widths a shrunk model has.
enum class Widths {
  /// All are small.
  Small,
  /// Those of the layers are the model's. The vocabulary is small, and the window too.
  Real
};

/// A model that is compiled as `model` is, and small enough for the reference lowering. It keeps what decides about
/// code: the size of heads and how many of them share a key/value head, rotary embedding, norms, biases, activation,
/// tied embeddings, fused tensors, and the stored type of each tensor. A width keeps the greatest power of two (up to
/// 256) that divides it: blocks, vectors and tiles divide it as before. Of the layers there are two, which differ in
/// types or in their window if any two do. There are no files: its weights are random. The shrunk layer number 1 may be
/// another one of the model; `names` of messages are those of the shrunk model.
frontend::Model shrinkModel(const frontend::Model &model, Widths widths);

/// "2 layers, 192 wide, 6 heads of 64 (3 of keys and values), vocabulary of 256".
std::string describeSizes(const frontend::ModelConfig &config);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_SHRUNKMODEL_H
