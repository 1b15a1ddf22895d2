//===- InspectTest.cpp: diffs of folded modules, their graphs, and arenas over time ----------===//

#include "test/runtime/KeptPlan.h"
#include "tools/quipu/inspect/ArenaMap.h"
#include "tools/quipu/inspect/CostView.h"
#include "tools/quipu/inspect/FoldedScope.h"
#include "tools/quipu/inspect/GraphDot.h"
#include "tools/quipu/inspect/LineDiff.h"
#include "tools/quipu/inspect/ListedLines.h"
#include "tools/quipu/inspect/ModuleDiff.h"
#include "tools/quipu/inspect/NetronText.h"

#include <gmock/gmock.h>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

std::vector<std::string> numbers(int first, int last) {
  std::vector<std::string> lines;
  for (int i = first; i <= last; ++i)
    lines.push_back(std::to_string(i));
  return lines;
}

Json phase(const std::string &name, const std::vector<Json> &parts) { return {{"name", name}, {"parts", parts}}; }

} // namespace

TEST(LineDiff, EqualLists) {
  EXPECT_THAT(diffLines({}, {}), IsEmpty());
  EXPECT_THAT(diffLines(numbers(1, 9), numbers(1, 9)), IsEmpty());
}

TEST(LineDiff, OneLineOfMany) {
  std::vector<std::string> after = numbers(1, 20);
  after[9] = "ten";
  std::vector<DiffHunk> hunks = diffLines(numbers(1, 20), after);
  ASSERT_EQ(hunks.size(), 1u);
  EXPECT_EQ(hunks[0].before, 7u);
  EXPECT_EQ(hunks[0].after, 7u);
  EXPECT_EQ(hunks[0].linesBefore, 7u);
  EXPECT_EQ(hunks[0].linesAfter, 7u);
  EXPECT_THAT(hunks[0].lines, ElementsAre(" 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13"));
}

TEST(LineDiff, ChangesNearEachOtherAreOneHunk) {
  std::vector<std::string> after = numbers(1, 30);
  after.erase(after.begin() + 4);
  after[10] = "x"; // the line 12; 6 equal lines lie between
  after[25] = "y"; // the line 27
  std::vector<DiffHunk> hunks = diffLines(numbers(1, 30), after);
  ASSERT_EQ(hunks.size(), 2u);
  EXPECT_EQ(hunks[0].before, 2u);
  EXPECT_EQ(hunks[0].linesBefore, 14u);
  EXPECT_EQ(hunks[0].linesAfter, 13u);
  EXPECT_EQ(hunks[1].before, 24u);
  EXPECT_EQ(hunks[1].after, 23u);
}

TEST(LineDiff, OneSideIsEmpty) {
  std::vector<DiffHunk> hunks = diffLines({}, numbers(1, 2));
  ASSERT_EQ(hunks.size(), 1u);
  EXPECT_EQ(hunks[0].before, 0u);
  EXPECT_EQ(hunks[0].linesBefore, 0u);
  EXPECT_EQ(hunks[0].after, 1u);
  EXPECT_THAT(hunks[0].lines, ElementsAre("+1", "+2"));
}

TEST(ModuleDiff, OnlyTheLayerDiffers) {
  Json before = phase("a", {foldedFunction("f", {foldedOp("llama.mlp", "%y", {"%in"})})});
  Json after =
      phase("b", {foldedFunction("f", {foldedOp("llama.up", "%u", {"%in"}), foldedOp("llama.down", "%y", {"%u"})})});
  Json diff = moduleDiffJson(before, after);
  EXPECT_EQ(diff["same"].size(), 0u);
  ASSERT_EQ(diff["parts"].size(), 1u);
  EXPECT_EQ(moduleDiffText(diff), R"(--- function f after a
+++ function f after b
@@ -2,7 +2,8 @@
   %x = llama.embed %tokens
   // layers 0-1, 2 alike
   // %in is %x, then %y of the layer before
-  %y = llama.mlp %in
+  %u = llama.up %in
+  %y = llama.down %u
   // end of layers
   llama.head %y
 }

)");
}

