//===- ModuleOptions.cpp - Options that a module has fixed already ---------===//

#include "tools/quipu-compile/ModuleOptions.h"

#include "frontends/common/Layout.h"
#include "frontends/common/QuantizeMix.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/WeightTypes.h"
#include "runtime/support/Error.h"
#include "tools/quipu-compile/Phases.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::tool {

namespace {

class OptionCheck {
public:
  OptionCheck(ModuleOp module, const CompileOptions &options, const std::string &phase, const frontend::Model &model)
      : module(module), options(options), phase(phase), model(model) {}

  /// Which tensors are in blocks: --quantize or the model's files say it, and so does the module.
  void checkFormats() {
    std::optional<frontend::QuantizeMix> mix;
    if (!options.quantize.empty())
      mix = frontend::QuantizeMix::find(options.quantize);
    llvm::StringMap<const WeightFormat *> rounded;
    for (const frontend::ExpectedWeight &weight : frontend::expectedWeights(model.config))
      if (const WeightFormat *format = mix ? mix->formatOf(weight, model.config) : nullptr)
        rounded[weight.tensor] = format;
    for (auto weight : module.getOps<WeightOp>()) {
      const WeightFormat *own = weightFormatOf(cast<RankedTensorType>(weight.getType()).getElementType());
      for (unsigned i = 0; own && i < weight.getSources().size(); ++i)
        checkFormat(weight, *own, weight.getSource(i).getName().str(), rounded);
    }
  }

  /// The divisors of rotary frequencies, of which a model may have others for long contexts.
  void checkRope(uint32_t maxSeq) {
    RopeAttr found;
    module.walk([&](Operation *op) {
      if (auto rotary = dyn_cast<RotaryOp>(op))
        found = rotary.getRope();
      if (auto table = dyn_cast<RotaryTableOp>(op))
        found = table.getRope();
    });
    DenseF64ArrayAttr list = found ? found.getDivisors() : DenseF64ArrayAttr();
    ArrayRef<double> own = list ? list.asArrayRef() : ArrayRef<double>();
    if (found && own != ArrayRef<double>(model.config.rope.divisors))
      fail(options.module, ": has other rotary frequencies than ", options.model, " with ", maxSeq,
           " positions (rope_scaling has one set for short and one for long contexts): give --max-seq as when the "
           "module "
           "was made, or compile from the model");
  }

  /// On a GPU more sequences than a tile of rows need a program of their own.
  void checkBatch(frontend::DType compute) {
    std::vector<std::string> needed = programsOf(options.target, compute, options.maxBatch);
    if (needed.empty() || !isBehind("llama-specialize"))
      return;
    int64_t wanted = 0, most = 0;
    for (const std::string &text : needed)
      if (StringRef program = text; program.starts_with("decode"))
        wanted = std::max(wanted, lastRowOf(program));
    for (auto func : module.getOps<func::FuncOp>())
      if (auto program = func->getAttrOfType<ProgramAttr>(kProgramAttrName);
          program && program.getKind() == ProgramKind::Decode)
        most = std::max(most, program.getMaxRows());
    if (most < wanted)
      fail("--max-batch ", options.maxBatch, ": ", options.module, " (after ", phase,
           ") has decode programs for up to ", most, " sequences, and ", wanted,
           " rows are needed; give a module from before llama-specialize, or one that "
           "was made with this --max-batch");
  }

  /// Where each part of a row's positions has a block, there are blocks for so many positions alone.
  void checkPositions(uint32_t maxSeq) {
    for (auto kernel : module.getOps<KernelOp>()) {
      auto schedule = dyn_cast_or_null<CudaAttentionScheduleAttr>(kernel.getScheduleAttr());
      for (; schedule; schedule = schedule.getLoneSchedule()) {
        int64_t most = schedule.getPart() * schedule.getSplits();
        if (schedule.getSplits() > 1 && schedule.getPart() > 0 && most < maxSeq)
          fail("--max-seq ", maxSeq, ": in ", options.module, " (after ", phase, ") @", kernel.getSymName().str(),
               " has blocks for ", most,
               " positions of a sequence; give a module from before llama-select-schedules, or one that was made with "
               "this --max-seq");
      }
    }
  }

  /// Inputs of products with blocks that were not rounded stay so.
  void checkActivations() {
    if (!options.isActivationsGiven || options.activations == "exact" || !isBehind("llama-quantize-activations") ||
        !roundsActivations(options.target, /*exact=*/false))
      return;
    bool isRounded = module->walk([](QuantizeOp) { return WalkResult::interrupt(); }).wasInterrupted();
    bool hasBlocks = llvm::any_of(module.getOps<WeightOp>(), [](WeightOp weight) {
      const WeightFormat *format = weightFormatOf(cast<RankedTensorType>(weight.getType()).getElementType());
      return format && format->block && weight.getRole() == WeightRole::Matrix;
    });
    if (hasBlocks && !isRounded)
      fail("--activations rounded: ", options.module, " (after ", phase,
           ") rounds none; give a module from before llama-quantize-activations, or leave the option out");
  }

private:
  bool isBehind(const std::string &other) const {
    std::vector<std::string> names = phaseNames();
    return std::ranges::find(names, phase) >= std::ranges::find(names, other);
  }

  /// 64 of "decode:decode64:9-64".
  static int64_t lastRowOf(StringRef program) {
    int64_t last = 0;
    program.rsplit('-').second.getAsInteger(10, last);
    return last;
  }

  void checkFormat(WeightOp weight, const WeightFormat &own, const std::string &tensor,
                   const llvm::StringMap<const WeightFormat *> &rounded) const {
    std::string symbol = weight.getSymName().str();
    if (const WeightFormat *format = rounded.lookup(tensor)) {
      if (format != &own)
        fail("--quantize ", options.quantize, ": ", options.module, " has weight @", symbol, " in ", own.name,
             ", and the option rounds it to ", format->name,
             "; give the --quantize that the module was made with, or compile from the model");
      return;
    }
    const frontend::WeightEntry *entry = model.weights ? model.weights->find(tensor) : nullptr;
    // Random weights can be made in every format. Blocks of a file can become numbers, but not the other way.
    if (own.block && entry && entry->format != &own)
      fail(options.module, ": has weight @", symbol, " in ", own.name, ", and ", options.model, " has it in ",
           entry->format->name, "; give --quantize as when the module was made, or the model that it was made of");
  }

  ModuleOp module;
  const CompileOptions &options;
  const std::string &phase;
  const frontend::Model &model;
};

} // namespace

void checkModuleOptions(ModuleOp module, const CompileOptions &options, const std::string &phase,
                        const frontend::Model &model, bool hasTwoRopes, uint32_t maxSeq, frontend::DType compute) {
  OptionCheck check(module, options, phase, model);
  check.checkFormats();
  if (hasTwoRopes)
    check.checkRope(maxSeq);
  check.checkBatch(compute);
  check.checkPositions(maxSeq);
  check.checkActivations();
}

} // namespace quipu::tool
