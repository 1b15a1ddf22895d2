//===- CudaWeightsTest.cpp: weights in device memory -------------------------------------===//

#include "runtime/abi/DataType.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/RowOrder.h"
#include "runtime/core/Weights.h"
#include "runtime/cpu/CpuDevice.h"
#include "runtime/cuda/CudaDevice.h"
#include "runtime/support/Hash.h"
#include "runtime/support/Progress.h"
#include "test/runtime/FakeCudaTest.h"

#include <cstring>

using namespace quipu;
using namespace quipu::test;

namespace {

struct SourceShape {
  const char *name;
  plan::RowOrder order;
  uint64_t rows;
  uint64_t groupRows;
};

class CudaWeightsTest : public FakeCudaTest {
protected:
  /// A plan whose only weights are `weight`, joined from `sources` of `columns` columns, which lie in a file as bf16
  /// one behind the other, and a large plain one.
  std::shared_ptr<const PlanFile> planOf(const std::vector<SourceShape> &sources, uint64_t columns, plan::DType dtype) {
    return cudaPlan([&](plan::PlanT &plan) {
      plan::WeightT &weight = *plan.weights[6];
      weight.role = plan::WeightRole::matrix;
      weight.format = dtypeName(dtype);
      weight.shape = {0, columns};
      weight.sources.clear();
      uint64_t offset = 0;
      values.clear();
      for (const SourceShape &shape : sources) {
        auto source = std::make_unique<plan::SourceT>();
        source->name = shape.name;
        source->file = 0;
        source->offset = offset;
        source->format = "bf16";
        source->shape = {shape.rows, columns};
        source->size = shape.rows * columns * 2;
        source->order = shape.order;
        source->group_rows = shape.groupRows;
        source->first_row = shape.order == plan::RowOrder::second ? weight.shape[0] - shape.rows : weight.shape[0];
        offset += source->size;
        weight.shape[0] += shape.rows;
        weight.sources.push_back(std::move(source));
      }
      for (auto &kernel : plan.kernels)
        if (kernel->params.size() == 6) {
          kernel->params[4]->format = dtypeName(dtype);
          kernel->params[4]->bytes = weight.shape[0] * columns * dtypeSize(dtype);
        }
      // The bytes need only be told apart: any even pattern of small numbers.
      for (uint64_t i = 0; i < offset / 2; ++i)
        values.push_back(bf16FromF32(float(i % 251) / 8 - float(i / 251 % 127)));
      std::vector<uint8_t> bytes = readFile(folder.path("weights.safetensors"));
      size_t begin = bytes.size();
      bytes.resize(begin + offset);
      memcpy(bytes.data() + begin, values.data(), offset);
      writeFile(folder.path("weights.safetensors"), bytes);
      plan.files[0]->size = bytes.size();
      plan.files[0]->mtime_ns = 0;
      Hash128 content = hashBytes(bytes.data(), bytes.size());
      plan.files[0]->content_hash.assign(content.begin(), content.end());
      for (auto &source : weight.sources)
        source->offset += begin;
    });
  }

  /// Expects each row of the weight where RowOrder.h puts it.
  template <typename Element>
  void expectRows(const Element *weight, const std::vector<SourceShape> &sources, uint64_t columns,
                  const std::function<Element(size_t source, uint64_t element)> &value) {
    uint64_t firstRow = 0;
    for (size_t s = 0; s < sources.size(); ++s) {
      const SourceShape &source = sources[s];
      if (source.order == plan::RowOrder::second)
        firstRow -= source.rows;
      for (uint64_t row = 0; row < source.rows; ++row) {
        uint64_t target = firstRow + targetRow(source.order, source.groupRows, row);
        for (uint64_t c = 0; c < columns; ++c)
          ASSERT_EQ(weight[target * columns + c], value(s, row * columns + c))
              << source.name << ", row " << row << ", column " << c;
      }
      firstRow += source.order == plan::RowOrder::second ? 2 * source.rows : source.rows;
    }
  }

