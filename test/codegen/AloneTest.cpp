//===- AloneTest.cpp - Ops that are kernels alone, on the CPU ----------------------------===//
//
// Generates a module with one kernel for each op that may stay alone, in a program of few rows and in one of many, runs
// the code on random rows, and compares with the op's meaning in double precision.
//
//===-------------------------------------------------------------------------------------===//

#include "test/codegen/CompiledKernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <optional>
#include <random>

using namespace quipu;
using namespace quipu::test;

namespace {

constexpr int64_t kRows = 21, kOutputs = 5, kPadded = 32, kHeads = 3, kPage = 4, kPages = 8, kSequences = 2;
const int32_t kSelected[kOutputs] = {0, 3, 3, 17, 20};

std::string replaceAll(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// $P: the program, $T: a type, $H: a head's size, $W: the width of three heads, $2W twice it.
constexpr const char *kText = R"(
llama.kernel @$P.half(%x: tensor<?x$Wxf32>, %t: tensor<?x$Hxf32>) -> tensor<?x$Wx$T> {
  %0 = llama.rotate %x, %t layout half {headDim = $H : i64} : (tensor<?x$Wxf32>, tensor<?x$Hxf32>) -> tensor<?x$Wx$T>
  llama.yield %0 : tensor<?x$Wx$T>
}
llama.kernel @$P.interleaved(%y: tensor<?x$Wx$T>, %t: tensor<?x$Hxf32>) -> tensor<?x$Wxf32> {
  %0 = llama.rotate %y, %t layout interleaved {headDim = $H : i64} : (tensor<?x$Wx$T>, tensor<?x$Hxf32>) -> tensor<?x$Wxf32>
  llama.yield %0 : tensor<?x$Wxf32>
}
llama.kernel @$P.rounded(%x: tensor<?x$Wxf32>, %u: tensor<?x$Hxbf16>) -> tensor<?x$Wxf32> {
  %0 = llama.rotate %x, %u layout half {headDim = $H : i64} : (tensor<?x$Wxf32>, tensor<?x$Hxbf16>) -> tensor<?x$Wxf32>
  llama.yield %0 : tensor<?x$Wxf32>
}
llama.kernel @$P.silu(%x: tensor<?x$Wxf32>, %y: tensor<?x$Wx$T>) -> tensor<?x$Wx$T> {
  %0 = llama.gate %x, %y activation silu : (tensor<?x$Wxf32>, tensor<?x$Wx$T>) -> tensor<?x$Wx$T>
  llama.yield %0 : tensor<?x$Wx$T>
}
llama.kernel @$P.relu(%z: tensor<?x$2Wx$T>) -> tensor<?x$Wxf32> {
  %0 = llama.gate %z activation relu : (tensor<?x$2Wx$T>) -> tensor<?x$Wxf32>
  llama.yield %0 : tensor<?x$Wxf32>
}
llama.kernel @$P.gelu(%z: tensor<?x$2Wx$T>) -> tensor<?x$Wxf32> {
  %0 = llama.gate %z activation gelu_tanh : (tensor<?x$2Wx$T>) -> tensor<?x$Wxf32>
  llama.yield %0 : tensor<?x$Wxf32>
}
llama.kernel @$P.add(%x: tensor<?x$Wxf32>, %y: tensor<?x$Wx$T>) -> tensor<?x$Wx$T> {
  %0 = llama.add %x, %y : (tensor<?x$Wxf32>, tensor<?x$Wx$T>) -> tensor<?x$Wx$T>
  llama.yield %0 : tensor<?x$Wx$T>
}
llama.kernel @$P.split(%z: tensor<?x$2Wx$T>) -> (tensor<?x$Wxf32>, tensor<?x$Wx$T>) {
  %0, %1 = llama.split %z : (tensor<?x$2Wx$T>) -> (tensor<?x$Wxf32>, tensor<?x$Wx$T>)
  llama.yield %0, %1 : tensor<?x$Wxf32>, tensor<?x$Wx$T>
}
llama.kernel @$P.norm(%y: tensor<?x$Wx$T>, %g: tensor<$Wxbf16>) -> tensor<?x$Wx$T> {
  %0 = llama.rms_norm %y, %g {eps = 0.5 : f64} : (tensor<?x$Wx$T>, tensor<$Wxbf16>) -> tensor<?x$Wx$T>
  llama.yield %0 : tensor<?x$Wx$T>
}
llama.kernel @$P.repeat(%y: tensor<?x$Wx$T>) -> tensor<?x$2Wx$T> {
  %0 = llama.repeat_kv %y {headDim = $H : i64, times = 2 : i64} : (tensor<?x$Wx$T>) -> tensor<?x$2Wx$T>
  llama.yield %0 : tensor<?x$2Wx$T>
}
llama.kernel @$P.gather(%y: tensor<?x$Wx$T>, %r: tensor<?xi32>) -> tensor<?x$Wxf32> {
  %0 = llama.gather_rows %y, %r : (tensor<?x$Wx$T>, tensor<?xi32>) -> tensor<?x$Wxf32>
  llama.yield %0 : tensor<?x$Wxf32>
}
llama.kernel @$P.selected(%s: tensor<?x$Wxf32>, %g: tensor<$Wxbf16>) -> tensor<?x$Wxf32> {
  %0 = llama.rms_norm %s, %g {eps = 0.5 : f64} : (tensor<?x$Wxf32>, tensor<$Wxbf16>) -> tensor<?x$Wxf32>
  llama.yield %0 : tensor<?x$Wxf32>
}
llama.kernel @$P.append(%kv: !llama.kv_layer<3 x $H x bf16, page = 4>, %x: tensor<?x$Wxf32>, %y: tensor<?x$Wx$T>, %p: tensor<?xi32>, %q: tensor<?xi32>) {
  llama.kv_append %kv, %x, %y, %p, %q : !llama.kv_layer<3 x $H x bf16, page = 4>, tensor<?x$Wxf32>, tensor<?x$Wx$T>, tensor<?xi32>, tensor<?xi32>
  llama.yield
}
func.func @$P(%x: tensor<?x$Wxf32>, %y: tensor<?x$Wx$T>, %z: tensor<?x$2Wx$T>, %t: tensor<?x$Hxf32>, %u: tensor<?x$Hxbf16>, %r: tensor<?xi32>,
              %p: tensor<?xi32>, %q: tensor<?xi32>, %kv: !llama.kv_layer<3 x $H x bf16, page = 4>)
    attributes {llama.program = #llama.program<$A>} {
  %g = llama.weight_ref @gain : tensor<$Wxbf16>
  %0 = llama.launch @$P.half(%x, %t) : (tensor<?x$Wxf32>, tensor<?x$Hxf32>) -> tensor<?x$Wx$T>
  %1 = llama.launch @$P.interleaved(%y, %t) : (tensor<?x$Wx$T>, tensor<?x$Hxf32>) -> tensor<?x$Wxf32>
  %2 = llama.launch @$P.silu(%x, %y) : (tensor<?x$Wxf32>, tensor<?x$Wx$T>) -> tensor<?x$Wx$T>
  %relu = llama.launch @$P.relu(%z) : (tensor<?x$2Wx$T>) -> tensor<?x$Wxf32>
  %3 = llama.launch @$P.gelu(%z) : (tensor<?x$2Wx$T>) -> tensor<?x$Wxf32>
  %4 = llama.launch @$P.add(%x, %y) : (tensor<?x$Wxf32>, tensor<?x$Wx$T>) -> tensor<?x$Wx$T>
  %5, %6 = llama.launch @$P.split(%z) : (tensor<?x$2Wx$T>) -> (tensor<?x$Wxf32>, tensor<?x$Wx$T>)
  %7 = llama.launch @$P.norm(%y, %g) : (tensor<?x$Wx$T>, tensor<$Wxbf16>) -> tensor<?x$Wx$T>
  %8 = llama.launch @$P.repeat(%y) : (tensor<?x$Wx$T>) -> tensor<?x$2Wx$T>
  %9 = llama.launch @$P.gather(%y, %r) : (tensor<?x$Wx$T>, tensor<?xi32>) -> tensor<?x$Wxf32>
  %10 = llama.launch @$P.selected(%9, %g) : (tensor<?x$Wxf32>, tensor<$Wxbf16>) -> tensor<?x$Wxf32>
  %11 = llama.launch @$P.rounded(%x, %u) : (tensor<?x$Wxf32>, tensor<?x$Hxbf16>) -> tensor<?x$Wxf32>
  llama.launch @$P.append(%kv, %x, %y, %p, %q) : (!llama.kv_layer<3 x $H x bf16, page = 4>, tensor<?x$Wxf32>, tensor<?x$Wx$T>, tensor<?xi32>, tensor<?xi32>) -> ()
  return
}
)";

struct Shape {
  const char *target, *type;
  int64_t head;
};

class Alone : public testing::TestWithParam<Shape> {
protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
      GTEST_SKIP() << "the CPU has no AVX2, FMA and F16C";
    head = GetParam().head;
    width = kHeads * head;
    load();
    std::mt19937 random(7);
    std::normal_distribution<double> normal;
    for (auto [matrix, columns, type] :
         {std::tuple(&x, width, f32()), std::tuple(&y, width, element), std::tuple(&z, 2 * width, element),
          std::tuple(&table, head, f32()), std::tuple(&rounded, head, bf16())}) {
      matrix->width = columns;
      for (int64_t i = 0; i < kRows * columns; ++i)
        matrix->values.push_back(decode(type, encode(type, 2 * normal(random))));
    }
    for (int64_t i = 0; i < width; ++i)
      gain.push_back(decode(bf16(), encode(bf16(), normal(random))));
  }

