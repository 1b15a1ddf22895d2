//===- GraphBuilder.h - From a model config to the llama dialect ---*- C++ -*-===//
//
// The import form of a model: one function
//
//     func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
//                        %rows: tensor<?xi32>, %cache: !llama.kv_cache<...>) -> tensor<?xVxf32>
//         attributes {llama.program = #llama.program<forward, rows = 1 to ...>}
//
// of semantic ops, and one llama.weight for each tensor of the model. The T rows of a step are the new tokens of all
// its sequences; the result has a row of logits for each of the R entries of %rows. Every op's location names its place
// in the model ("layers.3.self_attn.q_proj"), in the words of Hugging Face; so do the weights' symbols.
//
// Types:
// - the residual stream and the logits are f32;
// - inputs of the dot products (norm results, queries, attention results, the gated product) have the compute dtype;
// - keys and values have the cache's dtype, to which kv_append rounds;
// - a matrix that is quantised, or stored in blocks that the target reads, has the elements of a `!llama.block`;
// - another has its stored dtype when computing in f32, which reads any of them in place, and else the compute dtype,
// so
//   that both operands of a dot product agree: the runtime converts it while loading when the file has another;
// - norms, biases and an embedding that is not the head too keep the stored dtype; norms that multiply by a number plus
//   their weight are f32, in which the number is added while they are loaded.
//
// Part of QuipuGraphBuilder.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_GRAPHBUILDER_H
#define QUIPU_FRONTENDS_COMMON_GRAPHBUILDER_H

#include "frontends/common/Model.h"
#include "frontends/common/QuantizeMix.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace quipu::frontend {

struct GraphOptions {
  /// Type of the activations that enter products. Nothing: resolveComputeDType decides.
  std::optional<DType> computeDType;
  /// Type of the key/value cache. Nothing: the compute dtype.
  std::optional<DType> kvDType;
  /// To which formats matrices are rounded; also the embedding and the head.
  std::optional<QuantizeMix> quantize;
  /// Whether kernels of the target read matrices in blocks of a format. A matrix that is stored in blocks of another
  /// format is converted to the compute dtype when it is loaded. The reference lowering reads all.
  std::function<bool(const WeightFormat &)> readsBlocks = [](const WeightFormat &) { return true; };
  /// What resolveComputeDType takes if there are such matrices.
  DType dtypeForBlocks = DType::f32;
  /// Positions in a page of the cache.
  int64_t page = 32;
  /// Upper bound of the rows of a step.
  int64_t maxRows = 65536;
};

/// What `--dtype auto` means. If all matrices have one stored dtype, it is this dtype. Otherwise it is the dtype that
/// the config declares, as in transformers. If there is none, it is f32: then every matrix is read as it is stored. If
/// matrices are stored in blocks that the target does not read, it is `dtypeForBlocks`. Of `options` only what is about
/// blocks counts.
DType resolveComputeDType(const Model &model, const GraphOptions &options = {});

/// A remark for the user: how many matrices of numbers must be converted to `compute`. Quantised matrices do not count.
/// Empty if no matrix is converted.
std::string describeConversions(const Model &model, DType compute, const GraphOptions &options = {});

/// A remark for the user: how many matrices are stored in blocks that the target does not read, and what memory it
/// takes to have them in `compute`. Empty if there are none.
std::string describeExpansions(const Model &model, DType compute, const GraphOptions &options);

/// Builds the module and verifies it. Loads the dialects that it uses into `context`.
mlir::OwningOpRef<mlir::ModuleOp> buildGraph(mlir::MLIRContext &context, const Model &model,
                                             const GraphOptions &options = {});

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_GRAPHBUILDER_H
