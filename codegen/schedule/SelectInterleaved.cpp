//===- SelectInterleaved.cpp - Weights whose rows lie interleaved -------------===//
//
// A product of integers over few rows that has a row of the weight in each lane needs no sums over lanes, and reads the
// weight as few streams. So rows of weights in blocks lie interleaved wherever all kernels that read them can do so,
// and few rows gain more by it than many rows lose. Embeddings that are the weight of the LM head too are among them.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/IntegerDots.h"
#include "codegen/cpu/InterleavedWeight.h"
#include "codegen/schedule/SelectCpu.h"

#include "ir/Llama/Decisions.h"
#include "mlir/IR/TypeUtilities.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

class InterleavedSelector {
public:
  InterleavedSelector(ModuleOp module, const cpu::CpuTarget &target, const LlamaSelectSchedulesOptions &tuning)
      : module(module), tuning(tuning), lanes(target.lanes()), hasInt8Dot(target.hasInt8Dot()),
        why(whyInOrder(target)) {}

  llvm::StringSet<> choose() {
    findUsers();
    llvm::StringSet<> chosen;
    for (auto weight : module.getOps<WeightOp>()) {
      auto block = dyn_cast<BlockType>(getElementTypeOrSelf(weight.getType()));
      if (!block)
        continue;
      std::string whyNot = whyInOrder(weight, *block.getFormat());
      if (whyNot.empty())
        whyNot = whyOfUsers.lookup(weight.getSymName());
      if (whyNot.empty() && !multiplied.contains(weight.getSymName()))
        whyNot = "no kernel multiplies it";
      std::string candidate = ("interleave = " + Twine(lanes)).str();
      if (!whyNot.empty()) {
        QUIPU_CHOICE(Refused, weight, "layout", candidate) << whyNot;
        continue;
      }
      QUIPU_CHOICE(Chosen, weight, "layout", candidate) << "a lane has a row of the weight, which is one stream then";
      chosen.insert(weight.getSymName());
    }
    return chosen;
  }

private:
  /// Why the rows of all weights lie in order. Empty: some may lie interleaved.
  StringRef whyInOrder(const cpu::CpuTarget &target) const {
    if (tuning.interleave == 1)
      return "an option asks for rows in order";
    if (tuning.fewRun % lanes)
      return "a run over few rows, which an option asks for, would divide the rows that lie interleaved";
    // Tiles of the hardware have all interleaved rows, other tiles halves of them at most.
    if (tuning.run &&
        (target.hasAmxInt8() ? tuning.run != lanes : 2 * tuning.run > lanes || !llvm::isPowerOf2_64(tuning.run)))
      return "a run over many rows, which an option asks for, would divide the rows that lie interleaved";
    return target.hasInt8Dot() || lanes == 8 ? "" : "the target has no products of bytes in its vectors";
  }

  /// Why the rows of a weight lie in order, whoever reads them. Empty: they can lie interleaved.
  std::string whyInOrder(WeightOp weight, const WeightFormat &format) {
    if (!why.empty())
      return why.str();
    if (!cpu::InterleavedWeight::canRead(format))
      return ("blocks of " + Twine(format.name) + " have no words of four").str();
    // Many rows decode such blocks for longer. Few rows gain more than that takes only where products of pairs take
    // many instructions anyway (docs/performance.md).
    if (format.block->scaleRun < cpu::kIntegersTogether && hasInt8Dot)
      return ("blocks of " + Twine(format.name) +
              " have scales for fewer than 32 values, whose decoding for many rows takes what few rows gain")
          .str();
    for (int64_t rows : weight.getRowCounts())
      if (rows % lanes)
        return (Twine(rows) + " rows are no multiple of " + Twine(lanes)).str();
    return {};
  }

  /// Notes for each weight who reads it.
  void findUsers() {
    SymbolTableCollection symbols;
    module.walk([&](LaunchOp launch) {
      auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
      for (auto [argument, operand] : llvm::zip_equal(kernel.getBody().getArguments(), launch.getOperands())) {
        auto reference = operand.getDefiningOp<WeightRefOp>();
        if (!reference)
          continue;
        if (std::string reason = whyInOrder(kernel, argument); !reason.empty())
          whyOfUsers.try_emplace(reference.getWeight(), reason);
        if (llvm::any_of(argument.getUsers(), llvm::IsaPred<LinearOp>))
          multiplied.insert(reference.getWeight());
      }
    });
  }

  std::string whyInOrder(KernelOp kernel, Value weight) {
    std::string name = ("@" + kernel.getSymName()).str();
    for (Operation *user : weight.getUsers()) {
      // A row that a token selects is decoded by itself, whatever lies between its words.
      if (isa<EmbeddingOp>(user))
        continue;
      auto linear = dyn_cast<LinearOp>(user);
      if (!linear || linear.getWeight() != weight || !linear.getInput().getDefiningOp<QuantizeOp>())
        return name + " does not multiply integers with it";
    }
    for (auto rotate : kernel.getOps<RotateOp>())
      if (rotate.getHeadDim() / 2 % std::max(lanes, tuning.fewRun))
        return name + " turns heads whose halves are no whole vectors";
    return {};
  }

  ModuleOp module;
  const LlamaSelectSchedulesOptions &tuning;
  int64_t lanes;
  bool hasInt8Dot;
  /// Why no weight has interleaved rows. Empty: some may have.
  StringRef why;
  /// For each weight that a kernel wants in order, why. And the weights that kernels multiply.
  llvm::StringMap<std::string> whyOfUsers;
  llvm::StringSet<> multiplied;
};

} // namespace

llvm::StringSet<> chooseInterleavedWeights(ModuleOp module, const cpu::CpuTarget &target,
                                           const LlamaSelectSchedulesOptions &tuning) {
  return InterleavedSelector(module, target, tuning).choose();
}

} // namespace quipu::codegen