  mlir::Type f32() { return mlir::Float32Type::get(&context); }
  mlir::Type bf16() { return mlir::BFloat16Type::get(&context); }

  /// Compiles the module and opens the code.
  void load() {
    std::string text = replaceAll(kText, "$P", "decode") + replaceAll(kText, "$P", "prefill");
    text = text.insert(0, "llama.weight @gain : tensor<$Wxbf16> role norm sources [\"gain\"]\n");
    size_t first = text.find("$A");
    text.replace(first, 2, "decode, rows = 1 to 32");
    text = replaceAll(text, "$A", "prefill, rows = 33 to 64, align = 16");
    text = replaceAll(replaceAll(text, "$2W", std::to_string(2 * width)), "$W", std::to_string(width));
    text = replaceAll(replaceAll(text, "$H", std::to_string(head)), "$T", GetParam().type);
    kernels.emplace(context, text, std::string("cpu:") + GetParam().target);
    ASSERT_TRUE(kernels->isLoaded());
    element = mlir::cast<mlir::RankedTensorType>(kernelOf("decode.norm").getArgumentTypes().front()).getElementType();
  }

  llama::KernelOp kernelOf(const std::string &name) { return kernels->kernelOf(name); }

  /// Runs a kernel on pointers.
  void run(const std::string &name, std::vector<void *> pointers) {
    ASSERT_EQ(kernelOf(name).getCode()->getEntries().size(), 1u);
    CompiledKernels::Dims dims = {};
    dims[kDimTokens] = name.starts_with("prefill") ? kPadded : kRows;
    dims[kDimOutputs] = kOutputs;
    dims[kDimBlockTableStride] = kPages;
    kernels->run(name, std::move(pointers), dims);
  }

