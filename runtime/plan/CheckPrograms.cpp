//===- CheckPrograms.cpp - Whether code and programs mean something ----------------------===//

#include "runtime/abi/DataType.h"
#include "runtime/plan/PlanChecks.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

namespace quipu {
namespace {

constexpr uint64_t kMaxScratch = uint64_t(1) << 30;
constexpr uint64_t kMaxBlocks = uint64_t(1) << 40;
constexpr uint64_t kMaxVariants = 16;
// What a CUDA device can launch.
constexpr uint64_t kMaxGridX = 0x7fffffff;
constexpr uint64_t kMaxGridY = 65535;
constexpr uint64_t kMaxSharedBytes = 227 * 1024;
constexpr uint64_t kMaxCluster = 8;
constexpr uint64_t kMaxTensorMaps = 16;
/// Bytes of a row of a tensor map's box, which the swizzle permutes.
constexpr uint64_t kSwizzleBytes = 128;

class ProgramChecks : PlanChecks {
public:
  using PlanChecks::PlanChecks;

  void run() {
    checkVariants();
    checkModules();
    checkBounds();
    checkVariantsAreWhole();
    for (size_t i = 0; i < plan.kernels()->size(); ++i)
      checkKernel(*plan.kernels()->Get(i), i);
    for (const plan::Program *program : *plan.programs())
      checkSteps(*program, concat("program ", program->name()->string_view()));
  }

private:
  void checkVariants() {
    numVariants = plan.variants() ? plan.variants()->size() : 0;
    checkRange(numVariants, 0, kMaxVariants, "number of variants");
    for (size_t i = 0; i < numVariants; ++i)
      checkName(plan.variants()->Get(i)->isa(), concat("variants[", i, "].isa"));
    // Without variants there is one, for the plan's target.
    numVariants = std::max<size_t>(numVariants, 1);
  }

  void checkVariantsAreWhole() {
    for (size_t i = 0; i < numVariants; ++i) {
      auto isOwn = [&](const auto *part) { return part->variant() == i; };
      if (std::none_of(plan.modules()->begin(), plan.modules()->end(), isOwn))
        wrong("variant ", i, " has no code modules");
      if (std::none_of(plan.programs()->begin(), plan.programs()->end(), isOwn))
        wrong("variant ", i, " has no programs");
    }
  }

  void checkModules() {
    if (plan.modules()->size() == 0)
      wrong("it has no code modules");
    for (size_t i = 0; i < plan.modules()->size(); ++i) {
      const plan::CodeModule &module = *plan.modules()->Get(i);
      std::string field = concat("modules[", i, "]");
      checkEnum(module.format(), plan::CodeFormat::MAX, field + ".format");
      if (isCuda() != isForCuda(module.format()))
        wrong(field, ".format is ", plan::EnumNameCodeFormat(module.format()), " in a plan for ",
              plan.target()->device()->string_view());
      if (isCuda())
        checkName(module.isa(), field + ".isa");
      checkRange(module.ptx_version(), 0, 999, field + ".ptx_version");
      checkRange(module.variant(), 0, numVariants - 1, field + ".variant");
      if (module.bytes()->size() == 0)
        wrong(field, ".bytes is empty");
    }
  }

  static bool isForCuda(plan::CodeFormat format) {
    switch (format) {
    case plan::CodeFormat::elf:
      return false;
    case plan::CodeFormat::cubin:
    case plan::CodeFormat::ptx:
      return true;
    }
    return false;
  }

  void checkKernel(const plan::Kernel &kernel, size_t index) {
    checkName(kernel.name(), concat("kernels[", index, "].name"));
    std::string field = concat("kernel ", kernel.name()->string_view());
    checkRange(kernel.scratch_bytes(), 0, kMaxScratch, field + ": scratch_bytes");
    checkEnum(kernel.rows(), plan::RowDim::MAX, field + ": rows");
    checkRange(kernel.entries()->size(), 1, 64, field + ": number of entries");
    for (const plan::Entry *entry : *kernel.entries()) {
      checkName(entry->symbol(), field + ": symbol");
      const plan::Grid &grid = *entry->grid();
      checkEnum(grid.rows(), plan::RowDim::MAX, field + ": grid.rows");
      checkRange(grid.rows_per_block(), 1, kMaxCount, field + ": grid.rows_per_block");
      uint64_t rowBlocks = grid.rows() == plan::RowDim::one ? 1 : (maxRows - 1) / grid.rows_per_block() + 1;
      checkRange(grid.fixed(), 1, kMaxBlocks / rowBlocks, field + ": grid.fixed");
      isCuda() ? checkCudaEntry(*entry, rowBlocks, field) : checkCpuEntry(*entry, field);
    }
  }

