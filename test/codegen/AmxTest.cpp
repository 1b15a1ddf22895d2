//===- AmxTest.cpp - Products of tiles, on any CPU with AVX-512 ------------------------------===//
//
// Compiles linear kernels over many rows for AMX, runs them (the tiles are emulated where the CPU has none), and
// compares with products in double precision.
//
//===-------------------------------------------------------------------------------------===//

#include "runtime/abi/WeightFormat.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/support/AmxPermission.h"
#include "test/codegen/AmxEmulator.h"
#include "test/codegen/CompiledKernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <random>

using namespace quipu;
using namespace quipu::test;

namespace {

/// Three tiles of rows: a pair, and one that is left over.
constexpr int64_t kRows = 37, kPadded = 48, kBlock = 32;

struct Case {
  const char *name;
  std::string format;
  int64_t inputs, outputs;
  bool isGated;

  bool isBf16() const { return format == "bf16"; }
  std::string activation() const { return isBf16() ? "bf16" : "f32"; }
  int64_t width() const { return isGated ? outputs / 2 : outputs; }

  std::string types() const { return "tensor<?x" + std::to_string(inputs) + "x" + activation() + ">"; }
  std::string weight() const {
    std::string element = isBf16() ? format : "!llama.block<" + format + ">";
    return "tensor<" + std::to_string(outputs) + "x" + std::to_string(inputs) + "x" + element + ">";
  }
  std::string result(int64_t columns) const { return "tensor<?x" + std::to_string(columns) + "x" + activation() + ">"; }

