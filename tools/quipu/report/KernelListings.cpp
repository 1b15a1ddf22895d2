//===- KernelListings.cpp - The machine code of all kernels, for a page -------------------===//

#include "tools/quipu/report/KernelListings.h"

#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/inspect/Listing.h"
#include "tools/quipu/report/ScriptText.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
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
  BestForms forms(plan);
  Json kernels = Json::object();
  const auto &all = *plan.plan().kernels();
  size_t left = budget;
  for (size_t i = 0; i < all.size(); ++i) {
    std::string name = all[i]->name()->str();
    std::string_view form;
    std::optional<std::vector<ListedLine>> lines = forms.list(name, form);
    if (!lines)
      continue;
    // What short kernels leave is for those behind them.
    Json listing = {{"form", form}};
    listing.update(listingOf(*lines, left / (all.size() - i)));
    left -= std::min(left, listing["text"].get_ref<const std::string &>().size());
    kernels[name] = std::move(listing);
  }
  return {{"kernels", kernels}, {"problem", forms.problem().empty() ? Json(nullptr) : Json(forms.problem())}};
}

} // namespace quipu::tool
