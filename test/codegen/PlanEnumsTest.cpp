//===- PlanEnumsTest.cpp - Members keep their names on the way into a plan --------===//

#include "codegen/plan/PlanEnums.h"
#include "frontends/common/PlanTypes.h"
#include "ir/Llama/RowPairing.h"

#include "mlir/IR/Builders.h"
#include <gtest/gtest.h>

using namespace quipu;

// Test: every member of a list becomes the one of the same name, not the one of the same number.
TEST(PlanEnums, Dialect) {
  for (unsigned i = 0; i <= llama::getMaxEnumValForWeightRole(); ++i) {
    auto role = static_cast<llama::WeightRole>(i);
    EXPECT_EQ(plan::EnumNameWeightRole(codegen::toPlan(role)), llama::stringifyWeightRole(role).str());
  }
  for (unsigned i = 0; i <= llama::getMaxEnumValForRowPairing(); ++i) {
    auto pairing = static_cast<llama::RowPairing>(i);
    EXPECT_EQ(plan::EnumNameRowOrder(llama::rowOrderOf(pairing)), llama::stringifyRowPairing(pairing).str());
  }
  for (unsigned i = 0; i <= llama::getMaxEnumValForSampleMode(); ++i) {
    auto mode = static_cast<llama::SampleMode>(i);
    EXPECT_EQ(plan::EnumNameSampleMode(codegen::toPlan(mode)), llama::stringifySampleMode(mode).str());
  }
  EXPECT_EQ(codegen::toPlan(llama::ProgramKind::Forward), std::nullopt);
  for (auto kind : {llama::ProgramKind::Decode, llama::ProgramKind::Prefill})
    EXPECT_EQ(plan::EnumNameProgramKind(*codegen::toPlan(kind)), llama::stringifyProgramKind(kind).str());
  EXPECT_EQ(codegen::toPlan(codegen::RowDim::One), plan::RowDim::one);
  EXPECT_EQ(codegen::toPlan(codegen::RowDim::Tokens), plan::RowDim::tokens);
  EXPECT_EQ(codegen::toPlan(codegen::RowDim::Outputs), plan::RowDim::outputs);
}

TEST(PlanEnums, Frontends) {
  using namespace frontend;
  for (auto type : {DType::f32, DType::f16, DType::bf16})
    EXPECT_EQ(plan::EnumNameDType(toPlan(type)), name(type));
  for (auto scaling : {RopeScaling::none, RopeScaling::linear, RopeScaling::llama3})
    EXPECT_EQ(plan::EnumNameRopeScaling(toPlan(scaling)), name(scaling));
  for (auto layout : {RotaryLayout::half, RotaryLayout::interleaved})
    EXPECT_EQ(plan::EnumNameRotaryLayout(toPlan(layout)), name(layout));
}

// Test: a type that no plan has is not taken for another.
TEST(PlanEnums, Types) {
  mlir::MLIRContext context;
  mlir::Builder b(&context);
  EXPECT_EQ(codegen::toPlan(b.getF32Type()), plan::DType::f32);
  EXPECT_EQ(codegen::toPlan(b.getF16Type()), plan::DType::f16);
  EXPECT_EQ(codegen::toPlan(b.getBF16Type()), plan::DType::bf16);
  EXPECT_EQ(codegen::toPlan(b.getI32Type()), plan::DType::i32);
  for (mlir::Type type : {mlir::Type(b.getF64Type()), mlir::Type(b.getIntegerType(16)), mlir::Type(b.getI64Type()),
                          mlir::Type(mlir::Float8E4M3FNType::get(&context))})
    EXPECT_EQ(codegen::toPlan(type), std::nullopt);
}
