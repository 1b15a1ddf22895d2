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
  /// Fails with a diagnostic on `kernel` when its region is none of the fused forms.
  static mlir::FailureOr<LinearRegion> match(llama::KernelOp kernel);

  llama::KernelOp kernel;
  /// Which rows the kernel works on. match() goes by the kernel alone, which may select them; who knows the program
  /// that launches it sets this.
  RowDim rows = RowDim::Tokens;
  llvm::SmallVector<PrologueStage, 2> prologue = {};
  llama::LinearOp linear = {};
  /// They cover the rows of the weight in order.
  llvm::SmallVector<LinearSection, 3> sections = {};

  /// The op of the prologue's gather and norm; null where it has none.
  llama::GatherRowsOp gather() const { return prologueOp<GatherStage, llama::GatherRowsOp>(); }
  llama::RMSNormOp norm() const { return prologueOp<NormStage, llama::RMSNormOp>(); }
  /// The first stage of type `StageT` in any section, or null.
  template <typename StageT> const StageT *find() const {
    for (const LinearSection &section : sections)
      if (const StageT *found = section.find<StageT>())
        return found;
    return nullptr;
  }
  template <typename StageT> bool has() const { return find<StageT>() != nullptr; }

  /// The activation that the kernel reads, before gathering and norm.
  mlir::Value source() const;
  /// K and N of the weight.
  int64_t inputs() const { return weightType().getDimSize(1); }
  int64_t outputs() const { return weightType().getDimSize(0); }
  mlir::RankedTensorType weightType() const {
    return mlir::cast<mlir::RankedTensorType>(llama::LinearOp(linear).getWeight().getType());
  }
  /// Rows of the weight that the kernel takes apart and combines: gate and up, or the sections of heads. Empty in
  /// kernels that combine none.
  llvm::SmallVector<int64_t> combinedRows() const;
  /// Elements of a head, in kernels that turn heads.
  int64_t headDim() const;
  /// The number of rows, from the frame of an entry (KernelFrame, CudaFrame).
  template <typename Frame> mlir::Value rowCount(const Frame &frame) const {
    return rows == RowDim::Outputs ? frame.outputs : frame.tokens;
  }
  /// Type of the normalised input, when the schedule keeps it in memory.
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
