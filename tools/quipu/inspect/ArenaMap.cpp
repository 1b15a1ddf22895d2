//===- ArenaMap.cpp - What lies in the arena of a program, and when ----------------------===//

#include "tools/quipu/inspect/ArenaMap.h"

#include "runtime/abi/DataType.h"
#include "runtime/abi/KernelAbi.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/RoundUp.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <map>

namespace quipu::tool {

namespace {

/// What a step does with the memory behind an argument.
struct Access {
  bool writes = false, reads = false, isWorkspace = false;
  uint64_t rowBytes = 0;
};

Access accessOf(const plan::Plan &plan, const plan::Step &step, size_t argument) {
  if (const plan::Kernel *kernel = kernelOf(plan, step)) {
    const plan::Param &param = *kernel->params()->Get(unsigned(argument));
    bool isWorkspace = param.kind() == plan::ParamKind::workspace;
    return {isWorkspace || param.kind() == plan::ParamKind::result, param.kind() == plan::ParamKind::activation,
            isWorkspace, param.bytes()};
  }
  uint64_t rowBytes = 0;
  if (const plan::Copy *copy = step.action_as_Copy())
    rowBytes = copy->row_bytes();
  if (const plan::Collective *collective = step.action_as_Collective())
    rowBytes = collective->columns() * dtypeSize(collective->dtype());
  // Copies and collectives have two arguments: from and to. Samples have none in the arena.
  return {argument == 1, argument == 0, false, rowBytes};
}

class Builder {
public:
  Builder(const plan::Plan &plan, const plan::Program &program) : plan(plan), program(program) {
    map.rows = roundUp(program.max_rows(), program.row_align());
    map.arenaBytes = program.arena_bytes();
  }

  ArenaMap build() {
    size_t number = 0;
    for (const plan::Sequence *sequence : *program.sequences()) {
      size_t begin = map.steps.size();
      for (const plan::Step *step : *sequence->steps()) {
        map.steps.push_back(
            {stepText(plan, *step), locationText(*step, sequence->repeat()), sequence->repeat(), number});
        addStep(*step, begin, sequence->repeat());
      }
      if (sequence->repeat() > 1)
        closeLoop(begin);
      ++number;
    }
    for (size_t step = 0; step < map.steps.size(); ++step)
      if (uint64_t bytes = map.bytesAt(step); bytes > map.peakBytes) {
        map.peakBytes = bytes;
        map.peakStep = step;
      }
    return std::move(map);
  }

private:
  void addStep(const plan::Step &step, size_t begin, uint32_t repeat) {
    size_t now = map.steps.size() - 1;
    // A step reads its arguments before it writes over them.
    forEachInArena(step, [&](const plan::Arg &arg, const Access &access) {
      if (!access.reads)
        return;
      auto found = places.find(arg.value());
      if (found == places.end())
        return;
      ArenaValue &value = map.values[found->second];
      value.last = std::max(value.last, now);
      if (repeat > 1 && value.first < begin)
        readFromBefore[arg.value()] = now;
    });
    forEachInArena(step, [&](const plan::Arg &arg, const Access &access) {
      if (!access.writes)
        return;
      uint64_t bytes = access.rowBytes * map.rows;
      if (arg.stride() > 0)
        bytes += uint64_t(arg.stride()) * (repeat - 1);
      map.values.push_back({map.steps.back().name, arg.value(), roundUp(bytes, uint64_t(kArenaAlignment)), now, now});
      map.values.back().isWorkspace = access.isWorkspace;
      places[arg.value()] = map.values.size() - 1;
    });
  }

  /// What an iteration reads at a place where none of its steps has written before, the iteration before has left
  /// there; or it came from before the loop and stays.
  void closeLoop(size_t begin) {
    size_t end = map.steps.size() - 1;
    for (auto [offset, reader] : readFromBefore) {
      ArenaValue &value = map.values[places.at(offset)];
      value.last = end;
      if (value.first >= begin) {
        value.isCarried = true;
        value.carriedFrom = begin;
        value.carriedTo = reader;
      }
    }
    readFromBefore.clear();
  }

  template <typename Visit> void forEachInArena(const plan::Step &step, Visit visit) {
    for (size_t i = 0; step.args() && i < step.args()->size(); ++i)
      if (const plan::Arg &arg = *step.args()->Get(unsigned(i)); arg.kind() == plan::ArgKind::arena)
        visit(arg, accessOf(plan, step, i));
  }

  const plan::Plan &plan;
  const plan::Program &program;
  ArenaMap map;
  /// Numbers of the values that were written last, by their offsets.
  std::map<uint64_t, size_t> places;
  /// Offsets that the sequence reads before it writes there, with the last step that does.
  std::map<uint64_t, size_t> readFromBefore;
};

} // namespace

ArenaMap ArenaMap::of(const plan::Plan &plan, const plan::Program &program) { return Builder(plan, program).build(); }

uint64_t ArenaMap::bytesAt(size_t step) const {
  std::map<uint64_t, uint64_t> ends;
  for (const ArenaValue &value : values)
    if (value.livesAt(step)) {
      uint64_t &end = ends[value.offset];
      end = std::max(end, value.offset + value.bytes);
    }
  uint64_t sum = 0, covered = 0;
  for (auto [offset, end] : ends) {
    uint64_t begin = std::max(offset, covered);
    sum += end > begin ? end - begin : 0;
    covered = std::max(covered, end);
  }
  return sum;
}

} // namespace quipu::tool
