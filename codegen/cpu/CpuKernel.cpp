//===- CpuKernel.cpp - Dispatch of kernels to their emitters -------------------===//

#include "codegen/cpu/CpuKernel.h"

#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

class Generator {
public:
  explicit Generator(ModuleOp code) : builder(code.getLoc(), code.getBodyRegion()) {}

  /// Emits one kernel. `maxRows`: bound of the program that launches it.
  LogicalResult generate(KernelOp kernel, int64_t maxRows, GeneratedKernel &generated) {
    builder.setInsertionPointToEnd(builder.getBlock());
    builder.setLoc(kernel.getLoc());
    generated.name = kernel.getSymName().str();
    unsigned pointer = 0;
    for (Type argument : kernel.getArgumentTypes()) {
      if (int64_t bytes = weightBytesOf(argument)) {
        generated.weightBytes += bytes;
        for (unsigned i = 0; i < pointersOf(argument); ++i)
          generated.independentArguments.push_back(pointer + i);
      }
      pointer += isa<KVLayerType>(argument) ? 1 : pointersOf(argument);
    }
    Attribute schedule = kernel.getScheduleAttr();
    if (!schedule)
      return kernel.emitOpError() << "has no schedule; run llama-select-schedules before code generation";
    llvm::raw_string_ostream(generated.schedule) << schedule;

    if (auto linear = dyn_cast<CpuLinearScheduleAttr>(schedule))
      return generateLinear(kernel, linear, maxRows, generated);
    if (auto attention = dyn_cast<CpuAttentionScheduleAttr>(schedule))
      return generateAttention(kernel, attention, generated);
    if (auto pointwise = dyn_cast<CpuPointwiseScheduleAttr>(schedule))
      return generatePointwise(kernel, pointwise, generated);
    return kernel.emitOpError() << "has schedule " << schedule << ", which is not one for a CPU";
  }

private:
  LogicalResult generateLinear(KernelOp kernel, CpuLinearScheduleAttr schedule, int64_t maxRows,
                               GeneratedKernel &generated) {
    FailureOr<LinearTiles> region = LinearTiles::match(kernel);
    if (failed(region))
      return failure();
    int64_t outputs = cast<RankedTensorType>(region->linear.getWeight().getType()).getDimSize(0);
    generated.flopsPerRow = 2 * outputs * region->inputs();
    generated.rows = region->gather ? RowDim::Outputs : RowDim::Tokens;
    int64_t tiles = countTiles(region->sections(schedule.getRun()));
    if (schedule.getRows() == RowRegime::Few) {
      if (region->norm) {
        Type element = cast<RankedTensorType>(region->norm.getResult().getType()).getElementType();
        generated.scratchBytes = llvm::alignTo(maxRows * region->inputs() * bytesOf(element), 64);
      }
      emitLinearFew(builder, *region, schedule, generated.name);
      generated.entries.push_back({generated.name, tiles, RowDim::One, 1});
      return success();
    }
    if (region->norm) {
      std::string norm = generated.name + ".norm";
      emitLinearManyNorm(builder, *region, schedule, norm);
      generated.entries.push_back({norm, 1, RowDim::Tokens, schedule.getLanes()});
    }
    generated.scratchBytes = llvm::alignTo(linearManyScratchBytes(*region, schedule), 64);
    emitLinearMany(builder, *region, schedule, generated.name);
    generated.entries.push_back({generated.name, tiles, RowDim::One, 1});
    return success();
  }

  /// The only op of a kernel besides its terminator, as an `Op`; null when the region is anything else.
  template <typename Op> Op onlyOp(KernelOp kernel) {
    auto ops = kernel.getBody().front().without_terminator();
    return llvm::hasSingleElement(ops) ? dyn_cast<Op>(*ops.begin()) : Op();
  }

  LogicalResult generateAttention(KernelOp kernel, CpuAttentionScheduleAttr schedule, GeneratedKernel &generated) {
    auto attention = onlyOp<AttentionOp>(kernel);
    if (!attention || attention.getLse() || !attention.getCausal() || attention.getKeyBegin() || attention.getKeyEnd())
      return kernel.emitOpError() << "has an attention schedule but does not hold exactly one causal llama.attention "
                                  << "over all keys without lse";
    generated.scratchBytes = llvm::alignTo(attentionScratchBytes(attention, schedule), 64);
    GeneratedEntry entry{generated.name, static_cast<int64_t>(attention.getNumKvHeads()), RowDim::Tokens, 1};
    if (schedule.getRows() == RowRegime::Few) {
      emitAttentionFew(builder, kernel, attention, schedule, generated.name);
    } else {
      emitAttentionMany(builder, kernel, attention, schedule, generated.name);
      entry.rowsPerBlock = schedule.getLanes();
    }
    generated.entries.push_back(entry);
    return success();
  }

  LogicalResult generatePointwise(KernelOp kernel, CpuPointwiseScheduleAttr schedule, GeneratedKernel &generated) {
    if (auto embedding = onlyOp<EmbeddingOp>(kernel)) {
      emitEmbedding(builder, kernel, embedding, schedule, generated.name);
      // Reads one row of the table for each token.
      generated.weightBytes = 0;
    } else if (auto table = onlyOp<RotaryTableOp>(kernel)) {
      emitRotaryTable(builder, kernel, table, schedule, generated.name);
    } else {
      return kernel.emitOpError() << "has a pointwise schedule, but the pointwise family generates single "
                                  << "llama.embedding and llama.rotary_table ops only";
    }
    generated.entries.push_back({generated.name, 1, RowDim::Tokens, schedule.getRowsPerBlock()});
    return success();
  }

  KernelBuilder builder;
};

} // namespace

FailureOr<OwningOpRef<ModuleOp>> emitCpuKernels(ModuleOp module, const CpuTarget &target,
                                                std::vector<GeneratedKernel> &kernels) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect, scf::SCFDialect,
                       vector::VectorDialect, x86vector::X86VectorDialect>();
  llvm::StringMap<int64_t> maxRows;
  for (auto program : module.getOps<func::FuncOp>()) {
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    program.walk([&](LaunchOp launch) {
      int64_t &rows = maxRows[launch.getKernel()];
      rows = std::max(rows, attribute ? attribute.getMaxRows() : 1);
    });
  }

  OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc(), "kernels");
  Generator generator(*code);
  for (auto kernel : module.getOps<KernelOp>()) {
    auto rows = maxRows.find(kernel.getSymName());
    if (rows == maxRows.end())
      continue;
    GeneratedKernel generated;
    if (failed(generator.generate(kernel, rows->second, generated)))
      return failure();
    kernels.push_back(std::move(generated));
  }
  return code;
}

} // namespace quipu::codegen
