//===- CudaKernel.cpp - Dispatch of kernels to their emitters ----------------===//

#include "codegen/cuda/CudaKernel.h"

#include "codegen/common/Arguments.h"
#include "codegen/cuda/Emitters.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <algorithm>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

std::string cudaSymbol(StringRef kernelName, StringRef suffix) {
  std::string symbol = (kernelName + suffix).str();
  std::replace(symbol.begin(), symbol.end(), '.', '_');
  return symbol;
}

namespace {

class Generator {
public:
  Generator(ModuleOp code, const CudaTarget &target)
      : code(code), builder(code.getLoc(), code.getBodyRegion(), target) {}

  /// Emits one kernel into the part of `program`. `maxRows`: bound of the programs that launch it.
  LogicalResult generate(KernelOp kernel, StringRef program, int64_t maxRows, GeneratedKernel &generated) {
    enterPart(program);
    builder.setLoc(kernel.getLoc());
    generated.name = kernel.getSymName().str();
    unsigned argument = 0;
    for (Type type : kernel.getArgumentTypes()) {
      if (int64_t bytes = weightBytesOf(type)) {
        generated.weightBytes += bytes;
        generated.independentArguments.push_back(argument);
      }
      ++argument;
    }
    Attribute schedule = kernel.getScheduleAttr();
    if (!schedule)
      return kernel.emitOpError() << "has no schedule; run llama-select-schedules before code generation";
    llvm::raw_string_ostream(generated.schedule) << schedule;

    if (isa<CudaLinearFewScheduleAttr, CudaLinearRingScheduleAttr, CudaLinearManyScheduleAttr>(schedule))
      return generateLinear(kernel, schedule, maxRows, generated);
    if (auto attention = dyn_cast<CudaAttentionScheduleAttr>(schedule))
      return generateAttention(kernel, attention, maxRows, generated);
    if (auto pointwise = dyn_cast<CudaPointwiseScheduleAttr>(schedule))
      return generatePointwise(kernel, pointwise, generated);
    return kernel.emitOpError() << "has schedule " << schedule << ", which is not one for CUDA";
  }

  void generateServices() {
    enterPart("services");
    emitServices(builder);
  }

private:
  void enterPart(StringRef name) {
    ModuleOp &part = parts[name];
    if (!part) {
      part = ModuleOp::create(code.getLoc(), name);
      code.push_back(part);
    }
    builder.setInsertionPointToEnd(part.getBody());
  }

  LogicalResult generateLinear(KernelOp kernel, Attribute schedule, int64_t maxRows, GeneratedKernel &generated) {
    FailureOr<LinearRegion> region = LinearRegion::match(kernel);
    if (failed(region))
      return failure();
    generated.flopsPerRow = 2 * region->outputs() * region->inputs();
    generated.rows = region->gather ? RowDim::Outputs : RowDim::Tokens;
    if (auto few = dyn_cast<CudaLinearFewScheduleAttr>(schedule))
      return emitLinearFew(builder, *region, few, generated);
    if (auto ring = dyn_cast<CudaLinearRingScheduleAttr>(schedule))
      return emitLinearFewRing(builder, *region, ring, maxRows, generated);
    auto many = cast<CudaLinearManyScheduleAttr>(schedule);
    if (region->norm && failed(emitNormalise(builder, *region, maxRows, generated)))
      return failure();
    return many.getDot() == CudaDot::Wgmma ? emitLinearManyWgmma(builder, *region, many, maxRows, generated)
                                           : emitLinearManyMma(builder, *region, many, maxRows, generated);
  }

  /// The only op of a kernel besides its terminator, as an `Op`; null when the region is anything else.
  template <typename Op> Op onlyOp(KernelOp kernel) {
    auto ops = kernel.getBody().front().without_terminator();
    return llvm::hasSingleElement(ops) ? dyn_cast<Op>(*ops.begin()) : Op();
  }

  LogicalResult generateAttention(KernelOp kernel, CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                  GeneratedKernel &generated) {
    auto attention = onlyOp<AttentionOp>(kernel);
    if (!attention || attention.getLse() || !attention.getCausal() || attention.getKeyBegin() || attention.getKeyEnd())
      return kernel.emitOpError() << "has an attention schedule but does not hold exactly one causal llama.attention "
                                  << "over all keys without lse";
    if (schedule.getRegime() == RowRegime::Few)
      return emitAttentionFew(builder, kernel, attention, schedule, maxRows, generated);
    return schedule.getDot() == CudaDot::Wgmma ? emitAttentionManyWgmma(builder, kernel, attention, schedule, generated)
                                               : emitAttentionMany(builder, kernel, attention, schedule, generated);
  }

  LogicalResult generatePointwise(KernelOp kernel, CudaPointwiseScheduleAttr schedule, GeneratedKernel &generated) {
    if (auto embedding = onlyOp<EmbeddingOp>(kernel)) {
      // Reads one row of the table for each token.
      generated.weightBytes = 0;
      return emitEmbedding(builder, kernel, embedding, schedule, generated);
    }
    if (auto table = onlyOp<RotaryTableOp>(kernel))
      return emitRotaryTable(builder, kernel, table, schedule, generated);
    return kernel.emitOpError() << "has a pointwise schedule, but the pointwise family generates single "
                                << "llama.embedding and llama.rotary_table ops only";
  }

  ModuleOp code;
  CudaBuilder builder;
  llvm::StringMap<ModuleOp> parts;
};

} // namespace

FailureOr<OwningOpRef<ModuleOp>> emitCudaKernels(ModuleOp module, const CudaTarget &target,
                                                 std::vector<GeneratedKernel> &kernels, StringRef only) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect, NVVM::NVVMDialect, scf::SCFDialect>();
  // The program whose part takes the kernel, and the bound on its rows.
  llvm::StringMap<std::pair<StringRef, int64_t>> launches;
  for (auto program : module.getOps<func::FuncOp>()) {
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    program.walk([&](LaunchOp launch) {
      auto &[name, rows] = launches[launch.getKernel()];
      if (name.empty())
        name = program.getSymName();
      rows = std::max(rows, attribute ? attribute.getMaxRows() : 1);
    });
  }

  OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc(), "kernels");
  Generator generator(*code, target);
  for (auto kernel : module.getOps<KernelOp>()) {
    auto launch = launches.find(kernel.getSymName());
    if (launch == launches.end() || (!only.empty() && kernel.getSymName() != only))
      continue;
    const auto &[program, maxRows] = launch->second;
    GeneratedKernel generated;
    if (failed(generator.generate(kernel, program, maxRows, generated)))
      return failure();
    kernels.push_back(std::move(generated));
  }
  if (only.empty())
    generator.generateServices();
  return code;
}

} // namespace quipu::codegen
