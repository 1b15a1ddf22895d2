//===- SumOrders.h - Whether all programs add in one order ------*- C++ -*-===//

#ifndef QUIPU_IR_LLAMA_SUMORDERS_H
#define QUIPU_IR_LLAMA_SUMORDERS_H

#include "ir/Llama/Llama.h"

#include <string>

namespace quipu::llama {

/// The reference to the weight that a product of the kernel of `launch` reads. Null if it reads something else.
WeightRefOp weightOfProduct(LaunchOp launch, LinearOp linear);

/// Why a row may have other bits in one program of a module than in another: which kernels multiply the same weight in
/// different orders, or attend in different ways. Empty: it has the same bits in all of them. Each kernel by itself
/// gives a row the same bits whatever other rows it computes.
std::string whySumsDiffer(mlir::ModuleOp module);

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_SUMORDERS_H
