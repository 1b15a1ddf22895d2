//===- FormKernels.cpp - llama-form-kernels -------------------------------===//
//
//   kernel = epilogue o contraction o prologue
//
//   linear(rms_norm(x))                         one kernel, the norm computed in each reader
//   linear(rms_norm(gather_rows(x, rows)))      one kernel
//   split(linear) -> rotate, rotate, kv_append  one kernel, where both rotations are alike
//   gate(linear)                                one kernel
//   x + linear(...)                             one kernel
//
// and every other op a kernel alone. Two groups whose ops, properties, attributes, types and data flow agree share a
// kernel. The key by which they are compared holds no names and no locations, so finding it takes time linear in the
// size of the group.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Provenance.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/InterleavedRange.h"

#include <map>

#define DEBUG_TYPE "llama-form-kernels"

namespace quipu::llama {
#define GEN_PASS_DEF_FORMKERNELSPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

namespace {

/// Ops that become one kernel.
struct Group {
  /// The op that the group is about: its contraction, or its only op.
  Operation *anchor = nullptr;
  /// Ops before the anchor, cloned, since other groups may read them too.
  SmallVector<Operation *> prologue;
  /// Ops after the anchor, moved.
  llvm::SmallSetVector<Operation *, 8> epilogue;

  /// All ops in the order in which they are computed.
  SmallVector<Operation *> ops() const {
    SmallVector<Operation *> all(prologue);
    all.push_back(anchor);
    SmallVector<Operation *> after(epilogue.begin(), epilogue.end());
    llvm::sort(after, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    llvm::append_range(all, after);
    return all;
  }
};

/// Whether an op stays in the program: it names a weight or a cache layer, the runtime computes it, or
/// llama-split-scores takes it.
bool staysInProgram(Operation *op) {
  return isa<WeightRefOp, KVLayerOp, SampleOp, LogProbOp, LaunchOp, func::ReturnOp>(op);
}

bool isUnexpanded(Operation *op) { return isa<GatedMLPOp, LMHeadOp, RotaryOp>(op); }

class Former {
public:
  Former(func::FuncOp func) : func(func) {}

  /// The groups in the order of the program.
  SmallVector<Group> form() {
    Block &block = func.getBody().front();
    SmallVector<Group> groups;
    for (Operation &op : block) {
      auto linear = dyn_cast<LinearOp>(op);
      if (!linear)
        continue;
      Group group;
      group.anchor = linear;
      takePrologue(group, linear);
      takeEpilogue(group, linear);
      taken.insert(linear);
      taken.insert(group.epilogue.begin(), group.epilogue.end());
      groups.push_back(std::move(group));
    }
    // What no linear has taken is a kernel alone. A norm that every reader computes for itself needs no kernel.
    for (Operation &op : block) {
      if (staysInProgram(&op) || taken.contains(&op) || isComputedByReaders(&op))
        continue;
      Group group;
      group.anchor = &op;
      groups.push_back(std::move(group));
    }
    llvm::sort(groups, [](const Group &a, const Group &b) { return a.anchor->isBeforeInBlock(b.anchor); });
    return groups;
  }

private:
  void takePrologue(Group &group, LinearOp linear) {
    auto norm = linear.getInput().getDefiningOp<RMSNormOp>();
    if (!norm)
      return;
    if (auto gather = norm.getInput().getDefiningOp<GatherRowsOp>()) {
      group.prologue.push_back(gather);
      inPrologue.insert({gather, norm});
    }
    group.prologue.push_back(norm);
    inPrologue.insert({norm, linear});
  }

  /// The beginning of a debug line that says why a group has no epilogue, or no more of it.
  static std::string end(const Group &group) { return describeOp(group.anchor) + " takes no more ops: "; }

  /// Whether every use of `op` is in the prologue of a linear.
  bool isComputedByReaders(Operation *op) {
    if (op->use_empty())
      return false;
    return llvm::all_of(op->getUsers(), [&](Operation *user) {
      return inPrologue.contains({op, user}) && (isa<LinearOp>(user) || isComputedByReaders(user));
    });
  }

