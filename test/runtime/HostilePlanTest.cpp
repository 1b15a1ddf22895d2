//===- HostilePlanTest.cpp: plans made to break the reader -------------------------------===//

#include "runtime/core/Session.h"
#include "test/runtime/ToyPlan.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <random>

using namespace quipu;
using namespace quipu::test;

namespace {

/// Numbers that sit at the edges of checks.
uint32_t edge(std::mt19937 &random) {
  static const uint32_t edges[] = {0,   1,    2,     7,     63,         64,         255,
                                   256, 4096, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff};
  return edges[random() % std::size(edges)];
}

void mutate(std::vector<uint8_t> &payload, size_t keepFrom, size_t keepTo, std::mt19937 &random) {
  for (uint32_t i = 0, count = 1 + random() % 6; i < count; ++i) {
    // A place outside of what is kept, with room for eight bytes.
    size_t before = keepFrom - 8;
    size_t at = random() % (before + payload.size() - keepTo);
    at = at < before ? at : at - before + keepTo;
    switch (random() % 4) {
    case 0:
      payload[at] = uint8_t(random());
      break;
    case 1:
      payload[at] ^= uint8_t(1 << random() % 8);
      break;
    case 2:
      at = std::max(at & ~size_t(3), at < keepTo ? 0 : keepTo);
      if (at + 4 <= payload.size()) {
        uint32_t value = edge(random);
        memcpy(payload.data() + at, &value, 4);
      }
      break;
    case 3:
      at = std::max(at & ~size_t(7), at < keepTo ? 0 : keepTo);
      if (at + 8 <= payload.size()) {
        uint64_t value = uint64_t(edge(random)) << 32 | edge(random);
        memcpy(payload.data() + at, &value, 8);
      }
      break;
    }
  }
}

} // namespace

// Test: a FlatBuffer altered anywhere, with a hash that is right again, is refused with an Error or loads; the process
// survives. What the plan holds as machine code stays: code that is let in may do anything, as in any program.
TEST(HostilePlan, Mutations) {
  plan::PlanT plan = toyPlan();
  addScorePrograms(plan);
  plan.config->name = "toy";
  std::vector<uint8_t> good = packPlan(plan);
  const plan::Plan *root = plan::GetPlan(good.data());
  size_t codeBegin = size_t(root->modules()->Get(0)->bytes()->data() - good.data());
  size_t codeEnd = codeBegin + root->modules()->Get(0)->bytes()->size();
  ModelOptions options;
  options.threads = 1;
  options.weights = WeightSource::random(1);
  // Another seed looks elsewhere: QUIPU_FUZZ_SEED=N.
  const char *seed = getenv("QUIPU_FUZZ_SEED");
  std::mt19937 random(seed ? unsigned(atoi(seed)) : 11);
  int loaded = 0, refused = 0;
  constexpr int rounds = 6000;
  for (int round = 0; round < rounds; ++round) {
    std::vector<uint8_t> payload = good;
    mutate(payload, codeBegin - 4, codeEnd, random);
    try {
      auto file = PlanFile::fromMemory(planBytes(payload), "hostile.plan");
      double elements = 0;
      for (const plan::Weight *weight : *file->plan().weights()) {
        double count = 1;
        for (uint64_t dim : *weight->shape())
          count *= double(dim);
        elements += count;
      }
      // Sizes that are allowed but would only take time here.
      if (elements > 1 << 24)
        continue;
      Session session(Model::load(file, options));
      session.addSequence();
      ++loaded;
    } catch (const Error &) {
      ++refused;
    }
  }
  // Both ways were really taken.
  EXPECT_GT(loaded, rounds / 50);
  EXPECT_GT(refused, rounds / 4);
}
