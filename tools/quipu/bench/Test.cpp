//===- Test.cpp - One thing that bench measures ------------------------------------------===//

#include "tools/quipu/bench/Test.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"

namespace quipu::tool {

std::string BenchTest::name() const {
  std::string text = prompt ? concat("pp", prompt) : "";
  if (generated)
    text += concat(prompt ? "+" : "", "tg", generated);
  if (scored)
    text += concat("sc", scored);
  return text + (depth ? concat("@d", depth) : "") + (batch > 1 ? concat(" b", batch) : "");
}

std::vector<BenchTest> testsOf(const BenchLists &lists) {
  std::vector<BenchTest> tests;
  auto add = [&](BenchTest test) {
    if (test.tokens())
      tests.push_back(test);
  };
  for (uint32_t batch : lists.batches)
    for (uint32_t depth : lists.depths) {
      for (uint32_t prompt : lists.prompts)
        add({prompt, 0, depth, batch});
      for (uint32_t generated : lists.generated)
        add({0, generated, depth, batch});
      for (uint32_t scored : lists.scored)
        add({0, 0, depth, batch, scored});
      for (auto [prompt, generated] : lists.pairs)
        add({prompt, generated, depth, batch});
    }
  return tests;
}

std::string scatterWarning(const BenchRow &row) {
  if (row.rate.scatter() <= kMostScatter)
    return "";
  return concat(
      "warning: ", row.test.name(), ": the runs scatter by ", fixed(100 * row.rate.scatter(), 0), " % (",
      fixed(row.rate.min, 1), " to ", fixed(row.rate.max, 1),
      " tok/s): something else uses the machine, or its clock changes; end other programs, or take the median "
      "of more runs (-r)");
}

} // namespace quipu::tool
