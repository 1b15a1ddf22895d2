//===- Lowering.cpp - Vector code to the LLVM dialect --------------------------===//

#include "codegen/cpu/CpuKernel.h"

#include "ir/Llama/DebugLog.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

#define DEBUG_TYPE "llama-lower-cpu"

using namespace mlir;

namespace quipu::codegen::cpu {

namespace {
/// Vector exp becomes a polynomial. A call of libm for every lane would take most of the time of the softmax.
struct ExpandExpPass : PassWrapper<ExpandExpPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandExpPass)
  StringRef getArgument() const final { return "quipu-expand-exp"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) { return name == "math.exp"; });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

/// Makes bf16 plain words of 16 bits, after its conversions became arithmetic on them. Otherwise LLVM, on targets
/// without instructions for bf16, would call functions of a support library, which the process that loads the code does
/// not have.
struct Bf16AsWordsPass : PassWrapper<Bf16AsWordsPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Bf16AsWordsPass)
  StringRef getArgument() const final { return "quipu-bf16-as-words"; }
  void runOnOperation() override {
    AttrTypeReplacer replacer;
    replacer.addReplacement([](BFloat16Type type) -> Type { return IntegerType::get(type.getContext(), 16); });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};
} // namespace

void addCpuLowering(OpPassManager &passes, const CpuTarget &target) {
  passes.addPass(std::make_unique<ExpandExpPass>());
  // LLVM has instructions for every width only with both features.
  bool hasBf16 = target.hasBf16Dot();
  if (!hasBf16) {
    QUIPU_DEBUG() << target.requested << " has no instructions for bf16: conversions become arithmetic on words";
    arith::ArithExpandOpsPassOptions expand;
    expand.includeBf16 = true;
    passes.addPass(arith::createArithExpandOpsPass(expand));
  }
  passes.addPass(createCSEPass());
  passes.addPass(createLoopInvariantCodeMotionPass());
  passes.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectorOptions;
  vectorOptions.reassociateFPReductions = true;
  vectorOptions.x86Vector = true;
  passes.addPass(createConvertVectorToLLVMPass(vectorOptions));
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createUBToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (!hasBf16)
    passes.addPass(std::make_unique<Bf16AsWordsPass>());
}

} // namespace quipu::codegen::cpu
