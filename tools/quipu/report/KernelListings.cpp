//===- KernelListings.cpp - The machine code of all kernels, for a page -------------------===//

#include "tools/quipu/report/KernelListings.h"

#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/inspect/Listing.h"
#include "tools/quipu/report/ScriptText.h"

#include <algorithm>
#include <string>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// Longer listings are cut: nobody reads them in a page, and `inspect --kernel` shows them whole.
static constexpr size_t kMostLines = 6000;

static std::string textOf(const std::vector<ListedLine> &lines, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i)
    text += concat(lines[i].line, "\t", lines[i].text, "\n");
  return text;
}

static Json listingOf(const std::vector<ListedLine> &lines, size_t budget) {
  size_t shown = std::min(lines.size(), kMostLines);
  std::string packed = base64(compressText(textOf(lines, shown)));
  while (packed.size() > budget && shown > 0) {
    shown /= 2;
    packed = base64(compressText(textOf(lines, shown)));
  }
  return {{"lines", lines.size()}, {"shown", shown}, {"text", packed}};
}

Json kernelListings(const PlanFile &plan, size_t budget) {
  std::string form(machineForm(plan));
  Json kernels = Json::object(), problem = nullptr;
  const auto &all = *plan.plan().kernels();
  size_t left = budget;
  try {
    for (size_t i = 0; i < all.size(); ++i) {
      std::string name = all[i]->name()->str();
      // What short kernels leave is for those behind them.
      Json listing = listingOf(listKernel(plan, name, form), left / (all.size() - i));
      left -= std::min(left, listing["text"].get_ref<const std::string &>().size());
      kernels[name] = std::move(listing);
    }
  } catch (const Error &error) {
    // A disassembler that is not installed.
    problem = error.what();
  }
  return {{"form", form}, {"kernels", kernels}, {"problem", problem}};
}

} // namespace quipu::tool