  void checkCpuEntry(const plan::Entry &entry, const std::string &field) {
    if (entry.tensor_maps() && entry.tensor_maps()->size() != 0)
      wrong(field, ": has tensor maps in a plan for ", plan.target()->device()->string_view());
  }

  void checkCudaEntry(const plan::Entry &entry, uint64_t rowBlocks, const std::string &field) {
    checkRange(entry.threads(), 1, 1024, field + ": threads");
    if (entry.threads() % 32 != 0)
      wrong(field, ": threads is ", entry.threads(), ", no whole number of warps of 32");
    checkRange(entry.shared_bytes(), 0, kMaxSharedBytes, field + ": shared_bytes");
    checkRange(entry.grid()->fixed(), 1, kMaxGridX, field + ": grid.fixed");
    checkRange(entry.cluster(), 1, kMaxCluster, field + ": cluster");
    if (entry.grid()->fixed() % entry.cluster() != 0)
      wrong(field, ": grid.fixed is ", entry.grid()->fixed(), ", no multiple of cluster ", entry.cluster());
    if (!entry.persistent())
      checkRange(rowBlocks, 1, kMaxGridY, field + ": blocks along the rows");
    size_t numMaps = entry.tensor_maps() ? entry.tensor_maps()->size() : 0;
    checkRange(numMaps, 0, kMaxTensorMaps, field + ": number of tensor maps");
    for (size_t i = 0; i < numMaps; ++i) {
      const plan::TensorMap &map = *entry.tensor_maps()->Get(i);
      std::string place = concat(field, ", tensor map ", i);
      checkFloatType(map.dtype(), place + ": dtype");
      uint64_t size = dtypeSize(map.dtype());
      checkRange(map.columns(), 1, kMaxCount, place + ": columns");
      checkRange(map.rows(), 1, kMaxCount, place + ": rows");
      checkRange(map.box_rows(), 1, 256, place + ": box_rows");
      checkRange(map.box_columns(), 1, kSwizzleBytes / size, place + ": box_columns");
      if (map.columns() * size % 16 != 0 || map.box_columns() * size % 16 != 0)
        wrong(place, ": rows of ", map.columns(), " elements in boxes of ", map.box_columns(),
              " are no multiples of 16 bytes");
    }
  }

  void checkBounds() {
    if (plan.programs()->size() == 0)
      wrong("it has no programs");
    for (size_t i = 0; i < plan.programs()->size(); ++i) {
      const plan::Program &program = *plan.programs()->Get(i);
      checkName(program.name(), concat("programs[", i, "].name"));
      std::string field = concat("program ", program.name()->string_view());
      checkEnum(program.kind(), plan::ProgramKind::MAX, field + ": kind");
      checkRange(program.min_rows(), 1, 1 << 20, field + ": min_rows");
      checkRange(program.max_rows(), program.min_rows(), 1 << 20, field + ": max_rows");
      checkRange(program.row_align(), 1, program.max_rows(), field + ": row_align");
      uint64_t align = program.row_align();
      if ((program.min_rows() + align - 1) / align * align > program.max_rows())
        wrong(field, ": min_rows ", program.min_rows(), " padded to row_align ", align, " exceeds max_rows ",
              program.max_rows());
      checkRange(program.arena_bytes(), 0, kMaxBytes, field + ": arena_bytes");
      checkRange(program.variant(), 0, numVariants - 1, field + ": variant");
      maxRows = std::max<uint64_t>(maxRows, program.max_rows());
    }
  }

  void checkSteps(const plan::Program &program, const std::string &field) {
    if (program.sequences()->size() == 0)
      wrong(field, " has no sequences");
    uint64_t pointers = 0;
    for (size_t s = 0; s < program.sequences()->size(); ++s) {
      const plan::Sequence &sequence = *program.sequences()->Get(s);
      std::string place = concat(field, ", sequence ", s);
      checkRange(sequence.repeat(), 1, 65536, place + ": repeat");
      for (size_t i = 0; i < sequence.steps()->size(); ++i) {
        const plan::Step &step = *sequence.steps()->Get(i);
        std::string where = concat(place, ", step ", i);
        size_t numArgs = step.args() ? step.args()->size() : 0;
        if (step.kernel() >= plan.kernels()->size())
          wrong(where, ": kernel is ", step.kernel(), ", the plan has ", plan.kernels()->size());
        const plan::Kernel &kernel = *plan.kernels()->Get(step.kernel());
        if (numArgs)
          checkAligned(*step.args(), where + ": args");
        for (size_t a = 0; a < numArgs; ++a)
          checkArg(program, *step.args()->Get(a), sequence.repeat(), concat(where, ", argument ", a));
        checkTensorMaps(program, sequence, step, where);
        pointers += uint64_t(sequence.repeat()) * (3 * numArgs + kernel.entries()->size());
        if (pointers > kMaxCount)
          wrong(field, " has more than ", kMaxCount, " arguments");
      }
    }
  }

