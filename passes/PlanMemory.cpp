//===- PlanMemory.cpp - llama-plan-memory ---------------------------------===//
//
// Value v of size s(v) lives from launch b(v) to launch e(v), both included. Places o(v) are wanted with
//
//   [o(u), o(u) + s(u)) and [o(v), o(v) + s(v)) disjoint   whenever   [b(u), e(u)] and [b(v), e(v)] meet
//
// and max (o + s) small. Values that are the same result, or the same operand, of launches of one kernel form a
// *class*: the residual stream before every layer, say. Values of a class that do not live at the same time share a
// place (a *kind*). So layers of one shape are placed alike from the first to the last, their steps can be rolled into
// a loop, and there are as few kinds to place at 80 layers as at 2. Kinds are placed from the largest to the smallest
// (equal ones in the order of the program), each at the lowest place that is free while any of its values lives.
//
// A result that may overwrite an operand (`overwrites` of the kernel) whose last use is this launch continues it: both
// are one item. Caches then hold the residual stream once instead of twice.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"
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

namespace quipu::llama {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

/// Every place is a multiple of this: a cache line, and the widest vector of any CPU.
static constexpr int64_t kAlignment = 64;

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
  /// Bytes of a tensor whose dynamic dimension is rows of the program.
  static int64_t sizeOf(Type type, ProgramAttr program) {
    auto tensor = cast<RankedTensorType>(type);
    int64_t elements = 1;
    for (auto [index, dim] : llvm::enumerate(tensor.getShape())) {
      if (!ShapedType::isDynamic(dim)) {
        elements *= dim;
        continue;
      }
      int64_t rows = llvm::alignTo(program.getMaxRows(), program.getRowAlign());
      if (TokenLanesAttr lanes = getTokenLanes(tensor))
        rows = llvm::alignTo(rows, lanes.getLanes());
      elements *= rows;
    }
    int64_t bytes = llvm::divideCeil(elements * tensor.getElementTypeBitWidth(), 8);
    return llvm::alignTo(bytes, kAlignment);
  }

  void plan(func::FuncOp func, ProgramAttr program, SymbolTable &symbols) {
    SmallVector<LaunchOp> launches;
    llvm::DenseMap<Operation *, int64_t> number;
    func.walk([&](LaunchOp launch) {
      number[launch] = launches.size();
      launches.push_back(launch);
    });
    // Items in the order of the program: the results of a launch, then its workspaces.
    std::vector<Item> items;
    SmallVector<size_t> firstItem;
    Classes classes;
    for (auto [index, launch] : llvm::enumerate(launches)) {
      firstItem.push_back(items.size());
      int64_t now = index;
      auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
      for (OpResult result : launch.getResults()) {
        Item item{sizeOf(result.getType(), program), now, now, classes.result(kernel, result.getResultNumber())};
        for (OpOperand &use : result.getUses()) {
          if (isa<func::ReturnOp>(use.getOwner())) {
            item.size = 0;
          } else if (auto user = dyn_cast<LaunchOp>(use.getOwner())) {
            item.end = std::max(item.end, number.lookup(user));
            classes.join(item.member,
                         classes.operand(symbols.lookup<KernelOp>(user.getKernel()), use.getOperandNumber()));
          }
        }
        items.push_back(item);
      }
      if (auto workspace = kernel.getWorkspace())
        for (auto [position, type] : llvm::enumerate(*workspace))
          items.push_back({sizeOf(cast<TypeAttr>(type).getValue(), program), now, now,
                           classes.workspace(kernel, static_cast<unsigned>(position))});
    }

    for (auto [index, launch] : llvm::enumerate(launches))
      continueOperands(launch, symbols.lookup<KernelOp>(launch.getKernel()), index, firstItem, number, items);
    std::vector<Kind> kinds = groupItems(items, classes);
    int64_t arena = place(items, kinds, launches.size());
    for (Item &item : items)
      if (item.continued)
        item.offset = items[*item.continued].offset;

    Builder builder(&getContext());
    for (auto [index, launch] : llvm::enumerate(launches)) {
      ArrayRef<Item> rest = ArrayRef<Item>(items).drop_front(firstItem[index]);
      if (index + 1 < launches.size())
        rest = rest.take_front(firstItem[index + 1] - firstItem[index]);
      SmallVector<int64_t> offsets, workspaceOffsets;
      for (auto [position, item] : llvm::enumerate(rest))
        (position < launch.getNumResults() ? offsets : workspaceOffsets).push_back(item.offset);
      launch.setOffsets(offsets);
      if (workspaceOffsets.empty())
        launch.removeWorkspaceOffsetsAttr();
      else
        launch.setWorkspaceOffsets(workspaceOffsets);
    }
    func->setAttr(kArenaBytesAttrName, builder.getI64IntegerAttr(arena));
  }

  /// Lets results of launch `now` continue the operands that they may overwrite.
  static void continueOperands(LaunchOp launch, KernelOp kernel, int64_t now, ArrayRef<size_t> firstItem,
                               const llvm::DenseMap<Operation *, int64_t> &number, std::vector<Item> &items) {
    for (auto [index, argument] : llvm::enumerate(kernel.getOverwrites().value_or(ArrayRef<int64_t>()))) {
      if (argument < 0)
        continue;
      Value operand = launch.getOperands()[argument];
      auto producer = operand.getDefiningOp<LaunchOp>();
      if (!producer || llvm::count(launch.getOperands(), operand) != 1)
        continue;
      size_t before = firstItem[number.lookup(producer)] + cast<OpResult>(operand).getResultNumber();
      before = items[before].continued.value_or(before);
      Item &item = items[firstItem[now] + index];
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

  /// Gives every kind, and so each of its items, a place; the size of the arena.
  static int64_t place(std::vector<Item> &items, std::vector<Kind> &kinds, size_t launches) {
    SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, kinds.size()));
    llvm::sort(order, [&](size_t a, size_t b) {
      return std::make_pair(-kinds[a].size, a) < std::make_pair(-kinds[b].size, b);
    });

    // The kinds that are placed already, by the launches during which a value of theirs lives.
    std::vector<SmallVector<size_t>> alive(launches);
    int64_t arena = 0;
    for (size_t index : order) {
      Kind &kind = kinds[index];
      llvm::SetVector<size_t> neighbours;
      for (size_t item : kind.items)
        for (int64_t launch = items[item].begin; launch <= items[item].end; ++launch)
          neighbours.insert_range(alive[launch]);
      SmallVector<size_t> sorted = neighbours.takeVector();
      llvm::sort(sorted, [&](size_t a, size_t b) {
        return std::make_pair(kinds[a].offset, a) < std::make_pair(kinds[b].offset, b);
      });
      int64_t offset = 0;
      for (size_t neighbour : sorted) {
        if (kinds[neighbour].offset >= offset + kind.size)
          break;
        offset = std::max(offset, kinds[neighbour].offset + kinds[neighbour].size);
      }
      kind.offset = offset;
      arena = std::max(arena, offset + kind.size);
      for (size_t item : kind.items) {
        items[item].offset = offset;
        for (int64_t launch = items[item].begin; launch <= items[item].end; ++launch)
          alive[launch].push_back(index);
      }
    }
    return arena;
  }
};

} // namespace
