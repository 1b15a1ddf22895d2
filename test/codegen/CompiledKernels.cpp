//===- CompiledKernels.cpp - Kernels of a module, compiled and run ---------------------------===//

#include "test/codegen/CompiledKernels.h"

#include "codegen/Passes.h"
#include "codegen/common/CodeModule.h"
#include "codegen/common/GeneratedKernel.h"
#include "codegen/cpu/CpuKernel.h"
#include "codegen/plan/PlanEnums.h"
#include "runtime/core/Device.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

using namespace quipu::codegen;
using namespace quipu::codegen::cpu;

namespace quipu::test {

uint32_t encode(mlir::Type type, double value) {
  llvm::APFloat number(value);
  bool lost = false;
  number.convert(mlir::cast<mlir::FloatType>(type).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return uint32_t(number.bitcastToAPInt().getZExtValue());
}

double decode(mlir::Type type, uint32_t bits) {
  unsigned width = type.getIntOrFloatBitWidth();
  llvm::APFloat number(mlir::cast<mlir::FloatType>(type).getFloatSemantics(), llvm::APInt(width, bits));
  bool lost = false;
  number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return number.convertToDouble();
}

void Memory::write(const Matrix &matrix) {
  for (int64_t row = 0; row < int64_t(matrix.values.size()) / matrix.width; ++row)
    for (int64_t k = 0; k < matrix.width; ++k) {
      uint32_t bits = encode(layout.element, matrix.at(row, k));
      memcpy(bytes.data() + place(row, k), &bits, layout.elementBytes());
    }
}

double Memory::read(int64_t row, int64_t k) const {
  uint32_t bits = 0;
  memcpy(&bits, bytes.data() + place(row, k), layout.elementBytes());
  return decode(layout.element, bits);
}

size_t Memory::place(int64_t row, int64_t k) const {
  if (!layout.lanes)
    return (row * layout.width + k) * layout.elementBytes();
  int64_t pair = row / layout.lanes * (layout.width / layout.pack) + k / layout.pack;
  return ((pair * layout.lanes + row % layout.lanes) * layout.pack + k % layout.pack) * layout.elementBytes();
}

CompiledKernels::CompiledKernels(mlir::MLIRContext &context, const std::string &text, const std::string &target) {
  load(context, text, target);
}

CompiledKernels::~CompiledKernels() {
  if (library)
    dlclose(library);
}

void CompiledKernels::load(mlir::MLIRContext &context, const std::string &text, const std::string &target) {
  context.loadDialect<llama::LlamaDialect, mlir::func::FuncDialect>();
  module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  LlamaSelectSchedulesOptions options;
  options.target = target;
  mlir::PassManager passes(&context);
  passes.addPass(createLlamaSelectSchedules(options));
  passes.addPass(createLlamaEmitCpu({options.target, ""}));
  passes.addPass(createLlamaLowerCpu({options.target}));
  ASSERT_TRUE(mlir::succeeded(passes.run(*module)));
  llvm::Expected<CpuTarget> parsed = parseCpuTarget(target);
  ASSERT_TRUE(bool(parsed));
  llvm::LLVMContext llvmContext;
  auto translated = translateToLLVM(codeOf(*module), *parsed, llvmContext);
  ASSERT_TRUE(bool(translated));
  auto bytes = emitSharedLibrary(**translated, *parsed);
  ASSERT_TRUE(bool(bytes));
  std::string path = testing::TempDir() + "quipu-kernels-XXXXXX";
  int descriptor = mkstemp(path.data());
  ASSERT_GE(descriptor, 0);
  ASSERT_EQ(write(descriptor, bytes->data(), bytes->size()), ssize_t(bytes->size()));
  close(descriptor);
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  unlink(path.c_str());
  ASSERT_TRUE(library) << dlerror();
}

llama::KernelOp CompiledKernels::kernelOf(const std::string &name) {
  return module->lookupSymbol<llama::KernelOp>(name);
}

void CompiledKernels::run(const std::string &name, std::vector<void *> pointers, const Dims &dims) {
  std::optional<llama::CodeAttr> code = kernelOf(name).getCode();
  ASSERT_TRUE(code) << name;
  std::vector<uint8_t> memory(code->getScratchBytes() + kArenaAlignment);
  void *scratch = memory.data() + (-reinterpret_cast<uintptr_t>(memory.data()) & (kArenaAlignment - 1));
  for (llama::EntryAttr entry : code->getEntries()) {
    auto function = reinterpret_cast<QuipuKernelEntry>(dlsym(library, entry.getSymbol().str().c_str()));
    ASSERT_TRUE(function) << name;
    auto rows = int64_t(rowCount(codegen::toPlan(entry.getRows()), dims.data()));
    int64_t blocks = entry.getFixed() * llvm::divideCeil(rows, entry.getRowsPerBlock()), half = blocks / 2;
    function(pointers.data(), dims.data(), 0, half, scratch);
    function(pointers.data(), dims.data(), half, blocks, scratch);
  }
}

} // namespace quipu::test
