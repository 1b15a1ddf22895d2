//===- LinearRegion.h - What a linear kernel computes -----------*- C++ -*-===//
//
// Reads the region of a linear kernel as prologue o product o epilogue. The emitters of every target start from this.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_LINEARREGION_H
#define QUIPU_CODEGEN_COMMON_LINEARREGION_H

#include "codegen/common/GeneratedKernel.h"
#include "codegen/common/LinearStages.h"

namespace quipu::codegen {

struct LinearRegion {
  /// Fails with a diagnostic on `kernel` if its region has none of the forms that emitters know.
  static mlir::FailureOr<LinearRegion> match(llama::KernelOp kernel);

  llama::KernelOp kernel;
  /// The kind of rows that the kernel works on. match() sees only the kernel, which may select rows. A caller that
  /// knows the program which launches the kernel sets this.
  RowDim rows = RowDim::Tokens;
  llvm::SmallVector<PrologueStage, 2> prologue = {};
  llama::LinearOp linear = {};
  /// They cover the rows of the weight in order.
  llvm::SmallVector<LinearSection, 3> sections = {};

  /// The ops of the prologue: gather, norm and rounding. Null if the kernel has none.
  llama::GatherRowsOp gather() const { return prologueOp<GatherStage, llama::GatherRowsOp>(); }
  llama::RMSNormOp norm() const { return prologueOp<NormStage, llama::RMSNormOp>(); }
  llama::QuantizeOp quantize() const { return prologueOp<QuantizeStage, llama::QuantizeOp>(); }
  /// The first stage of type `StageT` in any section, or null.
  template <typename StageT> const StageT *find() const {
    for (const LinearSection &section : sections)
      if (const StageT *found = section.find<StageT>())
        return found;
    return nullptr;
  }
  template <typename StageT> bool has() const { return find<StageT>() != nullptr; }

  /// The activation that the kernel reads, before its prologue.
  mlir::Value source() const;
  /// K (columns) and N (rows) of the weight.
  int64_t inputs() const { return weightType().getDimSize(1); }
  int64_t outputs() const { return weightType().getDimSize(0); }
  mlir::RankedTensorType weightType() const {
    return mlir::cast<mlir::RankedTensorType>(llama::LinearOp(linear).getWeight().getType());
  }
  /// Numbers of rows of the parts of the weight that the kernel distinguishes: gate and up, or the sections of heads.
  /// Empty in other kernels.
  llvm::SmallVector<int64_t> combinedRows() const;
  /// Elements of a head, in kernels with a rotation.
  int64_t headDim() const;
  /// The type of the rows that are rounded to integers, or else multiplied.
  mlir::Type exactInputType() const {
    llama::QuantizeOp rounded = quantize();
    return rounded ? rounded.getInput().getType() : llama::LinearOp(linear).getInput().getType();
  }
  /// The number of rows, from the frame of an entry (KernelFrame, CudaFrame).
  template <typename Frame> mlir::Value rowCount(const Frame &frame) const {
    return rows == RowDim::Outputs ? frame.outputs : frame.tokens;
  }
  /// Type of the normalised input, if the schedule keeps it in a workspace.
  mlir::Type workspaceType() const;

private:
  template <typename StageT, typename OpT> OpT prologueOp() const {
    for (const PrologueStage &stage : prologue)
      if (const StageT *found = std::get_if<StageT>(&stage))
        return found->op;
    return {};
  }
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_LINEARREGION_H
