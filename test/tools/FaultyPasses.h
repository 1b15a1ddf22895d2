//===- FaultyPasses.h - Compilers with planted faults ---------------------------*- C++ -*-===//

#ifndef QUIPU_TEST_TOOLS_FAULTYPASSES_H
#define QUIPU_TEST_TOOLS_FAULTYPASSES_H

#include "ir/Llama/Llama.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <functional>
#include <memory>

namespace quipu::test {

using Fault = std::function<void(mlir::ModuleOp module)>;

/// What passes with a planted fault share: the right pass, whose name they have. `Derived` says where the fault comes
/// in.
template <typename Derived> class PlantedPass : public mlir::PassWrapper<Derived, mlir::OperationPass<mlir::ModuleOp>> {
public:
  PlantedPass(std::unique_ptr<mlir::Pass> right, Fault fault)
      : fault(std::move(fault)), argument(right->getArgument()),
        right(std::make_shared<std::unique_ptr<mlir::Pass>>(std::move(right))) {}

  llvm::StringRef getArgument() const final { return argument; }
  void getDependentDialects(mlir::DialectRegistry &registry) const override {
    (*right)->getDependentDialects(registry);
  }

protected:
  mlir::LogicalResult runRight() {
    mlir::OpPassManager passes(mlir::ModuleOp::getOperationName());
    passes.addPass(std::move(*right));
    return this->runPipeline(passes, this->getOperation());
  }

  Fault fault;

private:
  llvm::StringRef argument;
  /// Copies of a pass share it. One of them runs.
  std::shared_ptr<std::unique_ptr<mlir::Pass>> right;
};

/// A pass of the compiler with a fault: it does what the pass does, and then something wrong.
class FaultyPass : public PlantedPass<FaultyPass> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FaultyPass)
  using PlantedPass::PlantedPass;

  void runOnOperation() override {
    if (failed(runRight()))
      return signalPassFailure();
    fault(getOperation());
  }
};

/// An emitter with a fault: the code that it emits is that of kernels which the fault has changed. The kernels
/// themselves stay as they were.
class FaultyEmitter : public PlantedPass<FaultyEmitter> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FaultyEmitter)
  using PlantedPass::PlantedPass;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    mlir::OwningOpRef<mlir::ModuleOp> original = module.clone();
    fault(module);
    if (failed(runRight()))
      return signalPassFailure();
    for (auto kernel : llvm::make_early_inc_range(module.getOps<llama::KernelOp>())) {
      mlir::OpBuilder builder(kernel);
      auto before = original->lookupSymbol<llama::KernelOp>(kernel.getSymName());
      mlir::cast<llama::KernelOp>(builder.clone(*before)).setCodeAttr(kernel.getCodeAttr());
      kernel.erase();
    }
  }
};

/// A config of two layers.
inline constexpr const char *kSmallConfig = R"({
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 32,
  "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
  "vocab_size": 64, "max_position_embeddings": 128, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
  "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32"
})";

} // namespace quipu::test

#endif // QUIPU_TEST_TOOLS_FAULTYPASSES_H