TEST(ModuleDiff, CopiesWithOtherNames) {
  Json kernel = {{"kind", "kernel"}, {"name", "f.k"}, {"head", "llama.kernel @f.k()"}, {"groups", Json::array()}};
  Json copy = kernel, changed = kernel;
  copy["name"] = "decode.k";
  copy["head"] = "llama.kernel @decode.k()";
  changed["name"] = "prefill.k";
  changed["head"] = "llama.kernel @prefill.k() attributes {rows = 8}";
  Json diff = moduleDiffJson(phase("a", {kernel}), phase("b", {copy, changed}));
  EXPECT_EQ(diff["renamed"], Json::parse(R"([{"kind": "kernel", "before": "f.k", "after": "decode.k"}])"));
  ASSERT_EQ(diff["parts"].size(), 1u);
  EXPECT_EQ(diff["parts"][0]["before"], "f.k");
  EXPECT_EQ(diff["parts"][0]["after"], "prefill.k");
  // What has gone is all minus.
  diff = moduleDiffJson(phase("a", {kernel}), phase("b", {}));
  EXPECT_THAT(moduleDiffText(diff), HasSubstr("--- kernel f.k after a\n+++ /dev/null\n@@ -1,2 +0,0 @@\n"));
}

TEST(ModuleDiff, NamesOfLayers) {
  EXPECT_EQ(alikeLayersText({3}), "layer 3");
  EXPECT_EQ(alikeLayersText({0, 1, 2}), "layers 0-2, 3 alike");
  EXPECT_EQ(alikeLayersText({0, 2, 4}), "layers 0,2,4, 3 alike");
}

TEST(FoldedScope, LayersReadTheLayerBefore) {
  Json part = foldedFunction("f", {foldedOp("llama.mlp", "%y", {"%in"})});
  std::vector<FoldedOp> ops = unfold(part);
  ASSERT_EQ(ops.size(), 4u);
  FoldedScope scope(part);
  scope.enter(ops[0]);
  EXPECT_EQ(scope.source("%tokens"), std::nullopt);
  scope.enter(ops[1]);
  EXPECT_EQ(scope.source("%in"), ops[0]);
  EXPECT_EQ(scope.nameAtSource("%in"), "%x");
  scope.enter(ops[2]);
  EXPECT_EQ(scope.source("%in"), ops[1]);
  EXPECT_EQ(scope.nameAtSource("%in"), "%y");
  scope.enter(ops[3]);
  EXPECT_EQ(scope.source("%y"), ops[2]);
}

TEST(FoldedScope, TwoKindsOfLayersInTurn) {
  Json part = foldedFunction("f", {foldedOp("llama.mlp", "%y", {"%in"})});
  Json other = part["groups"][1];
  part["groups"][1]["layers"] = {0, 2};
  other["layers"] = {1};
  other["carried"][0]["first"] = "%y";
  part["groups"].insert(part["groups"].begin() + 2, other);
  std::vector<FoldedOp> ops = unfold(part);
  ASSERT_EQ(ops.size(), 5u);
  FoldedScope scope(part);
  std::vector<std::optional<FoldedOp>> sources;
  for (const FoldedOp &op : ops) {
    scope.enter(op);
    sources.push_back(scope.source(op.group == 3 ? "%y" : "%in"));
  }
  EXPECT_EQ(ops[2].group, 2u);
  EXPECT_EQ(ops[3].group, 1u);
  EXPECT_THAT(sources, ElementsAre(std::nullopt, ops[0], ops[1], ops[2], ops[3]));
}

TEST(GraphDot, LayersStandOnce) {
  std::string dot = graphDot(phase("a", {foldedFunction("f", {foldedOp("llama.mlp", "%y", {"%in", "@w"})})}));
  EXPECT_THAT(dot, HasSubstr("label=\"layers 0-1, 2 alike\""));
  EXPECT_THAT(dot, HasSubstr("f0_1_0 [label=\"mlp\\n@w\"]"));
  EXPECT_THAT(dot, HasSubstr("f0_0_0 -> f0_1_0 [label=\"?x4xf32\"]"));
  EXPECT_THAT(dot, HasSubstr("f0_1_0 -> f0_1_0 [label=\"next layer\", style=dashed, constraint=false]"));
  EXPECT_THAT(dot, HasSubstr("f0_1_0 -> f0_2_0 [label=\"?x4xf32\"]"));
}

