//===- Checkpoint.h - The tensors of a file of torch.save ---------*- C++ -*-===//
//
// A zip archive: NAME/data.pkl is the pickled state dict, NAME/data/KEY are the bytes of a storage. A tensor is a view
// of a storage, and stays where it lies in the file.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_META_CHECKPOINT_H
#define QUIPU_FRONTENDS_META_CHECKPOINT_H

#include "frontends/common/WeightIndex.h"

#include <string>

namespace quipu::frontend::meta {

/// The index of one checkpoint, by the names that its state dict has. Only the directory and the pickle are read.
/// Tensors of types that weights may not have are in `foreign`. Throws quipu::Error that begins with the path.
WeightIndex readCheckpoint(const std::string &path);

} // namespace quipu::frontend::meta

#endif // QUIPU_FRONTENDS_META_CHECKPOINT_H
