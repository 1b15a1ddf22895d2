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
#include "ir/Reference/Trace.h"
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

/// The new tokens of a step. Rows of one sequence lie side by side. The evaluator adds padding rows if a program needs
/// them.
struct EvaluatorStep {
  std::vector<int32_t> tokens, positions, sequences;
  /// The rows whose logits are wanted.
  std::vector<int32_t> rows;
  /// With Options::scores: the target of each of these rows.
  std::vector<int32_t> targets = {};
};

class Evaluator {
public:
  struct Options {
    /// Room of the key/value cache: sequences, and positions of each.
    int64_t sequences = 1, positions = 64;
    /// Whether programs give probabilities of targets and no logits. Programs that do not give what is wanted are left
    /// out.
    bool scores = false;
    /// Whether each step leaves the values of its ops (trace()).
    bool trace = false;
  };

  /// `module` itself is not changed. Its context must have been made with registerEvaluatorDialects.
  static llvm::Expected<std::unique_ptr<Evaluator>> create(mlir::ModuleOp module, const Options &options,
                                                           const WeightFill &fill);
  ~Evaluator();

  /// Runs a step. `program`: name of the program that runs it. Without a name it is the program with the fewest rows
  /// that takes the step. Returns the logits: a row of `vocabulary()` numbers for each of the step's `rows`. With
  /// Options::scores it returns a log_prob for each of them, and vocabulary() is 1.
  llvm::Expected<std::vector<float>> run(const EvaluatorStep &step, llvm::StringRef program = {});

  int64_t vocabulary() const { return vocabularySize; }

  /// With Options::trace: the values of the ops of the last step, in the order of the program. A value with a row for
  /// each token has the rows of the step, without the padding.
  const std::vector<TracedValue> &trace() const { return lastTrace; }

  KVCacheType cacheType() const { return cacheOf; }
  /// A layer of the cache: keys and values x sequences x positions x heads x head size. What was never written is NaN.
  std::vector<float> cacheLayer(int64_t layer) const;
  /// Forgets what all steps have written.
  void clearCache();

  /// In the order of the module.
  std::vector<std::string> programNames() const;
  bool hasProgram(llvm::StringRef name) const;
  /// The greatest number of rows that the program takes. Without a name: that any program takes.
  int64_t maxRows(llvm::StringRef program = {}) const;
  /// Whether a program takes a step, with its padding.
  bool takes(const EvaluatorStep &step, llvm::StringRef program) const;

private:
  struct Program {
    std::string name;
    ProgramAttr attribute;
    bool takesWeights;
    /// What it gives behind its result.
    std::vector<TracedValue> traced = {};
  };
  struct Buffer;
  /// A step that is padded for a program.
  struct PaddedStep {
    const Program *program = nullptr;
    EvaluatorStep step;
    /// The row of each row of the step.
    std::vector<int32_t> rows = {};
  };
  /// Refuses what is not a step for this cache.
  llvm::Error check(const EvaluatorStep &step) const;
  /// The program that runs the step (see run()).
  llvm::Expected<PaddedStep> choose(const EvaluatorStep &step, llvm::StringRef name) const;
  static Buffer weightBuffer(mlir::RankedTensorType type);
  /// Reads the values behind the result of a step from their descriptors.
  void readTrace(const PaddedStep &step, llvm::ArrayRef<int64_t> descriptors);

  Evaluator();

  std::unique_ptr<mlir::ExecutionEngine> engine;
  std::vector<Program> programs;
  std::vector<Buffer> weights;
  std::unique_ptr<Buffer> cache;
  KVCacheType cacheOf;
  std::vector<TracedValue> lastTrace;
  Options options;
  int64_t vocabularySize = 0;
};

/// The step of the tokens at positions [begin, begin + chunk) of each sequence that is as long. All its rows are
/// wanted. `targets`: none, or one for each token.
EvaluatorStep stepOf(llvm::ArrayRef<std::vector<int32_t>> sequences, llvm::ArrayRef<std::vector<int32_t>> targets,
                     size_t begin, size_t chunk);

/// What the context of an evaluated module needs.
void registerEvaluatorDialects(mlir::DialectRegistry &registry);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_EVALUATOR_H
