//===- SumOrders.cpp - Whether all programs add in one order ------------------===//

#include "ir/Llama/SumOrders.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::llama;

namespace {

std::string text(Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

/// A schedule whose numbers all tell in which order a kernel adds.
std::string asSchedule(Attribute schedule) {
  std::string result = "as ";
  llvm::raw_string_ostream(result) << schedule;
  return result;
}

/// The order in which a linear kernel adds the products of a row. Kernels with one order give the same bits.
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

/// With fma a lane has one sum of its part of the inputs. With mma it has several, which the loads in flight divide.
std::string orderOf(CudaLinearFewScheduleAttr schedule) {
  if (schedule.getDot() == CudaDot::Mma)
    return asSchedule(schedule);
  return ("by " + Twine(schedule.getWarps()) + " warps that divide the inputs (dot = fma, scaleAfter = " +
          (schedule.getScaleAfter() ? "true" : "false") + ")")
      .str();
}

/// Tensor cores add 16 products at a time, and these to the sum before, whatever the tiles are.
std::string orderOf(CudaLinearManyScheduleAttr schedule) {
  return ("in steps of 16 inputs (dot = " + stringifyCudaDot(schedule.getDot()) + ")").str();
}

std::string productOrderOf(Attribute schedule, LinearOp linear) {
  return TypeSwitch<Attribute, std::string>(schedule)
      .Case([&](CpuLinearScheduleAttr cpu) { return orderOf(cpu, linear); })
      .Case<CudaLinearFewScheduleAttr, CudaLinearManyScheduleAttr>([](auto cuda) { return orderOf(cuda); })
      .Default(asSchedule);
}

/// The order in which a kernel that ends in llama.log_prob adds the exponentials of a row's logits.
std::string scoreOrderOf(Attribute schedule) {
  auto many = dyn_cast<CudaLinearManyScheduleAttr>(schedule);
  return many && many.getWeightFirst() ? "by tiles of the weight, the first operand" : asSchedule(schedule);
}

std::string orderOf(CudaAttentionScheduleAttr schedule) {
  if (schedule.getRegime() == RowRegime::Few)
    return asSchedule(schedule);
  std::string order = ("in tiles of " + Twine(schedule.getKeys()) + " keys").str();
  return schedule.getPart() ? order + (" in parts of " + Twine(schedule.getPart())).str() : order;
}

/// Sees that all kernels that do the same to a row add in one order.
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
  /// A kernel, and the order in which it adds.
  struct User {
    KernelOp kernel;
    std::string order;
  };

  void add(LaunchOp launch, KernelOp kernel) {
    Attribute schedule = kernel.getScheduleAttr();
    Block &body = kernel.getBody().front();
    for (auto linear : body.getOps<LinearOp>()) {
      if (!schedule) {
        why = ("@" + kernel.getSymName() + " has no schedule").str();
        return;
      }
      WeightRefOp weight = weightOfProduct(launch, linear);
      if (!weight)
        continue;
      std::string name = ("@" + weight.getWeight()).str();
      std::string element = text(getElementTypeOrSelf(linear.getWeight().getType()));
      compare(("products of " + Twine(name) + " (" + element + ")").str(), {kernel, productOrderOf(schedule, linear)});
      // On a CPU a score is made of stored logits, in one way.
      if (!body.getOps<LogProbOp>().empty() && !isa<CpuLinearScheduleAttr>(schedule))
        compare("exponentials of logits of " + name, {kernel, scoreOrderOf(schedule)});
    }
    if (auto attention = dyn_cast_or_null<CpuAttentionScheduleAttr>(schedule))
      compare(kAttention, {kernel, ("with dot = " + stringifyDotKind(attention.getDot()) + " and " +
                                    Twine(attention.getLanes()) + " lanes")
                                       .str()});
    if (auto attention = dyn_cast_or_null<CudaAttentionScheduleAttr>(schedule)) {
      compare(kAttention, {kernel, orderOf(attention)});
      if (CudaAttentionScheduleAttr lone = attention.getLoneSchedule())
        compare(kAttention, {kernel, orderOf(lone)});
    }
    if (auto pointwise = dyn_cast_or_null<CudaPointwiseScheduleAttr>(schedule);
        pointwise && !body.getOps<RMSNormOp>().empty())
      compare("squares of a norm", {kernel, ("by " + Twine(pointwise.getThreads()) + " threads").str()});
  }

  /// Notes who adds `what`, and the first whose order differs.
  void compare(const std::string &what, User user) {
    auto [place, isFirst] = users.try_emplace(what, user);
    User &first = place->second;
    if (isFirst || first.order == user.order || !why.empty())
      return;
    why = ("@" + first.kernel.getSymName() + " adds " + what + " " + first.order + ", and @" +
           user.kernel.getSymName() + " " + user.order)
              .str();
  }

  static constexpr const char *kAttention = "what attention weighs";

  SymbolTableCollection symbols;
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
