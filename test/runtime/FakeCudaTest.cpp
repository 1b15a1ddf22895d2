//===- FakeCudaTest.cpp - Tests on a machine with a fake GPU -----------------------------===//

#include "test/runtime/FakeCudaTest.h"

#include <cstdlib>
#include <dlfcn.h>

namespace quipu::test {

static FakeCuda &fakeState() {
  void *library = dlopen(QUIPU_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    ADD_FAILURE() << dlerror();
    abort();
  }
  return *reinterpret_cast<FakeCudaFunction>(dlsym(library, "fakeCuda"))();
}

FakeCudaTest::FakeCudaTest() : fake(fakeState()) {
  fake = FakeCuda();
  setenv("QUIPU_CUDA_DRIVER", QUIPU_FAKE_CUDA, 1);
}

FakeCudaTest::~FakeCudaTest() {
  EXPECT_EQ(fake.alive, 0) << "memory, streams, events or modules are left";
  EXPECT_EQ(fake.graphsAlive, 0);
  EXPECT_EQ(fake.usedBytes, 0u);
  unsetenv("QUIPU_CUDA_DRIVER");
}

void FakeCudaTest::reloadDriver() {
  // Drivers are known by path: another name of the same file is another driver.
  static int count = 0;
  setenv("QUIPU_CUDA_DRIVER", (std::string(size_t(++count), '/') + QUIPU_FAKE_CUDA).c_str(), 1);
}

std::shared_ptr<const PlanFile> FakeCudaTest::cudaPlan(const std::function<void(plan::PlanT &)> &change, bool files) {
  plan::PlanT plan = files ? toyPlan(folder) : toyPlan();
  makeCuda(plan);
  if (change)
    change(plan);
  return PlanFile::open(writeToyPlan(folder, plan));
}

std::shared_ptr<const Model> FakeCudaTest::load(const ModelOptions &options) {
  return Model::load(cudaPlan(), options);
}

std::string FakeCudaTest::refusal(const std::shared_ptr<const PlanFile> &plan, const ModelOptions &options) {
  return errorOf([&] { Model::load(plan, options); });
}

void expectHas(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nhas no\n" << part;
}

} // namespace quipu::test
