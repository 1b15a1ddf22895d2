//===- Targets.cpp - What is fuzzed --------------------------------------------------------===//

#include "Targets.h"

#include <algorithm>
#include <functional>

namespace quipu::test {

const std::vector<FuzzTarget> &fuzzTargets() {
  static const auto all = [] {
    std::vector<FuzzTarget> targets;
    for (std::span<const FuzzTarget> some :
         {modelTargets(), tokenizerTargets(), planTargets(), chatTargets(), scoreTargets(), serveTargets()})
      targets.insert(targets.end(), some.begin(), some.end());
    std::ranges::sort(targets, std::less<std::string_view>(), &FuzzTarget::name);
    return targets;
  }();
  return all;
}

const FuzzTarget *findFuzzTarget(std::string_view name) {
  auto found = std::ranges::find(fuzzTargets(), name, &FuzzTarget::name);
  return found == fuzzTargets().end() ? nullptr : &*found;
}

} // namespace quipu::test