  std::string kernel() const {
    std::string text = "llama.kernel @" + std::string(name) + "(%x: " + types() + ", %w: " + weight() + ") -> " +
                       result(width()) + " {\n";
    std::string input = "%x";
    if (!isBf16()) {
      text += "  %q = llama.quantize %x {block = 32 : i64} : (" + types() + ") -> " + types() + "\n";
      input = "%q";
    }
    text += "  %0 = llama.linear " + input + ", %w : (" + types() + ", " + weight() + ") -> " + result(outputs) + "\n";
    if (isGated)
      text += "  %1 = llama.gate %0 activation relu : (" + result(outputs) + ") -> " + result(width()) + "\n";
    return text + "  llama.yield %" + (isGated ? "1" : "0") + " : " + result(width()) + "\n}\n";
  }
  std::string launch() const {
    return "  %" + std::string(name) + " = llama.launch @" + name + "(%x." + name + ", %w." + name + ") : (" + types() +
           ", " + weight() + ") -> " + result(width()) + "\n";
  }
  std::string parameters() const {
    return "%x." + std::string(name) + ": " + types() + ", %w." + name + ": " + weight();
  }
};

std::string moduleOf(const std::vector<Case> &cases) {
  std::string kernels, launches, parameters;
  for (const Case &each : cases) {
    kernels += each.kernel();
    launches += each.launch();
    parameters += (parameters.empty() ? "" : ", ") + each.parameters();
  }
  return kernels + "func.func @prefill(" + parameters +
         ") attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {\n" + launches +
         "  return\n}\n";
}

class Amx : public testing::Test {
protected:
  void SetUp() override {
    for (const char *needed : {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512bf16", "avx512vnni"})
      if (!hasCpuFeature(needed))
        GTEST_SKIP() << "the CPU has no " << needed << ", which code for AMX uses too";
    if (!hasCpuFeature("amx-int8") || !hasCpuFeature("amx-bf16") || !requestAmx())
      emulator.emplace();
  }

  /// Runs all cases of a module.
  void check(const std::vector<Case> &cases) {
    CompiledKernels kernels(context, moduleOf(cases),
                            "cpu:x86-64-v4,+avx512bf16,+avx512vnni,+amx-tile,+amx-int8,+amx-bf16");
    ASSERT_TRUE(kernels.isLoaded());
    long before = AmxEmulator::count();
    for (const Case &each : cases) {
      SCOPED_TRACE(each.name);
      checkKernel(kernels, each);
    }
    if (emulator)
      EXPECT_GT(AmxEmulator::count(), before) << "no tiles were used";
  }

  void checkKernel(CompiledKernels &kernels, const Case &test) {
    llama::KernelOp kernel = kernels.kernelOf(test.name);
    const WeightFormat &format = *findWeightFormat(test.format);
    std::vector<float> numbers = draw(test.outputs * test.inputs);
    std::vector<uint8_t> weight(format.bytes(numbers.size()));
    ASSERT_FALSE(encodeBlocks(format, numbers.data(), weight.data(), numbers.size()));
    decodeBlocks(format, weight.data(), numbers.data(), numbers.size());

    std::vector<float> input = draw(kRows * test.inputs);
    Memory x(kernel.getArgumentTypes()[0], kPadded), result(kernel.getResultTypes()[0], kPadded);
    for (float &value : input)
      value = float(decode(x.layout.element, encode(x.layout.element, value)));
    x.write({test.inputs, {input.begin(), input.end()}});
    if (!test.isBf16())
      roundInput(input);

    std::vector<Memory> workspaces;
    std::vector<void *> pointers = {x.bytes.data(), weight.data(), result.bytes.data()};
    if (mlir::ArrayAttr types = kernel.getWorkspaceAttr())
      for (mlir::Attribute type : types)
        workspaces.emplace_back(mlir::cast<mlir::TypeAttr>(type).getValue(), kPadded);
    for (Memory &each : workspaces)
      pointers.push_back(each.bytes.data());
    CompiledKernels::Dims dims = {};
    dims[kDimTokens] = kPadded;
    kernels.run(test.name, pointers, dims);

    for (int64_t row = 0; row < kRows; ++row)
      for (int64_t k = 0; k < test.width(); ++k) {
        auto [wanted, size] = product(test, numbers, input, row, k);
        if (test.isGated) {
          auto [up, upSize] = product(test, numbers, input, row, k + test.width());
          size = size * std::abs(up) + upSize * std::abs(wanted);
          wanted = std::max(wanted, 0.0) * up;
        }
        // Sums of f32, and a result of bf16.
        double tolerance = 2e-6 * size + (test.isBf16() ? 4e-3 * std::abs(wanted) : 0);
        ASSERT_NEAR(result.read(row, k), wanted, tolerance) << "row " << row << " feature " << k;
      }
  }

  /// A sum of products, and that of their magnitudes.
  static std::pair<double, double> product(const Case &test, const std::vector<float> &weight,
                                           const std::vector<float> &input, int64_t row, int64_t output) {
    double sum = 0, size = 0;
    for (int64_t k = 0; k < test.inputs; ++k) {
      double term = double(weight[output * test.inputs + k]) * input[row * test.inputs + k];
      sum += term;
      size += std::abs(term);
    }
    return {sum, size};
  }

  /// As llama.quantize says.
  static void roundInput(std::vector<float> &values) {
    for (size_t i = 0; i < values.size(); i += kBlock) {
      float largest = 0;
      for (size_t j = i; j < i + kBlock; ++j)
        largest = std::max(largest, std::abs(values[j]));
      float scale = largest / 127, inverse = 127 / largest;
      for (size_t j = i; j < i + kBlock; ++j)
        values[j] = std::nearbyint(values[j] * inverse) * scale;
    }
  }

  std::vector<float> draw(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float &value : values)
      value = normal(random);
    return values;
  }

  mlir::MLIRContext context;
  std::mt19937 random{11};
  std::optional<AmxEmulator> emulator;
};

} // namespace

// Test: rows that are whole tiles, and rows that are left over, also an odd number and a single one; an odd number of
// parts; scales for 32 and for 16 values; offsets and minima; two halves of a gate.
TEST_F(Amx, Integers) {
  check({{"signed", "q8_0", 96, 41, false},
         {"offset", "q4_0", 64, 38, false},
         {"fifth_bits", "q5_1", 32, 33, false},
         {"sixteens", "q6_k", 256, 34, false},
         {"sixteens_with_minima", "q2_k", 512, 12, false},
         {"minima", "q4_k", 512, 32, false},
         {"gated", "q4_1", 64, 40, true}});
}

// Test: sums of bf16 over several tiles, whose results lie in pairs.
TEST_F(Amx, Bf16) {
  check({{"whole", "bf16", 32, 64, false}, {"left_over", "bf16", 96, 42, false}, {"gated", "bf16", 64, 40, true}});
}
