//===- CompiledKernels.h - Kernels of a module, compiled and run ---------------*- C++ -*-===//

#ifndef QUIPU_TEST_CODEGEN_COMPILEDKERNELS_H
#define QUIPU_TEST_CODEGEN_COMPILEDKERNELS_H

#include "codegen/cpu/KernelFrame.h"
#include "ir/Llama/Llama.h"
#include "runtime/abi/KernelAbi.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace quipu::test {

/// A matrix of numbers as a tensor holds them.
struct Matrix {
  int64_t width = 0;
  std::vector<double> values;

  double at(int64_t row, int64_t k) const { return values[row * width + k]; }
};

/// Bits of a number rounded to a type, and the number that bits are.
uint32_t encode(mlir::Type type, double value);
double decode(mlir::Type type, uint32_t bits);

/// Memory of an activation of so many rows, filled or read by rows and features.
class Memory {
public:
  Memory(mlir::Type type, int64_t rows) : layout(type), bytes(rows * layout.width * layout.elementBytes(), 0xff) {}

  void write(const Matrix &matrix);
  double read(int64_t row, int64_t k) const;

  codegen::cpu::ActivationLayout layout;
  std::vector<uint8_t> bytes;

private:
  /// As #llama.token_lanes describes it.
  size_t place(int64_t row, int64_t k) const;
};

/// The kernels of a module, from text to code in this process.
class CompiledKernels {
public:
  using Dims = std::array<int64_t, 8>;

  /// Chooses schedules for `target` and compiles. A failure is one of the test, and leaves isLoaded() false.
  CompiledKernels(mlir::MLIRContext &context, const std::string &text, const std::string &target);
  ~CompiledKernels();
  CompiledKernels(const CompiledKernels &) = delete;
  CompiledKernels &operator=(const CompiledKernels &) = delete;

  bool isLoaded() const { return library != nullptr; }
  llama::KernelOp kernelOf(const std::string &name);
  /// Runs the entries of a kernel on pointers, each over its whole grid in two parts.
  void run(const std::string &name, std::vector<void *> pointers, const Dims &dims);

private:
  void load(mlir::MLIRContext &context, const std::string &text, const std::string &target);

  mlir::OwningOpRef<mlir::ModuleOp> module;
  void *library = nullptr;
};

} // namespace quipu::test

#endif // QUIPU_TEST_CODEGEN_COMPILEDKERNELS_H
