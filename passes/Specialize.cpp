//===- Specialize.cpp - llama-specialize ----------------------------------===//
//
//   forward on 1 ... M rows  =  decode on 1 ... d rows  |  prefill on d+1 ... min(p, M) rows
//
// or more programs, for bounds of one's own. Each has kernels of its own, since few rows and many rows call for
// different schedules.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>
#include <optional>

#define DEBUG_TYPE "llama-specialize"

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
    FailureOr<SmallVector<Part>> parts = programs.empty() ? defaultParts() : parseParts();
    if (failed(parts))
      return signalPassFailure();
    for (func::FuncOp forward : forwards) {
      int64_t most = forward->getAttrOfType<ProgramAttr>(kProgramAttrName).getMaxRows();
      for (const Part &part : *parts) {
        if (part.minRows > most)
          QUIPU_DECISION(forward) << "no program @" << part.name << ": it begins at " << part.minRows << " rows, @"
                                  << forward.getSymName() << " takes " << most;
        else if (failed(clone(forward, part, std::min(part.maxRows, most))))
          return signalPassFailure();
      }
      eraseForward(forward);
    }
  }

private:
  /// A program to be made: the rows that it takes of the imported one.
  struct Part {
    std::string name;
    ProgramKind kind;
    int64_t minRows, maxRows;
  };

  SmallVector<Part> defaultParts() {
    SmallVector<Part> parts = {{"decode", ProgramKind::Decode, 1, decodeRows}};
    if (prefillRows > decodeRows)
      parts.push_back({"prefill", ProgramKind::Prefill, decodeRows + 1, prefillRows});
    return parts;
  }

  /// `KIND:MIN-MAX` or `KIND:NAME:MIN-MAX` each. The rows of a kind follow each other, and leave none to nobody: those
  /// of decode begin with 1, those of prefill where decode ends at the latest.
  FailureOr<SmallVector<Part>> parseParts() {
    SmallVector<Part> parts;
    auto refuse = [&](StringRef text) {
      return emitError(getOperation().getLoc()) << "llama-specialize: program '" << text << "' ";
    };
    int64_t nextDecode = 1;
    std::optional<int64_t> nextPrefill;
    for (StringRef text : programs) {
      SmallVector<StringRef> fields;
      text.split(fields, ':');
      auto [low, high] = fields.back().split('-');
      Part part;
      if (fields.size() < 2 || fields.size() > 3 || low.getAsInteger(10, part.minRows) ||
          high.getAsInteger(10, part.maxRows))
        return refuse(text) << "is not of the form KIND:MIN-MAX or KIND:NAME:MIN-MAX";
      std::optional<ProgramKind> kind = symbolizeProgramKind(fields.front());
      if (!kind || *kind == ProgramKind::Forward)
        return refuse(text) << "has kind '" << fields.front() << "', expected decode or prefill";
      part.kind = *kind;
      part.name = fields[fields.size() - 2].str();
      if (part.name.empty())
        return refuse(text) << "has no name";
      if (llvm::any_of(parts, [&](const Part &other) { return other.name == part.name; }))
        return refuse(text) << "has the name of one before";
      bool isDecode = part.kind == ProgramKind::Decode;
      int64_t next = isDecode ? nextDecode : nextPrefill.value_or(nextDecode);
      bool overlaps = !isDecode && !nextPrefill && part.minRows >= 1 && part.minRows < next;
      if ((part.minRows != next && !overlaps) || part.maxRows < part.minRows)
        return refuse(text) << "has rows " << part.minRows << " to " << part.maxRows << ", expected " << next
                            << " to at least as many";
      if (isDecode)
        nextDecode = part.maxRows + 1;
      else
        nextPrefill = part.maxRows + 1;
      parts.push_back(part);
    }
    return parts;
  }

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

  LogicalResult clone(func::FuncOp forward, const Part &part, int64_t maxRows) {
    SymbolTable symbols(getOperation());
    StringRef name = part.name;
    if (symbols.lookup(name))
      return forward.emitError() << "cannot make program @" << name << ": the name is taken";
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
    copy->setAttr(kProgramAttrName, ProgramAttr::get(&getContext(), part.kind, part.minRows, maxRows,
                                                     part.kind == ProgramKind::Prefill ? rowAlign : 1));
    QUIPU_DECISION(copy) << "program @" << name << " for " << part.minRows << " to " << maxRows
                         << " rows, kernels: " << renamed.size();
    copy.walk([&](LaunchOp launch) { launch.setKernelAttr(renamed.lookup(launch.getKernel())); });
    return success();
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
};

} // namespace