// Test: arguments of the function are those that ops read, and ops are in the generic form.
TEST(NetronText, AllLayers) {
  Json layer = foldedOp("llama.mlp", "%y", {"%in", "@layers.{}.w"});
  layer["attributes"] = {{"eps", "1.0e-05 : f64"}, {"rope", "#llama.rope<theta = 1.0>"}};
  EXPECT_EQ(netronText(phase("a", {foldedFunction("f", {layer})})), R"("builtin.module"() ({
  func.func @f(%tokens: tensor<?xi32>) -> (tensor<?x4xf32>) {
    %x = "llama.embed"(%tokens) : (tensor<?xi32>) -> (tensor<?x4xf32>) loc("layers.{}.embed")
    %layers.0.y = "llama.mlp"(%x) {eps = 1.0e-05 : f64, rope = "#llama.rope<theta = 1.0>", weights = ["layers.0.w"]} : (tensor<?x4xf32>) -> (tensor<?x4xf32>) loc("layers.0.mlp")
    %layers.1.y = "llama.mlp"(%layers.0.y) {eps = 1.0e-05 : f64, rope = "#llama.rope<theta = 1.0>", weights = ["layers.1.w"]} : (tensor<?x4xf32>) -> (tensor<?x4xf32>) loc("layers.1.mlp")
    "llama.head"(%layers.1.y) : (tensor<?x4xf32>) -> () loc("layers.{}.head")
  }
}) : () -> ()
)");
}

namespace {

/// A program of kernels that read and write the arena.
class ArenaProgram {
public:
  ArenaProgram() {
    program->name = "decode";
    program->max_rows = 3;
    program->row_align = 2;
    program->arena_bytes = 1000;
  }

  void sequence(uint32_t repeat) {
    program->sequences.push_back(std::make_unique<plan::SequenceT>());
    program->sequences.back()->repeat = repeat;
  }

  /// A step with arguments (kind, offset, bytes of a row).
  void step(const std::string &name, const std::vector<std::tuple<plan::ParamKind, uint64_t, uint64_t>> &arguments) {
    auto kernel = std::make_unique<plan::KernelT>();
    auto step = std::make_unique<plan::StepT>();
    kernel->name = name;
    for (auto [kind, offset, bytes] : arguments) {
      kernel->params.push_back(std::make_unique<plan::ParamT>());
      kernel->params.back()->kind = kind;
      kernel->params.back()->bytes = bytes;
      step->args.push_back(plan::Arg(offset, 0, plan::ArgKind::arena));
    }
    plan::RunKernelT run;
    run.kernel = uint32_t(plan.kernels.size());
    step->action.Set(plan::RunKernelT(run));
    plan.kernels.push_back(std::move(kernel));
    program->sequences.back()->steps.push_back(std::move(step));
  }

  ArenaMap map() {
    plan.programs.clear();
    plan.programs.push_back(std::move(program));
    bytes = packPlan(plan);
    const auto *packed = flatbuffers::GetRoot<plan::Plan>(bytes.data());
    return ArenaMap::of(*packed, *packed->programs()->Get(0));
  }

private:
  plan::PlanT plan = toyPlan();
  std::unique_ptr<plan::ProgramT> program = std::make_unique<plan::ProgramT>();
  std::vector<uint8_t> bytes;
};

constexpr auto kReads = plan::ParamKind::activation, kWrites = plan::ParamKind::result,
               kKeeps = plan::ParamKind::workspace;

} // namespace

