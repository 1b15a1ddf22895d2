//===- PlanMemory.cpp - llama-plan-memory ---------------------------------===//
//
// Value v of size s(v) lives from launch b(v) to launch e(v), both included. The pass looks for places o(v) with
//
//   [o(u), o(u) + s(u)) and [o(v), o(v) + s(v)) disjoint   whenever   [b(u), e(u)] and [b(v), e(v)] meet
//
// and a small max (o + s). Values that are the same result, or the same operand, of launches of one kernel form a
// *class*. The residual stream in front of every layer is one. Values of a class that do not live at the same time
// share a place; they form a *kind*. So all layers of one shape are placed alike, their steps can be rolled into a
// loop, and a model of 80 layers has as few kinds as one of 2. The largest kind is placed first (equal ones in the
// order of the program). Each kind gets the lowest place that is free while any of its values lives.
//
// The kernel's `overwrites` says that a result may overwrite an operand. Where this launch is the last use of the
// operand, the result continues it: both have one place. Caches then hold the residual stream once instead of twice.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/DebugLog.h"
#include "ir/Llama/Llama.h"
#include "passes/ArenaSize.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

#define DEBUG_TYPE "llama-plan-memory"

namespace quipu::llama {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

namespace {

/// A value or workspace that needs a place.
struct Item {
  int64_t size = 0;
  int64_t begin = 0, end = 0;
  /// Its class, as Classes numbers it.
  unsigned member = 0;
  int64_t offset = -1;
  /// The item that this one continues, in whose place it lies.
  std::optional<size_t> continued = std::nullopt;
};

/// Items of a class that share a place; no two of them live at the same time.
struct Kind {
  int64_t size = 0;
  SmallVector<size_t> items;
  int64_t offset = -1;
};

/// The launches of a program.
struct Launches {
  explicit Launches(func::FuncOp func) {
    func.walk([&](LaunchOp launch) {
      numbers[launch] = inOrder.size();
      inOrder.push_back(launch);
    });
  }

  SmallVector<LaunchOp> inOrder;
  llvm::DenseMap<Operation *, int64_t> numbers;
  /// Index of the first item of each launch.
  SmallVector<size_t> firstItem;
};

/// The operands, results and workspaces of kernels, joined where one value is several of them.
class Classes {
public:
  unsigned operand(KernelOp kernel, unsigned index) { return id(kernel, index); }
  unsigned result(KernelOp kernel, unsigned index) { return id(kernel, kernel.getArgumentTypes().size() + index); }
  unsigned workspace(KernelOp kernel, unsigned index) {
    return id(kernel, kernel.getArgumentTypes().size() + kernel.getResultTypes().size() + index);
  }
  void join(unsigned a, unsigned b) { classes.join(a, b); }
  unsigned leader(unsigned member) const { return classes.findLeader(member); }

private:
  unsigned id(KernelOp kernel, unsigned position) {
    auto [found, isNew] = ids.try_emplace({kernel.getOperation(), position}, ids.size());
    if (isNew)
      classes.grow(ids.size());
    return found->second;
  }

  llvm::DenseMap<std::pair<Operation *, unsigned>, unsigned> ids;
  llvm::IntEqClasses classes;
};

struct PlanMemoryPass : quipu::llama::impl::PlanMemoryPassBase<PlanMemoryPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (auto program = func->getAttrOfType<ProgramAttr>(kProgramAttrName))
        plan(func, program, symbols);
  }

private:
  void plan(func::FuncOp func, ProgramAttr program, SymbolTable &symbols) {
    Launches launches(func);
    Classes classes;
    std::vector<Item> items;
    for (LaunchOp launch : launches.inOrder)
      addItems(launch, program, symbols, launches, classes, items);
    for (auto [now, launch] : llvm::enumerate(launches.inOrder))
      continueOperands(launch, symbols.lookup<KernelOp>(launch.getKernel()), now, launches, items);
    std::vector<Kind> kinds = groupItems(items, classes);
    int64_t arena = place(items, kinds, launches.inOrder.size());
    for (Item &item : items)
      if (item.continued)
        item.offset = items[*item.continued].offset;
    setOffsets(launches, items);
    describe(func, launches, items, kinds.size(), arena);
    func->setAttr(kArenaBytesAttrName, Builder(&getContext()).getI64IntegerAttr(arena));
  }

  /// Appends the items of a launch: first its results, then its workspaces.
  static void addItems(LaunchOp launch, ProgramAttr program, SymbolTable &symbols, Launches &launches, Classes &classes,
                       std::vector<Item> &items) {
    launches.firstItem.push_back(items.size());
    int64_t now = launches.numbers.lookup(launch);
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    for (OpResult result : launch.getResults()) {
      Item item{arenaBytesOf(result.getType(), program), now, now, classes.result(kernel, result.getResultNumber())};
      for (OpOperand &use : result.getUses()) {
        if (isa<func::ReturnOp>(use.getOwner())) {
          // The caller of the program has a place for what it returns.
          item.size = 0;
        } else if (auto user = dyn_cast<LaunchOp>(use.getOwner())) {
          item.end = std::max(item.end, launches.numbers.lookup(user));
          auto reader = symbols.lookup<KernelOp>(user.getKernel());
          classes.join(item.member, classes.operand(reader, use.getOperandNumber()));
        }
      }
      items.push_back(item);
    }
    if (auto workspace = kernel.getWorkspace())
      for (auto [position, type] : llvm::enumerate(*workspace))
        items.push_back({arenaBytesOf(cast<TypeAttr>(type).getValue(), program), now, now,
                         classes.workspace(kernel, static_cast<unsigned>(position))});
  }