  std::vector<uint16_t> values;
};

const std::vector<SourceShape> kQkv = {{"q", plan::RowOrder::halves, 96, 32},
                                       {"k", plan::RowOrder::alternating, 48, 16},
                                       {"v", plan::RowOrder::plain, 35, 0}};
const std::vector<SourceShape> kGateUp = {{"gate", plan::RowOrder::first, 40, 0},
                                          {"up", plan::RowOrder::second, 40, 0}};

} // namespace

// Test: sourceRun is the opposite of targetRow.
TEST(RowOrder, RunsAreInverse) {
  for (const std::vector<SourceShape> &sources : {kQkv, kGateUp})
    for (const SourceShape &source : sources)
      for (uint64_t row = 0; row < source.rows; ++row) {
        uint64_t target = targetRow(source.order, source.groupRows, row);
        SourceRun run = sourceRun(source.order, source.groupRows, source.rows, target);
        ASSERT_EQ(run.row, row) << source.name;
        ASSERT_GT(run.count, 0u);
        for (uint64_t i = 0; i < run.count; ++i)
          ASSERT_EQ(targetRow(source.order, source.groupRows, row + i), target + i) << source.name;
      }
  EXPECT_EQ(sourceRun(plan::RowOrder::plain, 0, 8, 8).count, 0u);
  EXPECT_EQ(sourceRun(plan::RowOrder::halves, 16, 32, 32).count, 0u);
  EXPECT_EQ(sourceRun(plan::RowOrder::first, 0, 8, 8).count, 0u);
  EXPECT_EQ(sourceRun(plan::RowOrder::second, 0, 8, 8).count, 8u);
  EXPECT_EQ(sourceRun(plan::RowOrder::first, 0, 8, 16).count, 0u);
}

// Test: rows in their order, converted or not; a megabyte of them takes several pieces. CPU and GPU agree.
TEST_F(CudaWeightsTest, FromFiles) {
  for (const std::vector<SourceShape> &sources : {kQkv, kGateUp}) {
    constexpr uint64_t kColumns = 20000;
    auto elementOf = [&](size_t source, uint64_t element) {
      for (size_t s = 0; s < source; ++s)
        element += sources[s].rows * kColumns;
      return values[element];
    };
    auto plan = planOf(sources, kColumns, plan::DType::bf16);
    CudaDevice cuda(0);
    CpuDevice cpu(2, false);
    for (Device *device : {static_cast<Device *>(&cuda), static_cast<Device *>(&cpu)}) {
      Weights weights(*plan, *device, ModelOptions());
      EXPECT_EQ(reinterpret_cast<uintptr_t>(weights.pointer(6)) % device->alignment(), 0u);
      expectRows<uint16_t>(static_cast<const uint16_t *>(weights.pointer(6)), sources, kColumns, elementOf);
    }
    plan = planOf(sources, 40, plan::DType::f32);
    Weights weights(*plan, cuda, ModelOptions());
    expectRows<float>(static_cast<const float *>(weights.pointer(6)), sources, 40, [&](size_t source, uint64_t i) {
      for (size_t s = 0; s < source; ++s)
        i += sources[s].rows * 40;
      return f32FromBf16(values[i]);
    });
  }
}

// Test: the same values from a seed, whether the device computes them or the host does; ones for norms.
TEST_F(CudaWeightsTest, Random) {
  for (bool services : {true, false}) {
    fake.services = services;
    for (plan::DType dtype : {plan::DType::bf16, plan::DType::f32}) {
      for (const std::vector<SourceShape> &sources : {kQkv, kGateUp}) {
        auto plan = planOf(sources, 40, dtype);
        CudaDevice device(0);
        auto code = device.loadModule(*plan->plan().modules()->Get(0), "toy.plan");
        fake.launches.clear();
        ModelOptions options;
        options.weights = WeightSource::random(77);
        Weights weights(*plan, device, options);
        EXPECT_EQ(fake.launches.empty(), !services);
        auto value = [&](size_t source, uint64_t element) {
          float result;
          fillRandom(sources[source].name, 77, plan::WeightRole::matrix, 40, element, 1, &result);
          return result;
        };
        if (dtype == plan::DType::f32)
          expectRows<float>(static_cast<const float *>(weights.pointer(6)), sources, 40, value);
        else
          expectRows<uint16_t>(static_cast<const uint16_t *>(weights.pointer(6)), sources, 40,
                               [&](size_t source, uint64_t i) { return bf16FromF32(value(source, i)); });
      }
    }
  }
}

