//===- Ceilings.cpp - The ceilings of the device that a model runs on --------------------===//

#include "tools/quipu/bench/Ceilings.h"
#include "runtime/core/Device.h"
#include "runtime/cuda/CudaCeilings.h"

namespace quipu::tool {

namespace {

class CpuCeilings : public Ceilings {
public:
  CpuCeilings(const Model &model, bool pin)
      : pool(model.device().threads(), pin), instruction(dotInstruction(model.plan())),
        bandwidth(pool, model.weightBytes()), arithmetic(pool, instruction) {}

  void measure() override {
    bandwidth.measure();
    arithmetic.measure();
  }
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

  void measure() override {
    copy.measure();
    matmul.measure();
  }
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
  if (CudaDevice *device = asCuda(model.device()))
    return std::make_unique<CudaCeilings>(*device);
  return std::make_unique<CpuCeilings>(model, pin);
}

} // namespace quipu::tool
