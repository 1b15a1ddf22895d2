//===- ReducePass.h - llama-reduce ------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_REDUCE_REDUCEPASS_H
#define QUIPU_TOOLS_QUIPU_REDUCE_REDUCEPASS_H

namespace quipu::tool {

/// Registers llama-reduce. MLIR's own reduction-tree takes ops away whose results nobody reads. But almost every op of
/// a model is on the way to the logits. llama-reduce cuts this way: what an op gave becomes an argument of the program.
void registerReducePass();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_REDUCE_REDUCEPASS_H