// Test: slices of a tensor in the order of pairs, from a file and from a seed. The device makes numbers of whole rows
// itself; those of some columns come from the host.
TEST_F(CudaWeightsTest, Slices) {
  constexpr uint64_t kColumns = 40, kRows = 40;
  for (bool narrow : {false, true}) {
    uint64_t firstColumn = narrow ? 5 : 0, columns = narrow ? 16 : kColumns;
    auto whole = planOf(kGateUp, kColumns, plan::DType::bf16);
    plan::PlanT changed;
    whole->plan().UnPackTo(&changed);
    plan::WeightT &weight = *changed.weights[6];
    weight.shape[1] = columns;
    // Both are rows of one tensor.
    for (uint64_t i = 0; i < 2; ++i) {
      plan::SourceT &source = *weight.sources[i];
      source.name = "both";
      source.offset = weight.sources[0]->offset;
      source.shape = {2 * kRows, kColumns};
      source.size = 2 * kRows * kColumns * 2;
      source.slice = std::make_unique<plan::Slice>(i * kRows, kRows, firstColumn, columns);
    }
    for (auto &kernel : changed.kernels)
      if (kernel->params.size() == 6)
        kernel->params[4]->bytes = weight.shape[0] * columns * 2;
    auto plan = PlanFile::fromMemory(planBytes(packPlan(changed)), "toy.plan");
    auto numberOf = [&](size_t source, uint64_t element) {
      return (source * kRows + element / columns) * kColumns + firstColumn + element % columns;
    };
    CudaDevice device(0);
    auto code = device.loadModule(*plan->plan().modules()->Get(0), "toy.plan");
    Weights weights(*plan, device, ModelOptions());
    expectRows<uint16_t>(static_cast<const uint16_t *>(weights.pointer(6)), kGateUp, columns,
                         [&](size_t source, uint64_t element) { return values[numberOf(source, element)]; });
    ModelOptions options;
    options.weights = WeightSource::random(77);
    Weights random(*plan, device, options);
    expectRows<uint16_t>(
        static_cast<const uint16_t *>(random.pointer(6)), kGateUp, columns, [&](size_t source, uint64_t element) {
          float result;
          fillRandom("both", 77, plan::WeightRole::matrix, kColumns, numberOf(source, element), 1, &result);
          return bf16FromF32(result);
        });
  }
}

// Test: weights larger than the buffers go through these, and how far they are is said.
TEST_F(CudaWeightsTest, BoundedStaging) {
  struct Uploads : ProgressListener {
    void begin(const Progress &) override {}
    void end(const Progress &progress) override {
      if (progress.what == "upload the weights") {
        EXPECT_EQ(progress.done(), progress.total);
        bytes += progress.done();
      }
    }
    uint64_t bytes = 0;
  } uploads;
  auto plan = planOf({{"big", plan::RowOrder::plain, 20000, 0}}, 1024, plan::DType::bf16);
  CudaDevice device(0);
  setProgressListener(&uploads);
  Weights weights(*plan, device, ModelOptions());
  setProgressListener(nullptr);
  EXPECT_EQ(uploads.bytes, weights.bytes());
  EXPECT_EQ(weights.bytes() >> 20, 39u);
  EXPECT_LE(fake.mostPinnedBytes, size_t(12 * 2) * (2 << 20));
  EXPECT_EQ(memcmp(weights.pointer(6), values.data(), values.size() * 2), 0);
}
