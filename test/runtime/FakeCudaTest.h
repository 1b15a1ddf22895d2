//===- FakeCudaTest.h - Tests on a machine with a fake GPU ------------------*- C++ -*-===//

#ifndef QUIPU_TEST_RUNTIME_FAKECUDATEST_H
#define QUIPU_TEST_RUNTIME_FAKECUDATEST_H

#include "runtime/core/Model.h"
#include "test/runtime/FakeCuda.h"
#include "test/runtime/ToyPlan.h"

namespace quipu::test {

/// Puts the fake driver in place of the real one, and looks at the end whether everything was given back.
class FakeCudaTest : public testing::Test {
protected:
  FakeCudaTest();
  ~FakeCudaTest() override;

  /// Has the driver's properties (version, initResult) read again at the next use.
  void reloadDriver();

  /// A CUDA plan, of weight files in `folder` or without.
  std::shared_ptr<const PlanFile> cudaPlan(const std::function<void(plan::PlanT &)> &change = {}, bool files = true);
  std::shared_ptr<const Model> load(const ModelOptions &options = {});
  /// What loading `plan` is refused with.
  std::string refusal(const std::shared_ptr<const PlanFile> &plan, const ModelOptions &options = {});

  TempFolder folder;
  FakeCuda &fake;
};

/// Expects that `text` holds `part`.
void expectHas(const std::string &text, const std::string &part);

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_FAKECUDATEST_H