TEST(ArenaMap, ValuesEndWithTheirLastReader) {
  ArenaProgram program;
  program.sequence(1);
  program.step("a", {{kWrites, 0, 16}});
  program.step("b", {{kReads, 0, 16}, {kWrites, 64, 40}, {kKeeps, 256, 1}});
  program.step("c", {{kReads, 64, 40}, {kWrites, 0, 16}});
  ArenaMap map = program.map();
  EXPECT_EQ(map.rows, 4u);
  ASSERT_EQ(map.values.size(), 4u);
  EXPECT_EQ(map.values[0].bytes, 64u); // 4 rows of 16 bytes
  EXPECT_EQ(map.values[0].last, 1u);
  EXPECT_EQ(map.values[1].bytes, 192u); // 160 rounded up
  EXPECT_EQ(map.values[1].last, 2u);
  EXPECT_TRUE(map.values[2].isWorkspace);
  EXPECT_EQ(map.values[3].first, 2u);
  EXPECT_EQ(map.bytesAt(0), 64u);
  EXPECT_EQ(map.bytesAt(1), 64u + 192 + 64);
  EXPECT_EQ(map.bytesAt(2), 192u + 64);
  EXPECT_EQ(map.peakBytes, 320u);
  EXPECT_EQ(map.peakStep, 1u);
}

TEST(ArenaMap, WhatALoopCarriesLivesAtItsBeginToo) {
  ArenaProgram program;
  program.sequence(1);
  program.step("table", {{kWrites, 512, 16}});
  program.step("embed", {{kWrites, 0, 16}});
  program.sequence(4);
  program.step("up", {{kReads, 0, 16}, {kReads, 512, 16}, {kWrites, 64, 16}});
  program.step("down", {{kReads, 64, 16}, {kWrites, 0, 16}});
  program.sequence(1);
  program.step("head", {{kReads, 0, 16}});
  ArenaMap map = program.map();
  ASSERT_EQ(map.values.size(), 4u);
  const ArenaValue &table = map.values[0], &embed = map.values[1], &up = map.values[2], &down = map.values[3];
  // The next iteration reads it again.
  EXPECT_EQ(table.last, 3u);
  EXPECT_FALSE(table.isCarried);
  EXPECT_EQ(embed.last, 2u);
  EXPECT_FALSE(embed.isCarried);
  EXPECT_FALSE(up.isCarried);
  EXPECT_TRUE(down.isCarried);
  EXPECT_EQ(down.carriedTo, 2u);
  EXPECT_EQ(down.last, 4u);
  EXPECT_FALSE(down.livesAt(0));
  EXPECT_FALSE(down.livesAt(1));
  EXPECT_TRUE(down.livesAt(2));
  // Embedding and the value that is carried lie at one place.
  EXPECT_EQ(map.bytesAt(2), 3u * 64);
}

// Test: what nvdisasm 13.5 prints; another kernel of the module is left out.
TEST(ListedLines, Nvdisasm) {
  constexpr std::string_view kText = R"(	.target	sm_90a

	.elftype	@"ET_EXEC"


//--------------------- .text.decode_lm_head      --------------------------
	.section	.text.decode_lm_head,"ax",@progbits
	.align	128
        .global         decode_lm_head
        .type           decode_lm_head,@function
        .size           decode_lm_head,(.L_x_134 - decode_lm_head)
        .other          decode_lm_head,@"STO_CUDA_ENTRY STV_DEFAULT"
decode_lm_head:
.text.decode_lm_head:
	//## File "planned.mlir", line 82
        /*0000*/                   LDC R1, c[0x0][0x28] ;
	//## File "planned.mlir", line 85
        /*0010*/                   S2R R0, SR_TID.X ;
        /*0020*/              @!P0 BRA `(.L_x_54) ;
	//## File "planned.mlir", line 84
        /*0030*/                   IADD3 R20, R20, UR5, RZ ;
.L_x_54:
        /*0040*/                   EXIT ;
.L_x_55:
        /*0050*/                   BRA `(.L_x_55);
.L_x_134:


//--------------------- .text.decode_qkv          --------------------------
	.section	.text.decode_qkv,"ax",@progbits
decode_qkv:
.text.decode_qkv:
	//## File "planned.mlir", line 53
        /*0000*/                   LDC R1, c[0x0][0x28] ;
)";
  std::vector<ListedLine> lines = readNvdisasm(kText, {"decode_lm_head"});
  ASSERT_EQ(lines.size(), 9u);
  EXPECT_EQ(lines[0].text, "LDC R1, c[0x0][0x28] ;");
  EXPECT_EQ(lines[0].function, "decode_lm_head");
  EXPECT_EQ(lines[0].offset, 0u);
  EXPECT_EQ(lines[0].line, 82u);
  EXPECT_EQ(lines[2].text, "@!P0 BRA `(.L_x_54) ;");
  EXPECT_EQ(lines[2].line, 85u);
  EXPECT_EQ(lines[3].offset, 0x30u);
  EXPECT_EQ(lines[3].line, 84u);
  EXPECT_EQ(lines[4].text, ".L_x_54:");
  EXPECT_TRUE(lines[4].function.empty());
  EXPECT_FALSE(lines[4].offset);
  // The line goes on behind a label.
  EXPECT_EQ(lines[5].text, "EXIT ;");
  EXPECT_EQ(lines[5].line, 84u);
  lines = readNvdisasm(kText, {"decode_qkv"});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].line, 53u);
}