  /// Runs a kernel on activations (and what `more` points to behind them) and compares each result.
  void check(const std::string &op, const std::vector<const Matrix *> &inputs, void *more,
             const std::vector<std::function<double(int64_t, int64_t)>> &expected, int64_t rows = kRows) {
    for (const char *program : {"decode.", "prefill."}) {
      SCOPED_TRACE(program + op);
      llama::KernelOp kernel = kernelOf(program + op);
      std::vector<Memory> memory;
      for (size_t i = 0; i < inputs.size(); ++i)
        memory.emplace_back(kernel.getArgumentTypes()[i], kPadded).write(*inputs[i]);
      for (mlir::Type type : kernel.getResultTypes())
        memory.emplace_back(type, kPadded);
      std::vector<void *> pointers;
      for (Memory &each : memory) {
        if (pointers.size() == inputs.size() && more)
          pointers.push_back(more);
        pointers.push_back(each.bytes.data());
      }
      run(program + op, pointers);
      for (size_t i = 0; i < expected.size(); ++i) {
        const Memory &result = memory[inputs.size() + i];
        double tolerance = result.layout.element.isF32() ? 2e-6 : result.layout.element.isF16() ? 6e-4 : 4.5e-3;
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t k = 0; k < result.layout.width; ++k) {
            double wanted = expected[i](row, k);
            ASSERT_NEAR(result.read(row, k), wanted, tolerance * (std::abs(wanted) + 1))
                << "result " << i << " row " << row << " feature " << k;
          }
      }
    }
  }

  // One part of the test each.
  void checkRotations();
  void checkGates();
  void checkSumsSplitsAndRepetitions();
  void checkNormsAndSelections();
  void checkAppends();

  double turned(const Matrix &matrix, const Matrix &by, int64_t row, int64_t k, bool isInterleaved) const {
    int64_t inHead = k % head, half = head / 2;
    int64_t pair = isInterleaved ? inHead / 2 : inHead % half;
    bool isSecond = isInterleaved ? inHead % 2 : inHead >= half;
    int64_t partner = isInterleaved ? (isSecond ? k - 1 : k + 1) : (isSecond ? k - half : k + half);
    double cosine = by.at(row, pair), sine = by.at(row, pair + half);
    return matrix.at(row, k) * cosine + (isSecond ? 1 : -1) * matrix.at(row, partner) * sine;
  }

  /// A row with the norm's weight, of eps 0.5.
  double normalised(const Matrix &matrix, int64_t row, int64_t k) const {
    double squares = 0;
    for (int64_t i = 0; i < width; ++i)
      squares += matrix.at(row, i) * matrix.at(row, i);
    return gain[k] * matrix.at(row, k) / std::sqrt(squares / double(width) + 0.5);
  }

  int64_t head = 0, width = 0;
  Matrix x, y, z, table, rounded;
  std::vector<double> gain;
  mlir::Type element;
  mlir::MLIRContext context;
  std::optional<CompiledKernels> kernels;
};

