//===- CudaBackend.h - Kernels to PTX and cubins ----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_CUDABACKEND_H
#define QUIPU_TOOLS_QUIPU_COMPILE_CUDABACKEND_H

#include "codegen/cuda/CudaTarget.h"
#include "tools/quipu-compile/Backend.h"

namespace quipu::tool {

class CudaBackend : public Backend {
public:
  CudaBackend(const CompileOptions &options, Timing &timing);

  std::vector<std::string> targets() const override;
  bool readsBlocks(const WeightFormat &) const override { return false; }
  /// Tensor cores have no f32.
  frontend::DType dtypeForBlocks() const override { return frontend::DType::bf16; }
  /// A name of a GPU means the same everywhere.
  void takeTarget(mlir::ModuleOp) override {}
  std::unique_ptr<mlir::Pass> createEmission(const std::string &target) override;
  std::string emit(const Variant &variant) override;
  codegen::PlanTarget planTarget() const override { return {"cuda", target.arch, {}}; }
  std::string assembler() const override;
  std::vector<codegen::PlanVariant> compile(std::vector<Variant> &variants) override;

private:
  void lower(const Variant &variant);
  std::string emitCubin(const std::string &ptx);

  const CompileOptions &options;
  Timing &timing;
  codegen::cuda::CudaTarget target;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_CUDABACKEND_H