  void takeEpilogue(Group &group, LinearOp linear) {
    if (!linear->hasOneUse()) {
      QUIPU_DECISION(group.anchor) << end(group) << "its result has " << llvm::range_size(linear->getUsers())
                                   << " readers";
      return;
    }
    Operation *user = *linear->user_begin();
    if (auto gate = dyn_cast<GateOp>(user)) {
      if (gate.getUp())
        QUIPU_DECISION(group.anchor, gate) << end(group) << describeOp(gate) << " has another operand";
      else
        take(group, gate);
    } else if (isa<AddOp>(user)) {
      take(group, user);
    } else if (auto split = dyn_cast<SplitOp>(user)) {
      if (!takeQkv(group, split))
        group.epilogue.clear();
    } else {
      QUIPU_DECISION(group.anchor, user) << end(group) << describeOp(user) << " is no epilogue";
    }
  }

  /// Takes what a query, key and value projection ends in: both rotations and the append. Code is generated for this
  /// form as a whole, so a part of it is not taken.
  bool takeQkv(Group &group, SplitOp split) {
    if (split.getParts().size() != 3 || llvm::any_of(split.getParts(), [](Value part) { return !part.hasOneUse(); })) {
      QUIPU_DECISION(group.anchor) << end(group) << "its parts are not three with a reader each";
      return false;
    }
    auto query = dyn_cast<RotateOp>(*split.getParts()[0].user_begin());
    auto key = dyn_cast<RotateOp>(*split.getParts()[1].user_begin());
    auto append = dyn_cast<KVAppendOp>(*split.getParts()[2].user_begin());
    if (!query || !key || !append || !key->hasOneUse() || append.getKeys() != key.getResult() ||
        append.getValues() != split.getParts()[2]) {
      QUIPU_DECISION(group.anchor)
          << end(group) << "its parts do not end in a rotated query, and a rotated key that is appended with the value";
      return false;
    }
    // One table, which has the width of a head, one layout, and the heads of the cache.
    auto table = cast<RankedTensorType>(query.getTable().getType());
    if (query.getTable() != key.getTable() || !table.getElementType().isF32() || query.getLayout() != key.getLayout() ||
        static_cast<int64_t>(query.getHeadDim()) != append.getKv().getType().getHeadDim()) {
      QUIPU_DECISION(group.anchor)
          << end(group) << "query and key are not turned by one f32 table, in one layout and heads of the cache's size";
      return false;
    }
    return take(group, split) && take(group, query) && take(group, key) && take(group, append);
  }

  /// Takes `op` into the group when the group can be launched where its last op then lies.
  bool take(Group &group, Operation *op) {
    if (taken.contains(op) || op->getBlock() != group.anchor->getBlock()) {
      QUIPU_DECISION(group.anchor, op) << end(group) << describeOp(op) << " is in another kernel or block";
      return false;
    }
    Operation *last = group.ops().back();
    if (last->isBeforeInBlock(op))
      last = op;
    if (readsDependent(group, op) || !canWait(group, op, last)) {
      QUIPU_DECISION(group.anchor, op) << end(group) << describeOp(op)
                                       << " depends on, or cannot be exchanged with, an op between them";
      return false;
    }
    group.epilogue.insert(op);
    return true;
  }

  /// Whether an op outside of the group computes an operand of `op` from what the group computes. It would need the
  /// group's launch in front of it, and the launch would need it.
  static bool readsDependent(const Group &group, Operation *op) {
    auto isMember = [&](Operation *other) { return other == group.anchor || group.epilogue.contains(other); };
    llvm::SmallPtrSet<Operation *, 16> dependent;
    auto isDependent = [&](Value value) { return dependent.contains(value.getDefiningOp()); };
    for (Operation *at = group.anchor; at != op; at = at->getNextNode()) {
      auto isFromGroup = [&](Value value) { return isDependent(value) || isMember(value.getDefiningOp()); };
      if (!isMember(at) && llvm::any_of(at->getOperands(), isFromGroup))
        dependent.insert(at);
    }
    return llvm::any_of(op->getOperands(), isDependent);
  }

  /// Whether the group and `op` can all be computed where `last` of them lies: nobody reads a result before, and no
  /// effect is moved behind another one.
  static bool canWait(const Group &group, Operation *op, Operation *last) {
    SmallVector<Operation *> members = group.ops();
    members.push_back(op);
    auto isOutside = [&](Operation *other) { return !llvm::is_contained(members, other); };
    for (Operation *member : members) {
      if (member == last)
        continue;
      // The originals of a prologue stay where they are.
      bool isCopied = llvm::is_contained(group.prologue, member);
      auto readsEarly = [&](Operation *user) { return isOutside(user) && user->isBeforeInBlock(last); };
      if (!isCopied && llvm::any_of(member->getUsers(), readsEarly))
        return false;
      if (isMemoryEffectFree(member))
        continue;
      for (Operation *at = member->getNextNode(); at != last; at = at->getNextNode())
        if (!isMemoryEffectFree(at) && isOutside(at))
          return false;
    }
    return true;
  }