void Alone::checkRotations() {
  check("half", {&x, &table}, nullptr, {[&](int64_t row, int64_t k) { return turned(x, table, row, k, false); }});
  check("interleaved", {&y, &table}, nullptr, {[&](int64_t row, int64_t k) { return turned(y, table, row, k, true); }});
  // A table that lies in pairs where the features that it turns do not.
  check("rounded", {&x, &rounded}, nullptr,
        {[&](int64_t row, int64_t k) { return turned(x, rounded, row, k, false); }});
}

void Alone::checkGates() {
  check("silu", {&x, &y}, nullptr,
        {[&](int64_t row, int64_t k) { return x.at(row, k) / (1 + std::exp(-x.at(row, k))) * y.at(row, k); }});
  check("gelu", {&z}, nullptr, {[&](int64_t row, int64_t k) {
          double g = z.at(row, k), u = std::sqrt(2 / std::numbers::pi) * (g + 0.044715 * g * g * g);
          return 0.5 * g * (1 + std::tanh(u)) * z.at(row, k + width);
        }});
  check("relu", {&z}, nullptr,
        {[&](int64_t row, int64_t k) { return std::max(z.at(row, k), 0.0) * z.at(row, k + width); }});
}

void Alone::checkSumsSplitsAndRepetitions() {
  check("add", {&x, &y}, nullptr, {[&](int64_t row, int64_t k) { return x.at(row, k) + y.at(row, k); }});
  check("split", {&z}, nullptr,
        {[&](int64_t row, int64_t k) { return z.at(row, k); },
         [&](int64_t row, int64_t k) { return z.at(row, k + width); }});
  check("repeat", {&y}, nullptr, {[&](int64_t row, int64_t k) { return y.at(row, k / (2 * head) * head + k % head); }});
}