  /// Debug lines: where each item lies and how long it lives.
  static void describe(func::FuncOp func, const Launches &launches, ArrayRef<Item> items, size_t kinds, int64_t arena) {
    StringRef program = func.getSymName();
    for (auto [index, item] : llvm::enumerate(items)) {
      int64_t launch = item.begin;
      size_t position = index - launches.firstItem[launch];
      LaunchOp op = launches.inOrder[launch];
      bool isResult = position < op.getNumResults();
      auto line = [&](const Twine &place) {
        QUIPU_DEBUG() << "@" << program << ": launch " << launch << ", " << describeOp(op) << ", "
                      << (isResult ? "result " : "workspace ") << (isResult ? position : position - op.getNumResults())
                      << ": " << place;
      };
      if (item.size == 0)
        line("in memory of the caller");
      else
        line(Twine(item.size) + " bytes at " + Twine(item.offset) + ", to launch " + Twine(item.end) +
             (item.continued ? ", over an operand" : ""));
    }
    QUIPU_DEBUG() << "@" << program << ": an arena of " << arena << " bytes for " << items.size() << " values in "
                  << kinds << " places";
  }

  /// Writes the places of items into the launches that they belong to.
  static void setOffsets(Launches &launches, ArrayRef<Item> items) {
    for (auto [index, launch] : llvm::enumerate(launches.inOrder)) {
      size_t first = launches.firstItem[index];
      size_t end = index + 1 < launches.inOrder.size() ? launches.firstItem[index + 1] : items.size();
      SmallVector<int64_t> offsets, workspaceOffsets;
      for (auto [position, item] : llvm::enumerate(items.slice(first, end - first)))
        (position < launch.getNumResults() ? offsets : workspaceOffsets).push_back(item.offset);
      launch.setOffsets(offsets);
      if (workspaceOffsets.empty())
        launch.removeWorkspaceOffsetsAttr();
      else
        launch.setWorkspaceOffsets(workspaceOffsets);
    }
  }

  /// Lets results of launch `now` continue the operands that they may overwrite.
  static void continueOperands(LaunchOp launch, KernelOp kernel, int64_t now, const Launches &launches,
                               std::vector<Item> &items) {
    for (auto [index, argument] : llvm::enumerate(kernel.getOverwrites().value_or(ArrayRef<int64_t>()))) {
      if (argument < 0)
        continue;
      Value operand = launch.getOperands()[argument];
      auto producer = operand.getDefiningOp<LaunchOp>();
      if (!producer || llvm::count(launch.getOperands(), operand) != 1)
        continue;
      size_t before = launches.firstItem[launches.numbers.lookup(producer)] + cast<OpResult>(operand).getResultNumber();
      before = items[before].continued.value_or(before);
      Item &item = items[launches.firstItem[now] + index];
      if (items[before].end != now || items[before].size == 0 || items[before].size != item.size)
        continue;
      item.continued = before;
      items[before].end = item.end;
    }
  }

  /// The kinds of all items that need a place of their own.
  static std::vector<Kind> groupItems(const std::vector<Item> &items, const Classes &classes) {
    std::vector<Kind> kinds;
    llvm::DenseMap<unsigned, SmallVector<size_t>> kindsOf;
    for (auto [index, item] : llvm::enumerate(items)) {
      if (item.size == 0 || item.continued)
        continue;
      SmallVector<size_t> &candidates = kindsOf[classes.leader(item.member)];
      // Items come in the order in which they begin: one that begins after a kind's last has ended meets none of it.
      auto *fits = llvm::find_if(candidates, [&, &item = item](size_t kind) {
        return kinds[kind].size == item.size && items[kinds[kind].items.back()].end < item.begin;
      });
      if (fits == candidates.end()) {
        candidates.push_back(kinds.size());
        fits = &candidates.back();
        kinds.push_back({item.size, {}});
      }
      kinds[*fits].items.push_back(index);
    }
    return kinds;
  }

  /// Gives every kind, and so each of its items, a place. Returns the size of the arena in bytes.
  static int64_t place(std::vector<Item> &items, std::vector<Kind> &kinds, size_t launches) {
    SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, kinds.size()));
    llvm::sort(order, [&](size_t a, size_t b) {
      return std::make_pair(-kinds[a].size, a) < std::make_pair(-kinds[b].size, b);
    });

    // For each launch, the kinds that are placed already and have a value that lives during it.
    std::vector<SmallVector<size_t>> alive(launches);
    int64_t arena = 0;
    for (size_t index : order) {
      Kind &kind = kinds[index];
      llvm::SetVector<size_t> neighbours;
      for (size_t item : kind.items)
        for (int64_t launch = items[item].begin; launch <= items[item].end; ++launch)
          neighbours.insert_range(alive[launch]);
      kind.offset = lowestPlace(kind.size, neighbours.takeVector(), kinds);
      arena = std::max(arena, kind.offset + kind.size);
      for (size_t item : kind.items) {
        items[item].offset = kind.offset;
        for (int64_t launch = items[item].begin; launch <= items[item].end; ++launch)
          alive[launch].push_back(index);
      }
    }
    return arena;
  }

  /// The lowest offset at which `size` bytes meet none of `neighbours`.
  static int64_t lowestPlace(int64_t size, SmallVector<size_t> neighbours, ArrayRef<Kind> kinds) {
    llvm::sort(neighbours, [&](size_t a, size_t b) {
      return std::make_pair(kinds[a].offset, a) < std::make_pair(kinds[b].offset, b);
    });
    int64_t offset = 0;
    for (size_t neighbour : neighbours) {
      if (kinds[neighbour].offset >= offset + size)
        break;
      offset = std::max(offset, kinds[neighbour].offset + kinds[neighbour].size);
    }
    return offset;
  }
};

} // namespace
