//===- Options.h - The command line of quipu-compile ------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_OPTIONS_H
#define QUIPU_TOOLS_QUIPU_COMPILE_OPTIONS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace quipu::tool {

/// What --validate checks: nothing, passes and kernels of a small model, or one of both (kernels then with the widths
/// of the model's layers).
enum class Validate { Nothing, All, Passes, Kernels };

/// What the compiler writes.
enum class Emit { Plan, Executable, Mlir, Llvm, Asm, Ptx, Cubin };

struct CompileOptions {
  /// Whose config, tokenizer and weights are compiled. Empty if only code of `module` is wanted.
  std::string model;
  /// A module that was printed after a phase (FILE.mlir), from which the compilation goes on; empty: from the model.
  std::string module;
  /// The phase after which the module was printed; empty: what it has says so.
  std::string from;
  std::string output;
  Emit emit = Emit::Plan;
  Validate validate = Validate::Nothing;
  std::string target = "cpu";
  /// --target was given. Otherwise a module's own target is taken.
  bool isTargetGiven = false;
  /// "auto", "f32", "bf16", "f16".
  std::string dtype = "auto", kvDtype = "auto";
  /// The name of a mixture (frontends/common/QuantizeMix.h); empty: weights are not quantised.
  std::string quantize;
  /// "rounded": the inputs of products with weights in blocks are rounded to 8 bits; "exact": they are not.
  std::string activations = "rounded";
  bool isActivationsGiven = false;
  /// A plan that does not give the same bits whatever a step computes beside a row is refused.
  bool deterministic = false;
  uint32_t maxBatch = 8;
  /// 0: the smaller of the model's context and kDefaultMaxSeq.
  uint32_t maxSeq = 0;
  bool bundle = false, hashWeights = false, keepIr = false, timing = false, verbose = false;
  /// A phase's name; empty: the last one before code generation.
  std::string stopAfter;
  std::string dumpFolder;
  /// Emit this kernel alone (mlir, llvm, asm, ptx, cubin).
  std::string kernel;
  bool listPhases = false;
  /// The compiler crashed with these options and does the same again for its reproducer: the phases are dumped, what it
  /// makes goes nowhere.
  bool reproducing = false;
  /// What MLIR says of the passes, on standard error.
  bool passTiming = false, passStatistics = false, printAfterAll = false;
  /// Where the module and the passes are written when a pass fails or crashes; empty: nowhere.
  std::string passReproducer;
  /// Passes whose decisions are printed on standard error, with commas between them.
  std::string debugOnly;
  /// Options of the pass llama-select-schedules ("cluster=1 stages=3"), for tuning.
  std::string tuning;
  /// What quipu tune wrote (TuningFile.h); empty: nothing.
  std::string tuningFile;

  /// What messages name.
  const std::string &subject() const { return model.empty() ? module : model; }
};

/// "quipu-compile 0.1.0 (LLVM 22.1.8)".
std::string compilerName();

/// Positions of a sequence unless --max-seq says otherwise: as much as most uses need, and memory is taken only for
/// positions that are used.
inline constexpr uint32_t kDefaultMaxSeq = 4096;

/// Bounds of --max-batch and --max-seq.
inline constexpr uint32_t kMostSequences = 4096, kMostPositions = 1u << 30;

/// An option that says how a model is compiled. The commands of quipu that compile on the fly have it too.
struct SharedOption {
  /// The first name, and ",-c,--more" behind it.
  const char *name, *others;
  std::string text;
  /// All values that there are; empty: any text, or a number.
  std::vector<std::string> choices;
  /// The largest number; 0: text.
  uint32_t most = 0;
  /// What stands for the value in help texts ("FILE"); empty: what its kind has.
  std::string type = {};

  std::string names() const { return std::string(name) + others; }
};
struct SharedOptions {
  SharedOption target, dtype, kvDtype, quantize, activations, maxBatch, maxSeq, schedules, tuning;
};
const SharedOptions &sharedOptions();

inline constexpr const char *kTuning = "--tuning";
inline constexpr const char *kDeterministic = "--deterministic";

/// --debug-only, which quipu inspect has too: names, then what it does.
inline constexpr const char *kDebugOnly = "--debug-only";
inline constexpr const char *kDebugOnlyText =
    "Print what these passes decide, on standard error: llama-fuse-qkv,llama-select-schedules";

/// Texts as they are given, before they are understood.
struct CompileTexts {
  /// MODEL or FILE.mlir.
  std::string input;
  std::string emit;
};

/// The options that say how a model is compiled, as arguments. They leave out what schedules are asked for.
std::vector<std::string> modelOptions(const CompileOptions &options);

/// Adds the options to `command`, which the help text calls `program`. They are read into `options` and `texts`, which
/// must outlive the command.
void addCompileOptions(CLI::App &command, CompileOptions &options, CompileTexts &texts, const std::string &program);

/// Parses the arguments (without the program's name). `program` is how the help text calls the program. Prints help or
/// the version and returns nothing when they are asked for. Throws UsageError.
std::optional<CompileOptions> parseCompileOptions(std::vector<std::string> arguments, const std::string &program);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_OPTIONS_H
