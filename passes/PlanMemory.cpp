//===- PlanMemory.cpp - llama-plan-memory ---------------------------------===//
//
// Value v of size s(v) lives from launch b(v) to launch e(v), both included. Places o(v) are wanted with
//
//   [o(u), o(u) + s(u)) and [o(v), o(v) + s(v)) disjoint   whenever   [b(u), e(u)] and [b(v), e(v)] meet
//
// and max (o + s) small. Values are placed from the largest to the smallest (equal ones in the order of the program),
// each at the lowest place that is free during its life. In a chain of equal layers every value of a kind then meets
// the same neighbours at the same places, so all layers but the first are placed alike.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"
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
  int64_t offset = -1;
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
    for (auto [index, launch] : llvm::enumerate(launches)) {
      firstItem.push_back(items.size());
      int64_t now = index;
      for (Value result : launch.getResults()) {
        Item item{sizeOf(result.getType(), program), now, now};
        for (Operation *user : result.getUsers()) {
          if (isa<func::ReturnOp>(user))
            item.size = 0;
          else if (auto found = number.find(user); found != number.end())
            item.end = std::max(item.end, found->second);
        }
        items.push_back(item);
      }
      auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
      if (auto workspace = kernel.getWorkspace())
        for (Attribute type : *workspace)
          items.push_back({sizeOf(cast<TypeAttr>(type).getValue(), program), now, now});
    }

    int64_t arena = place(items, launches.size());

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

  /// Gives every item of a size a place; the size of the arena.
  static int64_t place(std::vector<Item> &items, size_t launches) {
    SmallVector<size_t> order;
    for (size_t index = 0; index < items.size(); ++index)
      if (items[index].size > 0)
        order.push_back(index);
    llvm::sort(order, [&](size_t a, size_t b) {
      return std::make_pair(-items[a].size, a) < std::make_pair(-items[b].size, b);
    });

    // What is placed already, by the launches during which it lives, so that each item looks at its neighbours alone.
    std::vector<SmallVector<size_t>> alive(launches);
    int64_t arena = 0;
    for (size_t index : order) {
      Item &item = items[index];
      SmallVector<size_t> neighbours;
      for (int64_t launch = item.begin; launch <= item.end; ++launch)
        llvm::append_range(neighbours, alive[launch]);
      llvm::sort(neighbours, [&](size_t a, size_t b) {
        return std::make_pair(items[a].offset, a) < std::make_pair(items[b].offset, b);
      });
      int64_t offset = 0;
      for (size_t neighbour : neighbours) {
        if (items[neighbour].offset >= offset + item.size)
          break;
        offset = std::max(offset, items[neighbour].offset + items[neighbour].size);
      }
      item.offset = offset;
      arena = std::max(arena, offset + item.size);
      for (int64_t launch = item.begin; launch <= item.end; ++launch)
        alive[launch].push_back(index);
    }
    return arena;
  }
};

} // namespace