  func::FuncOp func;
  llvm::DenseSet<Operation *> taken;
  llvm::DenseSet<std::pair<Operation *, Operation *>> inPrologue;
};

/// Inputs and results of a group.
struct Interface {
  llvm::SmallSetVector<Value, 8> inputs;
  SmallVector<Value> results;
};

Interface interfaceOf(const Group &group, ArrayRef<Operation *> ops) {
  Interface interface;
  llvm::SmallPtrSet<Operation *, 8> members(ops.begin(), ops.end());
  for (Operation *op : ops) {
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() || !members.contains(operand.getDefiningOp()))
        interface.inputs.insert(operand);
    if (llvm::is_contained(group.prologue, op))
      continue;
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !members.contains(user); }))
        interface.results.push_back(result);
  }
  return interface;
}

/// What two groups must agree in to share a kernel. A context has each attribute and each type once, so their addresses
/// stand for them.
std::vector<uintptr_t> structureOf(ArrayRef<Operation *> ops, const Interface &interface, const RowCounts &rows) {
  std::vector<uintptr_t> key;
  // The rows of tokens and selected ones are counted by different numbers.
  for (Value result : interface.results)
    key.push_back(static_cast<uintptr_t>(rows.of(result)));
  llvm::DenseMap<Value, uintptr_t> numbers;
  auto add = [&](auto unique) { key.push_back(reinterpret_cast<uintptr_t>(unique.getAsOpaquePointer())); };
  for (Value input : interface.inputs) {
    numbers.try_emplace(input, numbers.size());
    add(input.getType());
  }
  for (Operation *op : ops) {
    add(op->getName());
    // An activation and a rotary layout are properties that are not attributes.
    add(op->getPropertiesAsAttribute());
    add(op->getDiscardableAttrDictionary());
    key.push_back(op->getNumOperands());
    for (Value operand : op->getOperands())
      key.push_back(numbers.lookup(operand));
    key.push_back(op->getNumResults());
    for (Value result : op->getResults()) {
      numbers.try_emplace(result, numbers.size());
      add(result.getType());
    }
  }
  key.push_back(interface.results.size());
  for (Value result : interface.results)
    key.push_back(numbers.lookup(result));
  return key;
}

struct FormKernelsPass : quipu::llama::impl::FormKernelsPassBase<FormKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto func : module.getOps<func::FuncOp>())
      if (func->hasAttrOfType<ProgramAttr>(kProgramAttrName))
        for (Operation &op : func.getBody().front())
          if (isUnexpanded(&op)) {
            op.emitOpError() << "is no part of a kernel; run llama-expand first";
            return signalPassFailure();
          }

    for (Operation &op : *module.getBody())
      if (auto symbol = dyn_cast<SymbolOpInterface>(op))
        names.insert(symbol.getName());
    SmallVector<func::FuncOp> funcs(module.getOps<func::FuncOp>());
    for (func::FuncOp func : funcs)
      if (func->hasAttrOfType<ProgramAttr>(kProgramAttrName))
        outline(func);
  }