void Alone::checkNormsAndSelections() {
  std::vector<uint16_t> weight;
  for (double value : gain)
    weight.push_back(uint16_t(encode(bf16(), value)));
  check("norm", {&y}, weight.data(), {[&](int64_t row, int64_t k) { return normalised(y, row, k); }});
  check("gather", {&y}, const_cast<int32_t *>(kSelected),
        {[&](int64_t row, int64_t k) { return y.at(kSelected[row], k); }}, kOutputs);
  // As many rows as are selected.
  check("selected", {&x}, weight.data(), {[&](int64_t row, int64_t k) { return normalised(x, row, k); }}, kOutputs);
}

void Alone::checkAppends() {
  for (const char *program : {"decode.append", "prefill.append"}) {
    SCOPED_TRACE(program);
    llama::KernelOp kernel = kernelOf(program);
    Memory keys(kernel.getArgumentTypes()[1], kPadded), values(kernel.getArgumentTypes()[2], kPadded);
    keys.write(x);
    values.write(y);
    std::vector<int32_t> positions(kPadded, -1), sequences(kPadded, 0), blockTable(kSequences * kPages);
    for (int32_t i = 0; i < int32_t(blockTable.size()); ++i)
      blockTable[i] = (i * 5 + 3) % int32_t(blockTable.size());
    // Every third row is padding.
    for (int32_t row = 0; row < kRows; ++row)
      if (row % 3 != 2)
        positions[row] = 1 + row, sequences[row] = row % 2;
    constexpr uint16_t kUntouched = 0x4242;
    std::vector<uint16_t> pools[2];
    for (auto &pool : pools)
      pool.assign(blockTable.size() * kHeads * kPage * head, kUntouched);
    run(program, {pools[0].data(), pools[1].data(), blockTable.data(), keys.bytes.data(), values.bytes.data(),
                  positions.data(), sequences.data()});
    for (int which : {0, 1}) {
      std::vector<uint16_t> expected(pools[which].size(), kUntouched);
      for (int64_t row = 0; row < kRows; ++row)
        for (int64_t k = 0; k < width && positions[row] >= 0; ++k) {
          int64_t block = blockTable[sequences[row] * kPages + positions[row] / kPage];
          int64_t place = ((block * kHeads + k / head) * kPage + positions[row] % kPage) * head + k % head;
          expected[place] = uint16_t(encode(bf16(), (which ? y : x).at(row, k)));
        }
      EXPECT_EQ(pools[which], expected) << (which ? "values" : "keys");
    }
  }
}

// One test for all, since compiling takes most of the time.
TEST_P(Alone, ComputesWhatTheOpSays) {
  checkRotations();
  checkGates();
  checkSumsSplitsAndRepetitions();
  checkNormsAndSelections();
  checkAppends();
}

INSTANTIATE_TEST_SUITE_P(Shapes, Alone,
                         testing::Values(Shape{"x86-64-v3", "f32", 8}, Shape{"x86-64-v3", "bf16", 8},
                                         Shape{"x86-64-v3", "f16", 8}, Shape{"x86-64-v3", "bf16", 6},
                                         Shape{"x86-64-v3", "f32", 2}, Shape{"host", "bf16", 8},
                                         Shape{"host", "bf16", 12}, Shape{"host", "f16", 6}, Shape{"host", "f32", 40}),
                         [](const testing::TestParamInfo<Shape> &info) {
                           std::string target = info.param.target;
                           return replaceAll(target, "-", "") + info.param.type + std::to_string(info.param.head);
                         });

} // namespace
