//===- CheckPrograms.cpp - Whether code and programs mean something ----------------------===//

#include "runtime/abi/CudaLimits.h"
#include "runtime/abi/DataType.h"
#include "runtime/plan/PlanChecks.h"
#include "runtime/support/RoundUp.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

namespace quipu {
namespace {

constexpr uint64_t kMaxScratch = uint64_t(1) << 30;
constexpr uint64_t kMaxBlocks = uint64_t(1) << 40;
constexpr uint64_t kMaxVariants = 16;
constexpr uint64_t kMaxTensorMaps = 16;

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
  }

private:
  void checkVariants() {
    numVariants = plan.variants() ? plan.variants()->size() : 0;
    checkRange(numVariants, 0, kMaxVariants, "number of variants");
    for (size_t i = 0; i < numVariants; ++i)
      checkName(plan.variants()->Get(i)->isa(), concat("variants[", i, "].isa"));
    // A plan without a list of variants has one variant, for the plan's target.
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
    checkRange(entry.least_blocks(), 1, kMaxBlocks, field + ": least_blocks");
  }

  void checkCudaEntry(const plan::Entry &entry, uint64_t rowBlocks, const std::string &field) {
    checkRange(entry.threads(), 1, kMaxBlockThreads, field + ": threads");
    if (entry.threads() % kWarpThreads != 0)
      wrong(field, ": threads is ", entry.threads(), ", no whole number of warps of ", kWarpThreads);
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
      checkRange(map.box_rows(), 1, kMaxBoxRows, place + ": box_rows");
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
      if (roundUp(program.min_rows(), align) > program.max_rows())
        wrong(field, ": min_rows ", program.min_rows(), " padded to row_align ", align, " exceeds max_rows ",
              program.max_rows());
      checkRange(program.arena_bytes(), 0, kMaxBytes, field + ": arena_bytes");
      checkRange(program.variant(), 0, numVariants - 1, field + ": variant");
      maxRows = std::max<uint64_t>(maxRows, program.max_rows());
    }
  }

  size_t numVariants = 1;
  uint64_t maxRows = 1;
};

} // namespace

void checkPrograms(const plan::Plan &plan, const std::string &name) { ProgramChecks(plan, name).run(); }

} // namespace quipu
