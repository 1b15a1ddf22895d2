//===- Shards.h - Joins the files of a checkpoint -----------------*- C++ -*-===//
//
// Meta's checkpoints have a file for each GPU of the training. Each file has every name, and of a matrix a block of its
// rows or columns:
// - rows (dimension 0): wq, wk, wv, w1, w3, output;
// - columns (dimension 1): wo, w2;
// - tok_embeddings by columns (LLaMA 1 and 2) or by rows (Llama 3), which shapes tell;
// - norms are in every file whole.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_META_SHARDS_H
#define QUIPU_FRONTENDS_META_SHARDS_H

#include "frontends/common/ModelConfig.h"
#include "frontends/common/WeightIndex.h"
#include "frontends/meta/Params.h"

#include <string>
#include <vector>

namespace quipu::frontend::meta {

/// Makes one index, by canonical names, of those of all files, by Meta's names. Fills in what `params` leaves to the
/// weights, and whether the head is tied. Throws quipu::Error when files, shapes and params do not agree. `folder` is
/// for messages.
WeightIndex joinShards(std::vector<WeightIndex> shards, Params &params, const std::string &folder);

} // namespace quipu::frontend::meta

#endif // QUIPU_FRONTENDS_META_SHARDS_H
