//===- TraceOptions.cpp - The options of inspect that trace code --------------------------===//

#include "tools/quipu/inspect/TraceOptions.h"

#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/inspect/Trace.h"

namespace quipu::tool {

void TraceOptions::addOptions(CLI::App &command) {
  command
      .add_option("--origin", origin,
                  "Print where a field of the config stands (num_key_value_heads), and the instructions that come "
                  "from it (of a plan that was compiled with --keep-ir, or of a model)")
      ->type_name("FIELD");
  command
      .add_option("--address", address,
                  "Print what the instruction at this address comes from: op, place, fields of the config, tensors "
                  "(decode.qkv+0x40, as perf and gdb say it)")
      ->type_name("SYMBOL+OFFSET");
  command.add_flag("--with-source", withSource,
                   "With --kernel: print beside each instruction the op that it is made of");
}

void TraceOptions::check(const std::string &kernel) const {
  if (withSource && kernel.empty())
    throw UsageError("--with-source says how a kernel is shown; name it with --kernel");
  if (!origin.empty() && !address.empty())
    throw UsageError("give one of --origin and --address");
}

std::string TraceOptions::text(const PlanFile &plan, bool json) const {
  if (json)
    return jsonText(origin.empty() ? addressJson(plan, address) : originJson(plan, origin)) + "\n";
  return origin.empty() ? addressText(plan, address) : originText(plan, origin);
}

} // namespace quipu::tool
