//===- CpuScheduleTest.cpp - Kernels that cannot follow their schedules ------------===//

#include "codegen/Passes.h"
#include "ir/Llama/Llama.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <gtest/gtest.h>

using namespace quipu;
using namespace quipu::codegen;

namespace {

class CpuScheduleTest : public testing::Test {
protected:
  CpuScheduleTest() { context.loadDialect<llama::LlamaDialect, mlir::func::FuncDialect>(); }

  /// What generating code for a product of `input` to `result` says; empty when it is generated.
  std::string linear(const std::string &schedule, const std::string &input, const std::string &result,
                     const std::string &target) {
    return generate("%x: " + input + ", %w: tensor<8x8xbf16>", input + ", tensor<8x8xbf16>", result,
                    "llama.linear %x, %w : (" + input + ", tensor<8x8xbf16>) -> " + result,
                    "cpu_linear<" + schedule + ", prefetch = 0>", "%x, %w", target);
  }

  std::string attention(const std::string &schedule, const std::string &query, const std::string &result,
                        const std::string &target) {
    std::string kv = "!llama.kv_layer<1 x 8 x bf16, page = 32>", i32 = "tensor<?xi32>";
    std::string types = query + ", " + kv + ", " + i32 + ", " + i32;
    return generate(
        "%x: " + query + ", %kv: " + kv + ", %p: " + i32 + ", %s: " + i32, types, result,
        "llama.attention %x, %kv, %p, %s {numHeads = 1 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64} : (" + types +
            ") -> " + result,
        "cpu_attention<" + schedule + ">", "%x, %kv, %p, %s", target);
  }

  std::string sum(const std::string &schedule, const std::string &type, const std::string &target) {
    return generate("%x: " + type, type, type, "llama.add %x, %x : (" + type + ", " + type + ") -> " + type,
                    "cpu_pointwise<" + schedule + ">", "%x", target);
  }

  /// What generating code for a module says.
  std::string emit(const std::string &text, const std::string &target) {
    std::string message;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      message += diagnostic.str();
      return mlir::success();
    });
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << message << "\n" << text;
    mlir::PassManager passes(&context);
    passes.addPass(createLlamaEmitCpu({target, ""}));
    bool generated = module && succeeded(passes.run(*module));
    EXPECT_EQ(generated, message.empty()) << message;
    return message;
  }

  mlir::MLIRContext context;

private:
  std::string generate(const std::string &parameters, const std::string &types, const std::string &result,
                       const std::string &op, const std::string &schedule, const std::string &names,
                       const std::string &target) {
    std::string text =
        "llama.kernel @k(" + parameters + ") -> " + result + " attributes {schedule = #llama." + schedule +
        "} {\n  %0 = " + op + "\n  llama.yield %0 : " + result + "\n}\nfunc.func @decode(" + parameters + ") -> " +
        result + " attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {\n  %0 = llama.launch @k(" +
        names + ") : (" + types + ") -> " + result + "\n  return %0 : " + result + "\n}";
    return emit(text, target);
  }
};

const std::string kRowMajor = "tensor<?x8xbf16>", kLanes = "tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 1>>";
const std::string kPairs = "tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>";
const std::string kFew = "rows = few, lanes = 16, run = 4, vectors = 1, rowTiles = 1, dot = ";
const std::string kMany = "rows = many, lanes = 16, run = 4, vectors = 2, rowTiles = 2, dot = ";
const std::string kLevel4 = "cpu:x86-64-v4", kBf16 = "cpu:x86-64-v4,+avx512bf16";

void expectSays(const std::string &message, const std::string &text) {
  EXPECT_NE(message.find(text), std::string::npos) << message;
}

} // namespace

TEST_F(CpuScheduleTest, Fits) {
  EXPECT_EQ(linear(kFew + "fma", kRowMajor, kRowMajor, kLevel4), "");
  EXPECT_EQ(linear(kFew + "bf16", kRowMajor, kRowMajor, kBf16), "");
  EXPECT_EQ(linear(kMany + "fma", kLanes, kLanes, kLevel4), "");
  EXPECT_EQ(linear(kMany + "bf16", kPairs, kPairs, kBf16), "");
  EXPECT_EQ(attention("rows = few, lanes = 16, keys = 32, dot = bf16", kRowMajor, kRowMajor, kBf16), "");
  EXPECT_EQ(attention("rows = many, lanes = 16, keys = 32, dot = bf16", kPairs, kPairs, kBf16), "");
}

// Test: the target has no instruction for it. LLVM would end the process.
TEST_F(CpuScheduleTest, Target) {
  expectSays(linear(kFew + "bf16", kRowMajor, kRowMajor, kLevel4),
             "need avx512bf16 and avx512vl; the target is cpu:x86-64-v4");
  expectSays(linear(kFew + "bf16", kRowMajor, kRowMajor, kBf16 + ",-avx512vl"), "need avx512bf16 and avx512vl");
  expectSays(attention("rows = few, lanes = 16, keys = 32, dot = bf16", kRowMajor, kRowMajor, "cpu:x86-64-v3"),
             "need avx512bf16 and avx512vl");
}

