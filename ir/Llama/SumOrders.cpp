//===- SumOrders.cpp - Whether all programs add in one order ------------------===//

#include "ir/Llama/SumOrders.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace quipu::llama;

namespace {

std::string text(Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

/// A kernel that multiplies a weight, and the order in which it adds the products of a row.
struct User {
  KernelOp kernel;
  std::string order;
};

/// The order of a linear kernel. Kernels with one order give the same bits.
std::string orderOf(CpuLinearScheduleAttr schedule, LinearOp linear) {
  DotKind dot = schedule.getDot();
  std::string name = stringifyDotKind(dot).str();
  if (dot == DotKind::AmxBf16)
    return "as tiles of the hardware do (dot = " + name + ")";
  // Products of integers are exact, whatever instruction makes them, and each part's are added to those before.
  bool isRounded = linear.getInput().getDefiningOp<QuantizeOp>() != nullptr;
  std::string suffix = isRounded ? "" : " (dot = " + name + ")";
  auto parts = dyn_cast_or_null<RowPartsAttr>(linear.getWeight().getType().getEncoding());
  bool isInterleaved = parts && parts.getInterleave() > 1;
  if (schedule.getRows() == RowRegime::Many || schedule.getSums() == SumOrder::InOrder || isInterleaved)
    return "in the order of the inputs" + suffix;
  return "by the lanes of a vector" + suffix;
}

class Comparison {
public:
  explicit Comparison(ModuleOp module) {
    module.walk([&](LaunchOp launch) {
      auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
      if (why.empty() && kernel && !kernel.getBody().empty())
        add(launch, kernel);
    });
  }

  std::string why;

private:
  void add(LaunchOp launch, KernelOp kernel) {
    Block &body = kernel.getBody().front();
    if (auto attention = dyn_cast_or_null<CpuAttentionScheduleAttr>(kernel.getScheduleAttr()))
      return addAttention(kernel, attention);
    for (auto linear : body.getOps<LinearOp>()) {
      auto schedule = dyn_cast_or_null<CpuLinearScheduleAttr>(kernel.getScheduleAttr());
      if (!schedule) {
        why = ("@" + kernel.getSymName() + " has no schedule for a CPU").str();
        return;
      }
      if (WeightRefOp weight = weightOfProduct(launch, linear))
        addProduct(weight.getWeight(), linear, {kernel, orderOf(schedule, linear)});
    }
  }

  void addAttention(KernelOp kernel, CpuAttentionScheduleAttr schedule) {
    if (!firstAttention)
      firstAttention = kernel;
    auto first = cast<CpuAttentionScheduleAttr>(firstAttention.getScheduleAttr());
    if (first.getDot() != schedule.getDot() || first.getLanes() != schedule.getLanes())
      why = ("@" + firstAttention.getSymName() + " has dot = " + stringifyDotKind(first.getDot()) + " and " +
             Twine(first.getLanes()) + " lanes, and @" + kernel.getSymName() +
             " has dot = " + stringifyDotKind(schedule.getDot()) + " and " + Twine(schedule.getLanes()))
                .str();
  }

  void addProduct(StringRef weight, LinearOp linear, User user) {
    auto [place, isFirst] = users.try_emplace(weight, user);
    User &first = place->second;
    if (isFirst || first.order == user.order)
      return;
    std::string element = text(getElementTypeOrSelf(linear.getWeight().getType()));
    why = ("@" + first.kernel.getSymName() + " adds products of @" + weight + " (" + element + ") " + first.order +
           ", and @" + user.kernel.getSymName() + " " + user.order)
              .str();
  }

  SymbolTableCollection symbols;
  KernelOp firstAttention;
  llvm::StringMap<User> users;
};

} // namespace

WeightRefOp quipu::llama::weightOfProduct(LaunchOp launch, LinearOp linear) {
  auto argument = dyn_cast<BlockArgument>(linear.getWeight());
  if (!argument || argument.getOwner() != linear->getBlock() || argument.getArgNumber() >= launch.getOperands().size())
    return {};
  return launch.getOperands()[argument.getArgNumber()].getDefiningOp<WeightRefOp>();
}

std::string quipu::llama::whySumsDiffer(ModuleOp module) { return Comparison(module).why; }
