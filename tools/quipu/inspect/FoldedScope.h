//===- FoldedScope.h - Where the values of a folded function come from ------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_FOLDEDSCOPE_H
#define QUIPU_TOOLS_QUIPU_INSPECT_FOLDEDSCOPE_H

#include <nlohmann/json.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// An op of one layer, or of none, by its place in a folded function (tools/quipu-compile/FoldedModule.h).
struct FoldedOp {
  size_t group = 0, op = 0;
  /// The layer. Nothing: the op is of no layer.
  std::optional<unsigned> layer = {};
  bool operator==(const FoldedOp &) const = default;
};

/// The ops of a folded function in the order in which they run, for all layers.
std::vector<FoldedOp> unfold(const nlohmann::ordered_json &part);

/// The value that an operand names, when ops are visited in the order of unfold().
class FoldedScope {
public:
  explicit FoldedScope(const nlohmann::ordered_json &part) : part(part) {}

  /// Call it for each op, before its operands are asked for.
  void enter(const FoldedOp &op);

  /// The op that gives the value, and the name that it has there. Nothing: an argument of the function, which keeps its
  /// name.
  std::optional<FoldedOp> source(const std::string &operand) const;
  /// The name that the value has where it is made.
  std::string nameAtSource(const std::string &operand) const;

private:
  using Names = std::map<std::string, FoldedOp>;

  const nlohmann::ordered_json &part;
  /// Values of no layer, then those of the layer that is visited and of the one before.
  Names outside, inside, before;
  std::optional<unsigned> layer = {};
  bool isFirstLayer = true;
  /// What the visited group carries: its name there, and the one where it is made.
  std::map<std::string, std::string> carried;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_FOLDEDSCOPE_H
