//===- KernelTunings.cpp - Numbers that single kernels are tuned to ----------===//

#include "codegen/schedule/KernelTunings.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

using Options = LlamaSelectSchedulesOptions;

struct TunedNumber {
  StringRef name;
  int64_t Options::*value;
};

constexpr TunedNumber kNumbers[] = {{"run", &Options::run},
                                    {"vectors", &Options::vectors},
                                    {"row-tiles", &Options::rowTiles},
                                    {"few-run", &Options::fewRun},
                                    {"streams", &Options::streams},
                                    {"prefetch", &Options::prefetch},
                                    {"rows", &Options::rows},
                                    {"warps", &Options::warps},
                                    {"ahead", &Options::ahead},
                                    {"ring-depth", &Options::ringDepth},
                                    {"ring-stages", &Options::ringStages},
                                    {"ring-after-wait", &Options::ringAfterWait},
                                    {"ring-in-flight-before-wait", &Options::ringInFlightBeforeWait},
                                    {"ring-in-flight", &Options::ringInFlight},
                                    {"stages", &Options::stages},
                                    {"cluster", &Options::cluster},
                                    {"splits", &Options::splits},
                                    {"keys", &Options::keys}};

llvm::Error wrong(const Twine &message) { return llvm::createStringError(message); }

/// The numbers that a schedule has.
SmallVector<StringRef> numbersOf(Attribute schedule) {
  if (auto linear = dyn_cast<CpuLinearScheduleAttr>(schedule))
    return linear.getRows() == RowRegime::Few ? SmallVector<StringRef>{"few-run", "streams", "prefetch"}
                                              : SmallVector<StringRef>{"run", "vectors", "row-tiles"};
  if (isa<CudaLinearRingScheduleAttr>(schedule))
    return {"ring-depth", "ring-stages", "ring-after-wait", "ring-in-flight-before-wait", "ring-in-flight"};
  if (isa<CudaLinearFewScheduleAttr>(schedule))
    return {"warps", "ahead"};
  if (auto many = dyn_cast<CudaLinearManyScheduleAttr>(schedule); many && many.getDot() == CudaDot::Wgmma)
    return {"rows", "stages", "cluster"};
  if (auto attention = dyn_cast<CudaAttentionScheduleAttr>(schedule);
      attention && attention.getRegime() == RowRegime::Few)
    return {"splits", "keys"};
  return {};
}

} // namespace

llvm::Expected<KernelTunings> KernelTunings::parse(const Options &common, const Target &target) {
  KernelTunings tunings;
  tunings.common = common;
  for (StringRef text : common.tuned) {
    SmallVector<StringRef> words;
    text.split(words, ':');
    if (words.size() < 2 || words.front().empty())
      return wrong("option tuned has '" + text + "'; it must be KERNEL:NAME=NUMBER:..., as decode.qkv:few-run=4");
    StringRef name = words.front();
    auto [kernel, isNew] = tunings.kernels.try_emplace(name, Kernel{common, {}});
    if (!isNew)
      return wrong("option tuned has kernel " + name + " twice");
    for (StringRef word : ArrayRef(words).drop_front()) {
      auto [key, digits] = word.split('=');
      const TunedNumber *number =
          llvm::find_if(kNumbers, [key = key](const TunedNumber &each) { return each.name == key; });
      int64_t value = 0;
      if (number == std::end(kNumbers))
        return wrong("kernel " + name + " is tuned to " + word + "; numbers are " +
                     llvm::join(llvm::map_range(kNumbers, [](const TunedNumber &each) { return each.name; }), ", "));
      if (digits.getAsInteger(10, value))
        return wrong("kernel " + name + " is tuned to " + word + ", which is no number");
      kernel->second.options.*number->value = value;
      kernel->second.names.push_back(key.str());
    }
    if (llvm::Error error = checkScheduleOptions(kernel->second.options, target))
      return wrong("kernel " + name + ": " + llvm::toString(std::move(error)));
  }
  return tunings;
}

const Options &KernelTunings::of(KernelOp kernel) const {
  auto found = kernels.find(kernel.getSymName());
  return found == kernels.end() ? common : found->second.options;
}

LogicalResult KernelTunings::check(ModuleOp module) const {
  for (const std::string &text : common.tuned) {
    StringRef name = StringRef(text).split(':').first;
    auto kernel = dyn_cast_or_null<KernelOp>(SymbolTable::lookupSymbolIn(module, name));
    if (!kernel)
      return module.emitError() << "no kernel is called @" << name << ", which option tuned has numbers for";
    Attribute schedule = kernel.getScheduleAttr();
    if (!schedule)
      continue;
    SmallVector<StringRef> known = numbersOf(schedule);
    for (const std::string &number : kernels.find(name)->second.names)
      if (!llvm::is_contained(known, number))
        return kernel.emitError() << "@" << name << " is tuned to a number " << number << ", and its schedule "
                                  << schedule << " has "
                                  << (known.empty() ? std::string("none") : llvm::join(known, ", "));
  }
  return success();
}

} // namespace quipu::codegen
