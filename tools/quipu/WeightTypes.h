//===- WeightTypes.h - In which types a plan's matrices lie ------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_WEIGHTTYPES_H
#define QUIPU_TOOLS_QUIPU_WEIGHTTYPES_H

#include "runtime/abi/plan_generated.h"

#include <string>

namespace quipu::tool {

/// The type of the products, and the type of the matrices if it is different: "bf16", "f32 (weights bf16)".
std::string dtypeText(const plan::Plan &plan);

/// What it costs that the files have weights in blocks that the plan's kernels do not read: "weights of q4_1, q8_0
/// (80.1 MiB) expanded to bf16 (256.5 MiB)". Empty when there are none.
std::string expansionText(const plan::Plan &plan);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_WEIGHTTYPES_H
