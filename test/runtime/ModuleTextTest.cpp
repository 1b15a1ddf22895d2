//===- ModuleTextTest.cpp: modules of a plan, as text for people -------------------------===//

#include "tools/quipu/inspect/ModuleText.h"
#include "test/runtime/KeptPlan.h"

#include <gmock/gmock.h>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::HasSubstr;

// Test: locations go, also of arguments and with parentheses and quotes in them; strings that look like one stay.
TEST(ModuleText, WithoutLocations) {
  EXPECT_EQ(withoutLocations(R"mlir(#hidden_size = #llama.field<"hidden_size" in "a (b" line 3>
#map = affine_map<(d0) -> (d0)>
#inner = #llama.rope<theta = 1.0>
#outer = #llama.table<#inner>
#loc = loc(unknown)
module {
  func.func @f(%a: i32 loc("a"), %b: i32 loc(#loc3)) -> i32 attributes {m = #map, o = #outer} {
    %0 = llama.x %a {name = "not a loc(x)"} : i32 loc(fused<#llama.origin<fields [#hidden_size]>>["x ) \" y"(#loc1)])
    return %0 : i32 loc(#loc2)
  } loc(#loc)
} loc(#loc)
#loc1 = loc("y")
#loc2 = loc(fused<#llama.origin<fields [#hidden_size]>>[#loc1])
)mlir"),
            R"mlir(#map = affine_map<(d0) -> (d0)>
#inner = #llama.rope<theta = 1.0>
#outer = #llama.table<#inner>
module {
  func.func @f(%a: i32, %b: i32) -> i32 attributes {m = #map, o = #outer} {
    %0 = llama.x %a {name = "not a loc(x)"} : i32
    return %0 : i32
  }
}
)mlir");
}

// Test: a text that is cut off within a location does not harm.
TEST(ModuleText, DamagedText) {
  EXPECT_EQ(withoutLocations("a loc(\"b"), "a\n");
  EXPECT_EQ(withoutLocations("a \"b loc("), "a \"b loc(\n");
  EXPECT_EQ(withoutLocations(""), "");
}

// Test: layers that are alike stand once, and kernels and functions are divided by a line.
TEST(ModuleText, Folded) {
  Json kernel = {{"kind", "kernel"}, {"name", "k"}, {"head", "llama.kernel @k()"}, {"groups", Json::array()}};
  EXPECT_EQ(foldedText(recordedPhase("import", {kernel, foldedFunction("f", {foldedOp("llama.mlp", "%y", {"%in"})})})),
            R"(llama.kernel @k() {
}

func.func @f(%tokens) {
  %x = llama.embed %tokens
  // layers 0-1, 2 alike
  // %in is %x, then %y of the layer before
  %y = llama.mlp %in
  // end of layers
  llama.head %y
}
)");
  // Of code the functions alone: the kernel is a part of its own.
  EXPECT_EQ(foldedText(recordedPhase("codegen", {recordedCode("k", "llvm.func @k() {\n} loc(\"k\")\n")})),
            "llvm.func @k() {\n}\n");
}

// Test: the kernel of a plan is what code generation kept of it; what is missing is said.
TEST(ModuleText, KeptKernels) {
  EXPECT_EQ(keptKernelText(*keptPlan(keptRecord()), "layer"),
            "llama.kernel @layer() {}\n\n// -----\n\nllvm.func @toy_mix() {\n}\n");
  EXPECT_THAT(errorOf([] { (void)keptKernelText(*keptPlan(keptRecord()), "other"); }),
              HasSubstr("has no kernel other; kernels: embed, layer"));
  Json older = keptRecord();
  older["phases"].erase(2);
  EXPECT_THAT(errorOf([&] { (void)keptKernelText(*keptPlan(older), "layer"); }), HasSubstr("older compiler"));
  auto plain = PlanFile::fromMemory(planBytes(packPlan(toyPlan())), "plain.plan");
  EXPECT_THAT(errorOf([&] { (void)keptKernelText(*plain, "layer"); }),
              HasSubstr("compiled with --keep-ir, or the model"));
}
