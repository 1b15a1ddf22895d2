//===- Evaluator.h - Runs modules through the reference lowering -*- C++ -*-===//
//
// Compiles a module, after whichever pass, by llama-reference-pipeline in this process and runs its programs. Weights
// are asked for by the names of the tensors that their sources are slices of, so that a module before and one after a
// pass get the same numbers.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_REFERENCE_EVALUATOR_H
#define QUIPU_IR_REFERENCE_EVALUATOR_H

#include "ir/Llama/Llama.h"
#include "ir/Reference/WeightMemory.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mlir {
class ExecutionEngine;
} // namespace mlir

namespace quipu::llama {

/// The new tokens of a step. Rows of one sequence lie side by side; the evaluator pads where a program wants it.
struct EvaluatorStep {
  std::vector<int32_t> tokens, positions, sequences;
  /// The rows whose logits are wanted.
  std::vector<int32_t> rows;
};

class Evaluator {
public:
  struct Options {
    /// What the key/value cache has room for.
    int64_t sequences = 1, positions = 64;
  };

  /// `module` itself is not changed. Its context must have been made with registerEvaluatorDialects.
  static llvm::Expected<std::unique_ptr<Evaluator>> create(mlir::ModuleOp module, const Options &options,
                                                           const WeightFill &fill);
  ~Evaluator();

  /// Runs a step of the program named, or, without a name, of the one with the least greatest number of rows among
  /// those that take the step. Returns the logits, a row of `vocabulary()` for each of the step's `rows`.
  llvm::Expected<std::vector<float>> run(const EvaluatorStep &step, llvm::StringRef program = {});

  int64_t vocabulary() const { return vocabularySize; }

  bool hasProgram(llvm::StringRef name) const;
  /// The most rows that the program named (or any, without a name) takes.
  int64_t maxRows(llvm::StringRef program = {}) const;

private:
  struct Program {
    std::string name;
    ProgramAttr attribute;
    bool takesWeights;
  };
  struct Buffer;
  static Buffer weightBuffer(mlir::RankedTensorType type);

  Evaluator();

  std::unique_ptr<mlir::ExecutionEngine> engine;
  std::vector<Program> programs;
  std::vector<Buffer> weights;
  std::unique_ptr<Buffer> cache;
  Options options;
  int64_t vocabularySize = 0;
};

/// What the context of an evaluated module needs.
void registerEvaluatorDialects(mlir::DialectRegistry &registry);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_EVALUATOR_H
