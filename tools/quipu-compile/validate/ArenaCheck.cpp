//===- ArenaCheck.cpp - Whether values keep their place in the arena -------===//

#include "tools/quipu-compile/validate/ArenaCheck.h"

#include "ir/Llama/DebugLog.h"
#include "ir/Llama/Llama.h"
#include "passes/ArenaSize.h"
#include "runtime/abi/KernelAbi.h"
#include "runtime/support/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"

#include <optional>
#include <string>
#include <vector>

using namespace mlir;

namespace quipu::tool {

namespace {

/// Bytes of the arena that a launch writes: a result, or a workspace.
struct Place {
  int64_t begin = 0, end = 0;
  std::string name;

  bool meets(const Place &other) const { return begin < other.end && other.begin < end; }
  std::string text() const { return concat(name, " at ", begin, " to ", end - 1); }
};

/// A value in the arena, and what has been written over it.
struct Resident {
  Place place;
  std::optional<Place> overwritten = {};
};

class ProgramCheck {
public:
  ProgramCheck(func::FuncOp program, SymbolTable &symbols, const std::string &phase)
      : program(program), attribute(program->getAttrOfType<llama::ProgramAttr>(llama::kProgramAttrName)),
        symbols(symbols), phase(phase), name(program.getSymName().str()),
        arena(program->getAttrOfType<IntegerAttr>(llama::kArenaBytesAttrName).getInt()) {}

  void run() {
    program.walk([&](llama::LaunchOp launch) {
      checkReads(launch);
      write(launch, symbols.lookup<llama::KernelOp>(launch.getKernel()));
    });
  }

private:
  template <typename... Words> [[noreturn]] void refuse(const Words &...words) const {
    fail("the memory plan of ", phase, " is wrong: in program @", name, " ", words...);
  }

  void checkReads(llama::LaunchOp launch) const {
    for (Value operand : launch.getOperands()) {
      auto found = residents.find(operand);
      if (found != residents.end() && found->second.overwritten)
        refuse(llama::describeOp(launch), " reads ", found->second.place.text(), ", which ",
               found->second.overwritten->text(), " has overwritten");
    }
  }

  /// Values that are returned lie in memory of the caller.
  static bool isReturned(Value value) {
    return llvm::any_of(value.getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); });
  }

  Place placeOf(Operation *launch, const std::string &what, int64_t offset, Type type) const {
    Place place{offset, offset + llama::arenaBytesOf(type, attribute), concat(what, " of ", llama::describeOp(launch))};
    if (offset < 0 || offset % kArenaAlignment != 0 || place.end > arena)
      refuse(place.text(), " lies outside of the arena of ", arena, " bytes, or not at a multiple of ",
             kArenaAlignment);
    return place;
  }

  void write(llama::LaunchOp launch, llama::KernelOp kernel) {
    // What it writes, and of results which value it is and which operand it may overwrite.
    struct Written {
      Place place;
      Value value = {}, overwrites = {};
    };
    std::vector<Written> all;
    std::optional<ArrayRef<int64_t>> overwrites = kernel.getOverwrites();
    for (OpResult result : launch.getResults()) {
      if (isReturned(result))
        continue;
      unsigned number = result.getResultNumber();
      Value operand;
      if (overwrites && (*overwrites)[number] >= 0)
        operand = launch.getOperands()[static_cast<size_t>((*overwrites)[number])];
      int64_t offset = (*launch.getOffsets())[number];
      all.push_back({placeOf(launch, concat("result ", number), offset, result.getType()), result, operand});
    }
    if (auto workspace = kernel.getWorkspace())
      for (auto [number, type] : llvm::enumerate(*workspace))
        all.push_back({placeOf(launch, concat("workspace ", number), (*launch.getWorkspaceOffsets())[number],
                               cast<TypeAttr>(type).getValue())});
    for (size_t i = 0; i < all.size(); ++i) {
      for (size_t j = 0; j < i; ++j)
        if (all[i].place.meets(all[j].place))
          refuse(all[i].place.text(), " lies over ", all[j].place.text());
      for (Value operand : launch.getOperands())
        checkOverwrite(operand, all[i].place, all[i].overwrites, llvm::count(launch.getOperands(), operand));
    }
    for (const Written &written : all) {
      for (auto &[value, resident] : residents)
        if (!resident.overwritten && resident.place.meets(written.place))
          resident.overwritten = written.place;
    }
    for (const Written &written : all)
      if (written.value)
        residents[written.value] = {written.place};
  }

  /// An operand that lies where its launch writes. `allowed`: the operand which may lie exactly there.
  void checkOverwrite(Value operand, const Place &place, Value allowed, int64_t uses) const {
    auto found = residents.find(operand);
    if (found == residents.end() || !found->second.place.meets(place))
      return;
    const Place &own = found->second.place;
    if (operand != allowed || uses != 1 || own.begin != place.begin || own.end != place.end)
      refuse(place.text(), " overwrites ", own.text(), " while the launch reads it");
  }

  func::FuncOp program;
  llama::ProgramAttr attribute;
  SymbolTable &symbols;
  const std::string &phase;
  const std::string name;
  int64_t arena;
  llvm::DenseMap<Value, Resident> residents;
};

} // namespace

unsigned checkArenas(const Snapshot &snapshot) {
  ModuleOp module = *snapshot.module;
  SymbolTable symbols(module);
  unsigned programs = 0;
  for (auto program : module.getOps<func::FuncOp>()) {
    if (!program->hasAttr(llama::kArenaBytesAttrName))
      continue;
    ProgramCheck(program, symbols, snapshot.phase).run();
    ++programs;
  }
  return programs;
}

} // namespace quipu::tool
