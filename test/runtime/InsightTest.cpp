//===- InsightTest.cpp: what a plan says about its compilation ----------------------------===//

#include "runtime/plan/Insight.h"
#include "test/runtime/ToyPlan.h"

using namespace quipu;
using namespace quipu::test;

namespace {

plan::InsightT insight(const std::string &source, const std::string &record) {
  plan::InsightT table;
  table.source = compressText(source);
  table.record = compressText(record);
  auto phase = std::make_unique<plan::PhaseTextT>();
  phase->name = "import";
  phase->text = compressText("module {}\n");
  table.phases.push_back(std::move(phase));
  return table;
}

std::shared_ptr<const PlanFile> planWith(const plan::InsightT &table) {
  plan::PlanT plan = toyPlan();
  plan.insight = std::make_unique<plan::InsightT>(table);
  return PlanFile::fromMemory(planBytes(packPlan(plan)), "some.plan");
}

} // namespace

TEST(Insight, TextsComeBack) {
  // Longer than what is uncompressed at a time.
  std::string source(200000, 'x');
  for (size_t i = 0; i < source.size(); i += 7)
    source[i] = char('a' + i % 26);
  auto plan = planWith(insight(source, "{}"));
  ASSERT_TRUE(Insight::isIn(*plan));
  Insight kept = Insight::of(*plan);
  EXPECT_EQ(kept.source(), source);
  EXPECT_EQ(kept.record(), "{}");
  EXPECT_EQ(kept.phases(), std::vector<std::string>{"import"});
  EXPECT_EQ(kept.phase("import"), "module {}\n");
  EXPECT_EQ(errorOf([&] { (void)kept.phase("codegen"); }),
            "some.plan: has no module after a phase 'codegen'; phases: import");
}

TEST(Insight, EmptyText) { EXPECT_EQ(Insight::of(*planWith(insight("", ""))).source(), ""); }

TEST(Insight, PlanWithout) {
  auto plan = PlanFile::fromMemory(planBytes(packPlan(toyPlan())), "some.plan");
  EXPECT_FALSE(Insight::isIn(*plan));
  EXPECT_EQ(errorOf([&] { (void)Insight::of(*plan); }),
            "some.plan: holds no IR of its compilation; compile again with --keep-ir, or give the model");
}

TEST(Insight, DamagedTexts) {
  plan::InsightT table = insight("a text", "{}");
  table.source.resize(table.source.size() / 2);
  EXPECT_EQ(errorOf([&] { (void)Insight::of(*planWith(table)).source(); }),
            "some.plan: insight: the source is damaged; compile again");
  table.record = {1, 2, 3};
  EXPECT_EQ(errorOf([&] { (void)Insight::of(*planWith(table)).record(); }),
            "some.plan: insight: the record is damaged; compile again");
}