private:
  /// Replaces the ops of a program by launches of kernels.
  void outline(func::FuncOp func) {
    kernels.clear();
    SmallVector<Group> groups = Former(func).form();
    RowCounts rows(func);
    // The anchor of one group may be in the prologue of another: ops are erased when all launches exist.
    SmallVector<Interface> interfaces =
        llvm::map_to_vector(groups, [](const Group &group) { return interfaceOf(group, group.ops()); });
    SmallVector<LaunchOp> launches;
    for (auto [group, interface] : llvm::zip_equal(groups, interfaces))
      launches.push_back(createLaunch(func, group, interface, rows));
    for (auto [interface, launch] : llvm::zip_equal(interfaces, launches))
      for (auto [old, result] : llvm::zip_equal(interface.results, launch.getResults()))
        old.replaceAllUsesWith(result);
    eraseReplaced(groups);
  }

  /// The launch of a group's kernel, where the last op of the group lies.
  LaunchOp createLaunch(func::FuncOp func, const Group &group, const Interface &interface, const RowCounts &rows) {
    SmallVector<Operation *> ops = group.ops();
    StringRef kernel = kernelFor(func, group, ops, interface, rows);
    SmallVector<Location> places = llvm::map_to_vector(ops, [](Operation *op) { return op->getLoc(); });
    SmallVector<Type> types = llvm::map_to_vector(interface.results, [](Value value) { return value.getType(); });
    OpBuilder builder(ops.back());
    ++numLaunches;
    return LaunchOp::create(builder, namePlace(&getContext(), getPlace(group.anchor->getLoc()), places), types, kernel,
                            interface.inputs.getArrayRef(), DenseI64ArrayAttr(), DenseI64ArrayAttr());
  }

  /// Erases the ops that groups have moved into kernels, then the originals of prologues, which nothing reads any more.
  static void eraseReplaced(ArrayRef<Group> groups) {
    llvm::SmallSetVector<Operation *, 32> moved, copied;
    for (const Group &group : groups) {
      moved.insert(group.anchor);
      moved.insert(group.epilogue.begin(), group.epilogue.end());
    }
    for (const Group &group : groups)
      for (Operation *op : group.prologue)
        if (!moved.contains(op))
          copied.insert(op);
    for (auto *ops : {&moved, &copied}) {
      SmallVector<Operation *> lastFirst = ops->takeVector();
      llvm::sort(lastFirst, [](Operation *a, Operation *b) { return b->isBeforeInBlock(a); });
      for (Operation *op : lastFirst)
        op->erase();
    }
  }

  StringRef kernelFor(func::FuncOp func, const Group &group, ArrayRef<Operation *> ops, const Interface &interface,
                      const RowCounts &rows) {
    KernelOp &kernel = kernels[structureOf(ops, interface, rows)];
    if (kernel) {
      QUIPU_DECISION(ops) << describeOp(group.anchor) << " shares kernel @" << kernel.getSymName();
      return kernel.getSymName();
    }
    OpBuilder builder(func);
    SmallVector<Type> inputs = llvm::map_to_vector(interface.inputs, [](Value value) { return value.getType(); });
    SmallVector<Type> results = llvm::map_to_vector(interface.results, [](Value value) { return value.getType(); });
    std::string name = uniqueName((func.getSymName() + "." + wordFor(group)).str());
    // A kernel belongs to every layer that launches it; its ops keep the last words of their places.
    SmallVector<Location> places = llvm::map_to_vector(ops, [](Operation *op) { return op->getLoc(); });
    Location loc = shareAmongLayers(FusedLoc::get(&getContext(), places), getLastWord(name));
    kernel = KernelOp::create(builder, loc, name, builder.getFunctionType(inputs, results));
    ++numKernels;
    QUIPU_DECISION(ops) << describeOp(group.anchor) << " makes kernel @" << name << " of "
                        << llvm::interleaved(llvm::map_range(ops, [](Operation *op) { return op->getName(); }));

    Block &body = kernel.getBody().front();
    IRMapping mapping;
    for (auto [input, argument] : llvm::zip_equal(interface.inputs, body.getArguments()))
      mapping.map(input, argument);
    builder.setInsertionPointToEnd(&body);
    for (Operation *op : ops) {
      Operation *copy = builder.clone(*op, mapping);
      StringRef word = getLastWord(getPlace(op->getLoc()));
      copy->setLoc(word.empty() ? loc : shareAmongLayers(op->getLoc(), word));
    }
    SmallVector<Value> yielded =
        llvm::map_to_vector(interface.results, [&](Value value) { return mapping.lookup(value); });
    YieldOp::create(builder, loc, yielded);
    return kernel.getSymName();
  }

  /// "qkv" for a linear at layers.3.self_attn.qkv; the op's name for those that are not a projection.
  static std::string wordFor(const Group &group) {
    if (isa<LinearOp, EmbeddingOp>(group.anchor)) {
      StringRef word = getLastWord(getPlace(group.anchor->getLoc()));
      if (word.empty())
        if (auto ref = group.anchor->getOperand(1).getDefiningOp<WeightRefOp>())
          word = getLastWord(ref.getWeight());
      if (!word.empty() && llvm::all_of(word, [](char c) { return llvm::isAlnum(c) || c == '_'; }) &&
          !llvm::isDigit(word.front()))
        return word.str();
    }
    return group.anchor->getName().stripDialect().str();
  }

  std::string uniqueName(const std::string &word) {
    std::string name = word;
    for (int number = 1; !names.insert(name).second; ++number)
      name = word + "_" + std::to_string(number);
    return name;
  }

  std::map<std::vector<uintptr_t>, KernelOp> kernels;
  llvm::StringSet<> names;
};

} // namespace