  /// The tensor maps of a step's kernel lie in the buffers behind their pointers.
  void checkTensorMaps(const plan::Program &program, const plan::Sequence &sequence, const plan::Step &step,
                       const std::string &where) {
    std::vector<const plan::Arg *> pointers;
    for (size_t a = 0; a < (step.args() ? step.args()->size() : 0); ++a) {
      const plan::Arg *arg = step.args()->Get(a);
      pointers.insert(pointers.end(), arg->kind() == plan::ArgKind::kv_layer ? 3 : 1, arg);
    }
    for (const plan::Entry *entry : *plan.kernels()->Get(step.kernel())->entries()) {
      if (!entry->tensor_maps())
        continue;
      for (const plan::TensorMap *map : *entry->tensor_maps()) {
        if (map->pointer() >= pointers.size())
          wrong(where, ": a tensor map of ", entry->symbol()->string_view(), " is for pointer ", map->pointer(),
                ", the step has ", pointers.size());
        const plan::Arg &arg = *pointers[map->pointer()];
        uint64_t bytes = map->rows() * map->columns() * dtypeSize(map->dtype());
        for (uint64_t i = 0; i < sequence.repeat(); ++i)
          if (bytes > bytesBehind(program, arg, i))
            wrong(where, ": a tensor map of ", entry->symbol()->string_view(), " has ", map->rows(), " rows of ",
                  map->columns(), " elements, which leaves ", plan::EnumNameArgKind(arg.kind()), " ", arg.value());
      }
    }
  }

  /// Bytes that a tensor map over an argument may cover in one iteration.
  uint64_t bytesBehind(const plan::Program &program, const plan::Arg &arg, uint64_t iteration) {
    uint64_t value = arg.value() + uint64_t(arg.stride()) * iteration;
    switch (arg.kind()) {
    case plan::ArgKind::arena:
      return program.arena_bytes() - value;
    case plan::ArgKind::weight:
      return weightBytes(*plan.weights()->Get(unsigned(value)));
    case plan::ArgKind::output:
      return program.max_rows() * uint64_t(plan.config()->vocab_size()) * sizeof(float);
    case plan::ArgKind::kv_layer:
    case plan::ArgKind::input:
      break;
    }
    // Pages lie anywhere, and the other inputs are integers.
    return 0;
  }

  void checkArg(const plan::Program &program, const plan::Arg &arg, uint64_t repeat, const std::string &where) {
    checkEnum(arg.kind(), plan::ArgKind::MAX, where + ": kind");
    uint64_t bound = 0;
    switch (arg.kind()) {
    case plan::ArgKind::arena:
      bound = program.arena_bytes();
      if (arg.value() % 64 != 0 || arg.stride() % 64 != 0)
        wrong(where, ": arena offset ", arg.value(), " (stride ", arg.stride(), ") is not a multiple of 64");
      break;
    case plan::ArgKind::weight:
      bound = plan.weights()->size();
      break;
    case plan::ArgKind::kv_layer:
      bound = plan.kv_cache()->layers();
      break;
    case plan::ArgKind::input:
      bound = uint64_t(plan::InputKind::MAX) + 1;
      break;
    case plan::ArgKind::output:
      bound = uint64_t(plan::OutputKind::MAX) + 1;
      break;
    }
    // Values are linear in the iteration: the first and the last bound the others.
    __int128 first = arg.value();
    __int128 last = first + __int128(arg.stride()) * __int128(repeat - 1);
    for (__int128 value : {first, last})
      if (value < 0 || value >= __int128(bound))
        wrong(where, ": ", plan::EnumNameArgKind(arg.kind()), " ", arg.value(), " with stride ", arg.stride(), " over ",
              repeat, " iterations leaves the range 0 to ", bound);
  }

  size_t numVariants = 1;
  uint64_t maxRows = 1;
};

} // namespace

void checkPrograms(const plan::Plan &plan, const std::string &name) { ProgramChecks(plan, name).run(); }

} // namespace quipu