TEST(Cost, IsTheWorkOfTheStep) {
  plan::PlanT toy = toyPlan();
  toy.kernels[1]->weight_bytes = 1000;
  toy.kernels[1]->flops_per_row = 500;
  toy.kernels[1]->cache_bytes_per_key = 64;
  toy.kernels[1]->flops_per_key = 32;
  toy.kernels[2]->weight_bytes = 2000;
  auto plan = PlanFile::fromMemory(planBytes(packPlan(toy)), "some.plan");
  BenchTest token;
  token.depth = 9;
  token.batch = 1;
  std::vector<KernelCost> costs = costsOf(*plan, token);
  ASSERT_EQ(costs.size(), 3u);
  const KernelCost &layer = costs[1];
  EXPECT_EQ(layer.program, "decode");
  EXPECT_EQ(layer.launches, size_t(kToyLayers));
  EXPECT_DOUBLE_EQ(layer.work.weightBytes, kToyLayers * 1000.0);
  EXPECT_DOUBLE_EQ(layer.work.cacheBytes, kToyLayers * 64.0 * 10);
  EXPECT_DOUBLE_EQ(layer.work.operations, kToyLayers * (500 + 32.0 * 10));
  EXPECT_GT(layer.work.activationBytes, 0);
  EXPECT_DOUBLE_EQ(costs[2].work.weightBytes, 2000);
  EXPECT_DOUBLE_EQ(layer.intensity(), layer.work.operations / layer.work.allBytes());

  BenchTest prompt;
  prompt.prompt = 6;
  costs = costsOf(*plan, prompt);
  EXPECT_EQ(costs[1].program, "prefill");
  EXPECT_DOUBLE_EQ(costs[1].work.operations, kToyLayers * (6 * 500 + 32.0 * 21));

  prompt.prompt = 100000;
  EXPECT_THAT(errorOf([&] { (void)costsOf(*plan, prompt); }), HasSubstr("the run needs 100000"));
}

TEST(Cost, TheSlowerOfTwoCeilingsBinds) {
  KernelCost reads{"reads", "decode", "", 1, {.weightBytes = 1e6, .operations = 1e6}};
  KernelCost computes{"computes", "decode", "", 1, {.weightBytes = 1e6, .operations = 1e9}};
  CostCeilings ceilings{1e9, 1e10, "read", "fma", "measured now", ""};
  BenchTest token;
  Json cost = costJson({reads, computes}, token, ceilings);
  EXPECT_EQ(cost["kernels"][0]["bound"], "memory");
  EXPECT_DOUBLE_EQ(cost["kernels"][0]["us"], 1000);
  EXPECT_EQ(cost["kernels"][1]["bound"], "compute");
  EXPECT_DOUBLE_EQ(cost["kernels"][1]["us"], 100000);
  EXPECT_DOUBLE_EQ(cost["total"]["us"], 101000);
  EXPECT_EQ(cost["test"], "tg1");
  // Without ceilings nothing is said of time.
  cost = costJson({reads}, token, {0, 0, "", "", "", "no such device"});
  EXPECT_TRUE(cost["kernels"][0]["bound"].is_null());
  EXPECT_TRUE(cost["kernels"][0]["us"].is_null());
  EXPECT_THAT(costText(cost), HasSubstr("no such device"));
}
