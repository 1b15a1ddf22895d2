//===- ReducePass.cpp - llama-reduce --------------------------------------===//
//
// Makes a module smaller in steps, and keeps a step if the script still finds the module of interest:
//
//   cut        ops in a row leave a program or a kernel; what they gave becomes arguments
//   results    a program returns less
//   arguments  those that nobody reads go
//   symbols    weights, kernels and programs go
//
// Rows of ops and symbols are halved until they are one. All begins again until nothing gets smaller.
//
//===----------------------------------------------------------------------===//

#include "tools/quipu-reduce/ReducePass.h"

#include "ir/Llama/Llama.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Reducer/Tester.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"

#include <algorithm>
#include <functional>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::tool {

namespace {

/// Ops of all programs and kernels, in the order of the module.
SmallVector<Operation *> opsOf(ModuleOp module) {
  SmallVector<Operation *> ops;
  for (auto function : module.getOps<FunctionOpInterface>())
    if (!function.isExternal() && function.getFunctionBody().hasOneBlock())
      for (Operation &op : function.getFunctionBody().front().without_terminator())
        ops.push_back(&op);
  return ops;
}

SmallVector<Operation *> symbolsOf(ModuleOp module) {
  return llvm::map_to_vector(*module.getBody(), [](Operation &op) { return &op; });
}

/// Appends an argument to a function. What launches it gets one too.
Value appendArgument(FunctionOpInterface function, Type type, Location loc) {
  unsigned number = function.getNumArguments();
  if (failed(function.insertArgument(number, type, DictionaryAttr(), loc)))
    return nullptr;
  if (auto kernel = dyn_cast<KernelOp>(function.getOperation()))
    kernel->getParentOfType<ModuleOp>().walk([&](LaunchOp launch) {
      if (launch.getKernel() != kernel.getSymName())
        return;
      if (Value operand = appendArgument(launch->getParentOfType<FunctionOpInterface>(), type, loc))
        launch.getOperandsMutable().append(operand);
    });
  return function.getArgument(number);
}

/// Takes an op out of its function.
void cut(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  for (Value result : op->getResults())
    if (!result.use_empty())
      if (Value argument = appendArgument(function, result.getType(), op->getLoc()))
        result.replaceAllUsesWith(argument);
  if (op->use_empty())
    op->erase();
}

struct ReducePass : PassWrapper<ReducePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReducePass)

  ReducePass() = default;
  ReducePass(const ReducePass &other) : PassWrapper<ReducePass, OperationPass<ModuleOp>>(other) {}

  StringRef getArgument() const final { return "llama-reduce"; }
  StringRef getDescription() const final { return "Makes a module as small as a script allows"; }

  void runOnOperation() override {
    llvm::ErrorOr<std::string> program = llvm::sys::findProgramByName(script);
    if (!program || !llvm::sys::fs::can_execute(*program)) {
      getOperation().emitError() << "test=" << script << ": there is no such program: name a script that can be run";
      return signalPassFailure();
    }
    Tester tester(*program, arguments);
    best = getOperation().clone();
    if (tester.isInteresting(*best).first != Tester::Interestingness::True) {
      getOperation().emitError() << "the script " << script << " does not find the whole module of interest: it must "
                                 << "end with a status other than 0 for that";
      return signalPassFailure();
    }
    bool isSmaller = true;
    while (isSmaller) {
      isSmaller = reduceRows(tester, opsOf, cut);
      isSmaller |= reduceResults(tester);
      isSmaller |= reduceArguments(tester);
      isSmaller |= reduceRows(tester, symbolsOf, [](Operation *op) { op->erase(); });
    }
    getOperation().getBodyRegion().takeBody(best->getBodyRegion());
  }

  Option<std::string> script{*this, "test",
                             llvm::cl::desc("A program that gets the name of a file with a module, and ends with a "
                                            "status other than 0 if that is of interest")};
  ListOption<std::string> arguments{*this, "test-arg", llvm::cl::desc("Arguments of the program in front of the file")};

private:
  /// Keeps the edited module if it is valid and still of interest.
  bool keeps(const Tester &tester, const std::function<void(ModuleOp)> &edit) {
    OwningOpRef<ModuleOp> smaller = cast<ModuleOp>(best->clone());
    edit(*smaller);
    {
      ScopedDiagnosticHandler quiet(&getContext(), [](Diagnostic &) { return success(); });
      if (failed(verify(*smaller)))
        return false;
    }
    if (tester.isInteresting(*smaller).first != Tester::Interestingness::True)
      return false;
    best = std::move(smaller);
    return true;
  }

  /// Takes rows of ops away, first long ones.
  bool reduceRows(const Tester &tester, const std::function<SmallVector<Operation *>(ModuleOp)> &list,
                  const std::function<void(Operation *)> &take) {
    bool isSmaller = false;
    for (size_t length = std::max<size_t>(list(*best).size(), 1); length > 0; length /= 2)
      for (size_t begin = 0; begin < list(*best).size();) {
        bool isKept = keeps(tester, [&](ModuleOp module) {
          SmallVector<Operation *> ops = list(module);
          for (size_t number = std::min(begin + length, ops.size()); number-- > begin;)
            take(ops[number]);
        });
        isSmaller |= isKept;
        begin += isKept ? 0 : length;
      }
    return isSmaller;
  }

  /// Programs that return less.
  bool reduceResults(const Tester &tester) {
    bool isSmaller = false;
    for (size_t program = 0; program < programsOf(*best).size(); ++program)
      for (unsigned number = programsOf(*best)[program].getNumResults(); number-- > 0;)
        isSmaller |= keeps(tester, [&](ModuleOp module) {
          func::FuncOp function = programsOf(module)[program];
          function.getBody().front().getTerminator()->eraseOperand(number);
          (void)function.eraseResult(number);
        });
    return isSmaller;
  }

  bool reduceArguments(const Tester &tester) {
    bool isSmaller = false;
    for (size_t program = 0; program < programsOf(*best).size(); ++program)
      for (unsigned number = programsOf(*best)[program].getNumArguments(); number-- > 0;)
        if (programsOf(*best)[program].getArgument(number).use_empty())
          isSmaller |= keeps(tester, [&](ModuleOp module) { (void)programsOf(module)[program].eraseArgument(number); });
    return isSmaller;
  }

  static SmallVector<func::FuncOp> programsOf(ModuleOp module) {
    SmallVector<func::FuncOp> programs;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal() && function.getBody().hasOneBlock())
        programs.push_back(function);
    return programs;
  }

  OwningOpRef<ModuleOp> best;
};

} // namespace

void registerReducePass() { PassRegistration<ReducePass>(); }

} // namespace quipu::tool