// Test: a block is a row or a tile of rows; both must be what the types say, or rows are missing or written elsewhere.
TEST_F(CpuScheduleTest, PointwiseRows) {
  EXPECT_EQ(sum("rows = few, lanes = 16, rowsPerBlock = 4", kRowMajor, kLevel4), "");
  EXPECT_EQ(sum("rows = many, lanes = 16, rowsPerBlock = 16", kLanes, kLevel4), "");
  expectSays(sum("rows = many, lanes = 16, rowsPerBlock = 16", kRowMajor, kLevel4), "wants activations in token_lanes");
  expectSays(sum("rows = few, lanes = 16, rowsPerBlock = 16", kLanes, kLevel4), "wants row-major activations");
  expectSays(sum("rows = many, lanes = 8, rowsPerBlock = 8", kLanes, kLevel4), "of as many lanes");
  expectSays(sum("rows = many, lanes = 16, rowsPerBlock = 32", kLanes, kLevel4), "has blocks of 32 rows");
}

// Test: a kernel counts rows of tokens or rows that are selected, not now these and now those.
TEST_F(CpuScheduleTest, RowsOfLaunches) {
  const std::string text = R"(
    llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
        attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 16, rowsPerBlock = 1>} {
      %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      llama.yield %0 : tensor<?x8xf32>
    }
    llama.kernel @g(%x: tensor<?x8xf32>, %r: tensor<?xi32>) -> tensor<?x8xf32>
        attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 16, rowsPerBlock = 1>} {
      %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      llama.yield %0 : tensor<?x8xf32>
    }
    func.func @decode(%x: tensor<?x8xf32>, %r: tensor<?xi32>) -> tensor<?x8xf32>
        attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
      %0 = llama.launch @k(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
      %1 = llama.launch @g(%0, %r) : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %2 = llama.launch @k(%1) : (tensor<?x8xf32>) -> tensor<?x8xf32>
      return %2 : tensor<?x8xf32>
    })";
  expectSays(emit(text, kLevel4), "gives @k rows of tokens where another launch gives selected output rows");
}

// Test: tiles are of many rows of bf16 in pairs, and divide the rows of the weight. Attention has none.
TEST_F(CpuScheduleTest, Tiles) {
  const std::string tiles = "rows = many, lanes = 16, run = 16, vectors = 2, rowTiles = 2, dot = amx_bf16";
  const std::string target = kBf16 + ",+amx-tile,+amx-bf16";
  expectSays(linear(tiles, kPairs, kPairs, kBf16), "need amx-bf16, avx512bf16 and avx512vl");
  expectSays(linear(tiles, kLanes, kLanes, target), "the input in pairs of features");
  expectSays(linear(tiles, kPairs, kPairs, target), "tiles of 32 inputs, which divide the rows of the weight");
  expectSays(attention("rows = many, lanes = 16, keys = 32, dot = amx_bf16", kPairs, kPairs, target),
             "which linear kernels alone have");
  expectSays(attention("rows = many, lanes = 16, keys = 32, dot = amx_int8", kPairs, kPairs, target),
             "which linear kernels alone have");
}

// Test: types that the schedule's loops would read as something else.
TEST_F(CpuScheduleTest, Types) {
  expectSays(linear(kMany + "fma", kPairs, kLanes, kBf16), "features that lie in pairs need dot = bf16");
  expectSays(attention("rows = many, lanes = 16, keys = 32, dot = fma", kPairs, kLanes, kBf16),
             "features that lie in pairs need dot = bf16");
  expectSays(linear(kMany + "fma", kRowMajor, kRowMajor, kLevel4), "wants activations in token_lanes");
  expectSays(linear(kFew + "fma", kLanes, kLanes, kLevel4), "wants row-major activations");
  expectSays(linear("rows = many, lanes = 8, run = 4, vectors = 2, rowTiles = 2, dot = fma", kLanes, kLanes, kLevel4),
             "wants activations in token_lanes");
  expectSays(linear(kMany + "bf16", kLanes, kLanes, kBf16), "for many rows in pairs of features");
  expectSays(linear(kFew + "bf16", "tensor<?x8xf16>", kRowMajor, kBf16), "both operands must be");
  expectSays(linear("rows = many, lanes = 16, run = 3, vectors = 2, rowTiles = 2, dot = bf16", kPairs, kPairs, kBf16),
             "run must be even");
  expectSays(attention("rows = many, lanes = 16, keys = 32, dot = fma", kRowMajor, kRowMajor, kLevel4),
             "wants activations in token_lanes");
  expectSays(attention("rows = few, lanes = 16, keys = 16, dot = fma", kRowMajor, kRowMajor, kLevel4),
             "takes other tiles of keys than pages of 32");
}
