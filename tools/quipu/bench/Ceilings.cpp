//===- Ceilings.cpp - The ceilings of the device that a model runs on --------------------===//

#include "tools/quipu/bench/Ceilings.h"
#include "runtime/core/Device.h"
#include "runtime/cuda/CudaCeilings.h"

namespace quipu::tool {

namespace {

class CpuCeilings : public Ceilings {
public:
  CpuCeilings(unsigned threads, const plan::Plan &plan, uint64_t weightBytes, bool pin)
      : pool(threads, pin), instruction(dotInstruction(plan)), bandwidth(pool, weightBytes),
        arithmetic(pool, instruction) {}

  CeilingRates measure() override { return {bandwidth.measure(), arithmetic.measure()}; }
  double bytes() const override { return bandwidth.best(); }
  double operations() const override { return arithmetic.best(); }
  const char *bytesName() const override { return "read"; }
  std::string operationsName() const override { return dotInstructionName(instruction); }

private:
  ThreadPool pool;
  DotInstruction instruction;
  ReadCeiling bandwidth;
  ArithmeticCeiling arithmetic;
};

class CudaCeilings : public Ceilings {
public:
  explicit CudaCeilings(CudaDevice &device) : copy(device), matmul(device) {}

  CeilingRates measure() override { return {copy.measure(), matmul.measure()}; }
  double bytes() const override { return copy.best(); }
  double operations() const override { return matmul.best(); }
  const char *bytesName() const override { return "copy"; }
  std::string operationsName() const override {
    return matmul.available() ? "cuBLAS bf16 product" : "arithmetic (not measured: " + matmul.problem() + ")";
  }

private:
  CopyCeiling copy;
  MatmulCeiling matmul;
};

} // namespace

std::unique_ptr<Ceilings> Ceilings::create(const Model &model, bool pin) {
  return create(model.device(), model.plan(), model.weightBytes(), pin);
}

std::unique_ptr<Ceilings> Ceilings::create(Device &device, const plan::Plan &plan, uint64_t weightBytes, bool pin) {
  if (CudaDevice *cuda = asCuda(device))
    return std::make_unique<CudaCeilings>(*cuda);
  return std::make_unique<CpuCeilings>(device.threads(), plan, weightBytes, pin);
}

} // namespace quipu::tool
