//===- Specialize.cpp - llama-specialize ----------------------------------===//
//
//   forward on 1 ... M rows  =  decode on 1 ... d rows  |  prefill on d+1 ... min(p, M) rows
//
// Each program has kernels of its own, since few rows and many rows call for different schedules.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>

namespace quipu::llama {
#define GEN_PASS_DEF_SPECIALIZEPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

namespace {

struct SpecializePass : quipu::llama::impl::SpecializePassBase<SpecializePass> {
  using SpecializePassBase::SpecializePassBase;

  void runOnOperation() override {
    if (decodeRows < 1 || prefillRows < 0 || rowAlign < 1 || page < 0) {
      emitError(getOperation().getLoc())
          << "llama-specialize needs decode-rows >= 1, prefill-rows >= 0, row-align >= 1 and page >= 0, found "
          << decodeRows.getValue() << ", " << prefillRows.getValue() << ", " << rowAlign.getValue() << " and "
          << page.getValue();
      return signalPassFailure();
    }
    if (page > 0)
      setPage();

    SmallVector<func::FuncOp> forwards;
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      auto program = func->getAttrOfType<ProgramAttr>(kProgramAttrName);
      if (program && program.getKind() == ProgramKind::Forward)
        forwards.push_back(func);
    }
    if (forwards.size() > 1) {
      forwards[1].emitError() << "a module has one program of kind forward, found @" << forwards[0].getSymName()
                              << " and @" << forwards[1].getSymName();
      return signalPassFailure();
    }
    for (func::FuncOp forward : forwards) {
      auto program = forward->getAttrOfType<ProgramAttr>(kProgramAttrName);
      int64_t most = program.getMaxRows();
      int64_t decodeMost = std::min<int64_t>(decodeRows, most);
      clone(forward, "decode", ProgramAttr::get(&getContext(), ProgramKind::Decode, 1, decodeMost, 1));
      int64_t prefillMost = std::min<int64_t>(prefillRows, most);
      if (prefillMost > decodeMost)
        clone(forward, "prefill",
              ProgramAttr::get(&getContext(), ProgramKind::Prefill, decodeMost + 1, prefillMost, rowAlign));
      if (failed(failure))
        return signalPassFailure();
      eraseForward(forward);
    }
  }

private:
  void setPage() {
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](KVCacheType type) {
      return KVCacheType::get(type.getContext(), type.getLayers(), type.getKvHeads(), type.getHeadDim(),
                              type.getElementType(), page);
    });
    replacer.addReplacement([&](KVLayerType type) {
      return KVLayerType::get(type.getContext(), type.getKvHeads(), type.getHeadDim(), type.getElementType(), page);
    });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }

  /// Kernels that `func` launches, in the order of their first launch.
  llvm::SmallSetVector<StringRef, 16> kernelsOf(func::FuncOp func) {
    llvm::SmallSetVector<StringRef, 16> names;
    func.walk([&](LaunchOp launch) { names.insert(launch.getKernel()); });
    return names;
  }

  void clone(func::FuncOp forward, StringRef name, ProgramAttr program) {
    SymbolTable symbols(getOperation());
    if (symbols.lookup(name)) {
      forward.emitError() << "cannot make program @" << name << ": the name is taken";
      failure = mlir::failure();
      return;
    }
    OpBuilder builder(forward);
    llvm::StringMap<FlatSymbolRefAttr> renamed;
    for (StringRef kernelName : kernelsOf(forward)) {
      auto kernel = symbols.lookup<KernelOp>(kernelName);
      auto copy = cast<KernelOp>(builder.clone(*kernel));
      StringRef word = kernelName;
      word.consume_front((forward.getSymName() + ".").str());
      copy.setSymName((name + "." + word).str());
      symbols.insert(copy);
      renamed[kernelName] = FlatSymbolRefAttr::get(copy.getSymNameAttr());
    }
    auto copy = cast<func::FuncOp>(builder.clone(*forward));
    copy.setSymName(name);
    copy->setAttr(kProgramAttrName, program);
    copy.walk([&](LaunchOp launch) { launch.setKernelAttr(renamed.lookup(launch.getKernel())); });
  }

  void eraseForward(func::FuncOp forward) {
    SymbolTable symbols(getOperation());
    SmallVector<KernelOp> kernels;
    for (StringRef name : kernelsOf(forward))
      kernels.push_back(symbols.lookup<KernelOp>(name));
    forward.erase();
    llvm::DenseSet<StringRef> used;
    getOperation().walk([&](LaunchOp launch) { used.insert(launch.getKernel()); });
    for (KernelOp kernel : kernels)
      if (!used.contains(kernel.getSymName()))
        kernel.erase();
  }

  LogicalResult failure = success();
};

} // namespace
