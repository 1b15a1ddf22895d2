//===- FoldedModule.h - A module with each kind of layer once ---*- C++ -*-===//
//
// What differs between layers alone (their number, names of SSA values) is taken out of the text of ops, and layers
// whose ops then are the same become one group. So the record of a module does not grow with its depth, and two modules
// can be compared.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_FOLDEDMODULE_H
#define QUIPU_TOOLS_QUIPU_COMPILE_FOLDEDMODULE_H

#include "mlir/IR/BuiltinOps.h"

#include <nlohmann/json.hpp>

namespace quipu::tool {

/// The parts of a module of the llama dialect: its weights, kernels and functions, in this order.
///
///   {"kind": "weights" | "kernel" | "function", "name": "forward.qkv", "head": "llama.kernel @forward.qkv(...) ->
///   ...",
///    "arguments": [{"name": "%tokens", "type"}],
///    "groups": [{"layers": [0, 1, 2], "carried": [...], "ops": [...]}]}
///
/// Of weights there are groups alone. A group has neighbouring ops: those of one layer, which are the same in all
/// layers of the list, or those of no layer, whose list is empty. `carried` are the values that a layer gets from what
/// stands before it:
///
///   {"name": "%in", "first": its name in front of the first layer, "next": its name in the layer before}
///
/// An op:
///
///   {"op": "llama.linear", "place": "layers.{}.self_attn.q_proj", "text": "%q_proj.linear = llama.linear ...",
///    "operands": ["%in", "@layers.{}.self_attn.q_proj"], "results": [{"name", "type"}], "attributes": {"eps": "..."}}
///
/// Values have names of places. References to weights are operands, and no ops. "{}" stands for the layer.
nlohmann::ordered_json foldedParts(mlir::ModuleOp module);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_FOLDEDMODULE_H
