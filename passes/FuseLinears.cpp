//===- FuseLinears.cpp - Linears of one input joined into one -------------===//

#include "passes/FuseLinears.h"
#include "ir/Llama/Place.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quipu::llama;

LinearFuser::LinearFuser(ModuleOp module) : module(module), symbols(module) {}

WeightOp LinearFuser::lookup(Value weight) {
  auto ref = weight ? weight.getDefiningOp<WeightRefOp>() : WeightRefOp();
  return ref ? symbols.lookup<WeightOp>(ref.getWeight()) : WeightOp();
}

static std::string describe(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Why types of `linear` do not let it be joined with `first`; empty when they do.
static std::string whyNotByTypes(LinearOp first, LinearOp linear) {
  auto differ = [](StringRef what, Value a, Value b) {
    return (what + " different element types, ").str() + describe(getElementTypeOrSelf(a)) + " and " +
           describe(getElementTypeOrSelf(b));
  };
  auto disagree = [](Value a, Value b) { return getElementTypeOrSelf(a) != getElementTypeOrSelf(b); };
  if (disagree(first.getWeight(), linear.getWeight()))
    return differ("the weights have", first.getWeight(), linear.getWeight());
  if (disagree(first.getResult(), linear.getResult()))
    return differ("the projections yield", first.getResult(), linear.getResult());
  if (static_cast<bool>(linear.getBias()) != static_cast<bool>(first.getBias()))
    return "only some of the projections have a bias";
  if (linear.getBias() && disagree(first.getBias(), linear.getBias()))
    return differ("the biases have", first.getBias(), linear.getBias());
  return {};
}

std::string LinearFuser::whyNot(ArrayRef<LinearOp> linears) {
  LinearOp first = linears.front();
  llvm::SmallPtrSet<Operation *, 4> distinct;
  for (LinearOp linear : linears) {
    if (!distinct.insert(linear).second)
      return "the projections are not distinct";
    if (linear->getBlock() != first->getBlock())
      return "the projections lie in different blocks";
    if (linear.getInput() != first.getInput())
      return "the projections have different inputs";
    WeightOp weight = lookup(linear.getWeight());
    if (!weight || (linear.getBias() && !lookup(linear.getBias())))
      return "a projection does not read a llama.weight";
    if (cast<RankedTensorType>(weight.getType()).getEncoding())
      return ("@" + weight.getSymName() + " already has a layout").str();
    if (weight.getPlus())
      return ("@" + weight.getSymName() + " has `plus`").str();
    if (std::string why = whyNotByTypes(first, linear); !why.empty())
      return why;
  }
  return {};
}

WeightOp LinearFuser::join(ArrayRef<WeightOp> weights, const std::string &name) {
  WeightOp &result = joined[std::vector<Operation *>(weights.begin(), weights.end())];
  if (result)
    return result;
  SmallVector<Attribute> sources;
  SmallVector<int64_t> rows;
  SmallVector<Location> places;
  for (WeightOp weight : weights) {
    llvm::append_range(sources, weight.getSources());
    llvm::append_range(rows, weight.getRowCounts());
    places.push_back(weight.getLoc());
  }
  WeightOp first = weights.front();
  auto like = cast<RankedTensorType>(first.getType());
  SmallVector<int64_t> shape(like.getShape());
  shape[0] = llvm::sum_of(rows);
  OpBuilder builder(weights.front());
  result = WeightOp::create(builder, namePlace(module.getContext(), name, places), builder.getStringAttr(name),
                            TypeAttr::get(RankedTensorType::get(shape, like.getElementType())), first.getRole(),
                            builder.getArrayAttr(sources), builder.getDenseI64ArrayAttr(rows), FloatAttr());
  // The op is in the module already. The table makes its name unique where another symbol has it.
  symbols.insert(result);
  return result;
}

LinearOp LinearFuser::fuse(ArrayRef<LinearOp> linears, StringRef word) {
  SmallVector<WeightOp> weights, biases;
  SmallVector<Location> places;
  LinearOp first = linears.front();
  int64_t width = 0;
  for (LinearOp linear : linears) {
    weights.push_back(lookup(linear.getWeight()));
    if (linear.getBias())
      biases.push_back(lookup(linear.getBias()));
    places.push_back(linear.getLoc());
    width += cast<RankedTensorType>(linear.getResult().getType()).getDimSize(1);
    if (linear->isBeforeInBlock(first))
      first = linear;
    replaced.push_back(linear);
  }
  auto beside = [&](StringRef sibling) {
    StringRef parent = getParent(sibling);
    return parent.empty() ? word.str() : (parent + "." + word).str();
  };
  std::string name = beside(weights.front().getSymName());
  StringRef place = getPlace(places.front());

  OpBuilder builder(first);
  Location loc = namePlace(builder.getContext(), place.empty() ? name : beside(place), places);
  auto reference = [&](WeightOp weight) -> Value {
    return WeightRefOp::create(builder, loc, weight.getType(), weight.getSymName());
  };
  Value weight = reference(join(weights, name));
  Value bias = biases.empty() ? Value() : reference(join(biases, name + ".bias"));
  auto like = cast<RankedTensorType>(first.getResult().getType());
  auto type = RankedTensorType::get({like.getDimSize(0), width}, like.getElementType(), like.getEncoding());
  return LinearOp::create(builder, loc, type, first.getInput(), weight, bias);
}

void LinearFuser::eraseUnused() {
  // A reference may serve several linears; a weight, several references.
  llvm::SmallSetVector<Operation *, 16> references;
  for (LinearOp linear : replaced) {
    if (!linear.use_empty())
      continue;
    for (Value operand : linear->getOperands())
      if (auto ref = operand.getDefiningOp<WeightRefOp>())
        references.insert(ref);
    linear.erase();
  }
  for (Operation *ref : references)
    if (ref->use_empty())
      ref->erase();
  if (joined.empty())
    return;
  llvm::DenseSet<StringRef> used;
  module.walk([&](WeightRefOp ref) { used.insert(ref.getWeight()); });
  llvm::SmallSetVector<Operation *, 16> parts;
  for (auto &[weights, result] : joined)
    parts.insert(weights.begin(), weights.end());
  for (Operation *part : parts)
    if (!used.contains(cast<WeightOp>(part).getSymName()))
      symbols.erase(part);
  joined.clear();
  replaced.clear();
}
