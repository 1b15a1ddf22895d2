//===- quipu-eval.cpp - Evaluates modules by their reference lowering -----===//
//
// Runs the programs of a module of the llama dialect on the tokens given, and prints or compares the logits. The module
// may come from any pass. Weights come from a model's files, or are random by seed and source name; the runtime makes
// the same ones.
//
//===----------------------------------------------------------------------===//

#include "frontends/common/Model.h"
#include "ir/Llama/WeightTypes.h"
#include "ir/Reference/Evaluator.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Number.h"
#include "runtime/support/OutputFile.h"
#include "tools/common/Startup.h"
#include "tools/quipu-eval/RandomFill.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/WithColor.h"

#include <cmath>

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

/// Weights from the files of a model. Throws Error when the model cannot be opened or lacks a tensor.
static WeightFill weightsOf(const std::string &path) {
  auto model = std::make_shared<frontend::Model>(frontend::openModel(path));
  if (!model->weights)
    throw Error(path + ": has no weights");
  std::vector<std::shared_ptr<MappedFile>> files;
  std::vector<std::span<const uint8_t>> contents;
  for (const frontend::WeightFile &file : model->weights->files)
    contents.push_back(files.emplace_back(MappedFile::open(file.path, "weight file"))->span());
  // The bytes are there while the files are mapped.
  return [=, files = std::move(files)](StringRef source, ArrayRef<int64_t> shape, WeightRole, Type elementType,
                                       void *out) {
    const frontend::WeightEntry *entry = model->weights->find(std::string_view(source.data(), source.size()));
    if (!entry || !llvm::equal(entry->shape, shape))
      throw Error(path + ": has no tensor " + source.str() + " of the shape that the module expects");
    const WeightFormat &format = *weightFormatOf(elementType);
    auto count = static_cast<size_t>(ShapedType::getNumElements(shape));
    std::vector<uint8_t> joined;
    TensorBytes tensor(entry->places(), count / static_cast<uint64_t>(shape[0]), *entry->format, contents);
    if (auto bad = convertBlocks(*entry->format, tensor.read(0, count, joined), format, out, count))
      fail(path, ": tensor ", source.str(), ": element ", *bad, " is none that ", format.name, " can hold");
  };
}

/// The logits of every token of every sequence, in order, with at most `chunk` tokens of a sequence in a step.
/// Where there are targets, one for each token, it is the log_prob of each.
static llvm::Expected<std::vector<float>> evaluate(Evaluator &evaluator, ArrayRef<std::vector<int32_t>> sequences,
                                                   ArrayRef<std::vector<int32_t>> targets, size_t chunk,
                                                   StringRef program) {
  size_t longest = 0;
  for (const auto &tokens : sequences)
    longest = std::max(longest, tokens.size());
  std::vector<std::vector<float>> logits(sequences.size());
  auto width = static_cast<size_t>(evaluator.vocabulary());
  for (size_t begin = 0; begin < longest; begin += chunk) {
    EvaluatorStep step = stepOf(sequences, targets, begin, chunk);
    auto result = evaluator.run(step, program);
    if (!result)
      return result.takeError();
    for (size_t row = 0; row < step.rows.size(); ++row) {
      auto first = result->begin() + static_cast<ptrdiff_t>(row * width);
      auto &target = logits[static_cast<size_t>(step.sequences[row])];
      target.insert(target.end(), first, first + static_cast<ptrdiff_t>(width));
    }
  }
  std::vector<float> all;
  for (const auto &part : logits)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// NumPy's format, version 1: a magic, a header padded to 64 bytes, the elements.
static void writeNpy(OutputFile &file, ArrayRef<float> values, int64_t columns) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(static_cast<int64_t>(values.size()) / columns) + ", " + std::to_string(columns) +
                       "), }";
  header.resize(llvm::alignTo(10 + header.size() + 1, 64) - 11, ' ');
  header += '\n';
  const char preamble[] = {'\x93',
                           'N',
                           'U',
                           'M',
                           'P',
                           'Y',
                           '\x01',
                           '\0',
                           static_cast<char>(header.size() & 0xff),
                           static_cast<char>(header.size() >> 8)};
  file.write(preamble, sizeof(preamble));
  file.write(header.data(), header.size());
  file.write(values.data(), values.size() * sizeof(float));
}

namespace {
namespace cl = llvm::cl;

cl::OptionCategory category("quipu-eval options");
struct Options {
  cl::opt<std::string> file{cl::Positional, cl::desc("<module>"), cl::init("-"), cl::cat(category)};
  cl::opt<std::string> program{"program", cl::desc("Program to run (default: the smallest that takes the step)"),
                               cl::cat(category)};
  cl::list<std::string> tokens{"tokens", cl::cat(category),
                               cl::desc("Tokens of a sequence, separated by commas; once for each sequence")};
  cl::list<std::string> targets{"targets", cl::cat(category),
                                cl::desc("Targets of a sequence's tokens (-1: none); once for each sequence. Gives "
                                         "their log_probs in place of logits")};
  cl::list<std::string> tokenFiles{"tokens-file", cl::cat(category),
                                   cl::desc("A file that holds the tokens of a sequence")};
  cl::opt<std::string> weights{"weights", cl::desc("A model whose files hold the weights (default: random ones)"),
                               cl::cat(category)};
  cl::opt<unsigned> chunk{"chunk", cl::desc("Most tokens of a sequence in a step (default: all)"), cl::init(0),
                          cl::cat(category)};
  cl::opt<unsigned long long> seed{"seed", cl::desc("Seed of the random weights"), cl::init(0), cl::cat(category)};
  cl::opt<bool> varyNorms{"vary-norms", cl::desc("Random norm weights instead of ones"), cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Write the logits of every token in NumPy's format"), cl::cat(category)};
  cl::list<std::string> others{"compare", cl::desc("A module whose logits should be the same; may be repeated"),
                               cl::cat(category)};
  cl::opt<std::string> otherProgram{"compare-program", cl::desc("Program to run of the modules compared"),
                                    cl::cat(category)};
  cl::opt<unsigned> otherChunk{"compare-chunk", cl::desc("Chunk of the modules compared (default: --chunk)"),
                               cl::init(0), cl::cat(category)};
  cl::opt<double> tolerance{"tolerance", cl::desc("Greatest difference, as a part of the greatest logit"),
                            cl::init(1e-5), cl::cat(category)};
  cl::opt<bool> print{"print", cl::desc("Print the logits"), cl::cat(category)};
};
} // namespace

static int complain(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "quipu-eval") << message << '\n';
  return 1;
}

/// The numbers of each list. Throws Error for text that is none.
static std::vector<std::vector<int32_t>> readLists(ArrayRef<std::string> lists, StringRef option) {
  std::vector<std::vector<int32_t>> sequences;
  for (const std::string &list : lists) {
    std::vector<int32_t> &sequence = sequences.emplace_back();
    SmallVector<StringRef> parts;
    StringRef(list).split(parts, ',');
    for (StringRef part : parts) {
      std::optional<int32_t> token = parseNumber<int32_t>(part.trim());
      if (!token)
        throw Error("'" + part.str() + "' in " + option.str() + " is no token");
      sequence.push_back(*token);
    }
  }
  return sequences;
}

/// The tokens of each sequence. Throws Error for text that is not a token and for a file that cannot be read.
static std::vector<std::vector<int32_t>> readTokens(const Options &options) {
  std::vector<std::string> lists(options.tokens.begin(), options.tokens.end());
  for (const std::string &path : options.tokenFiles) {
    auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
    if (!buffer)
      throw Error("cannot read " + path + ": " + buffer.getError().message());
    lists.push_back((*buffer)->getBuffer().trim().str());
  }
  if (lists.empty())
    throw Error("needs --tokens or --tokens-file");
  return readLists(lists, "--tokens");
}

/// The targets of each sequence, or none at all. Throws Error unless each token has one.
static std::vector<std::vector<int32_t>> readTargets(const Options &options, ArrayRef<std::vector<int32_t>> sequences) {
  std::vector<std::vector<int32_t>> targets = readLists(options.targets, "--targets");
  if (!targets.empty() && targets.size() != sequences.size())
    throw Error("needs --targets for each of the " + std::to_string(sequences.size()) + " sequences");
  for (auto [number, list] : llvm::enumerate(targets))
    if (list.size() != sequences[number].size())
      throw Error("sequence " + std::to_string(number) + " has " + std::to_string(sequences[number].size()) +
                  " tokens and " + std::to_string(list.size()) + " targets");
  return targets;
}

/// The largest magnitude of a logit.
static double greatestOf(ArrayRef<float> logits) {
  double greatest = 0;
  for (float logit : logits)
    greatest = std::max(greatest, std::abs(static_cast<double>(logit)));
  return greatest;
}

/// Prints how far `found` lies from `expected`, which has as many logits. Returns whether it is near enough.
static bool isNear(ArrayRef<float> expected, ArrayRef<float> found, double tolerance) {
  double greatest = greatestOf(expected), difference = 0;
  for (auto [a, b] : llvm::zip_equal(expected, found)) {
    double distance = std::abs(static_cast<double>(a) - static_cast<double>(b));
    // A NaN on one side counts as an infinite difference.
    difference = std::isnan(distance) ? INFINITY : std::max(difference, distance);
  }
  llvm::outs() << llvm::format("max |difference| %.3g, greatest |logit| %.3g, relative %.3g\n", difference, greatest,
                               difference / greatest);
  return greatest > 0 && difference <= tolerance * greatest;
}

static void printLogits(ArrayRef<float> logits, int64_t vocabulary) {
  for (auto [number, logit] : llvm::enumerate(logits))
    llvm::outs() << llvm::format("%.6f", static_cast<double>(logit))
                 << ((number + 1) % static_cast<size_t>(vocabulary) ? ' ' : '\n');
}

/// The greatest number of sequences and positions of the steps.
static Evaluator::Options sizesOf(ArrayRef<std::vector<int32_t>> sequences) {
  Evaluator::Options sizes;
  sizes.sequences = static_cast<int64_t>(sequences.size());
  sizes.positions = 1;
  for (const std::vector<int32_t> &sequence : sequences)
    sizes.positions = std::max<int64_t>(sizes.positions, static_cast<int64_t>(sequence.size()));
  return sizes;
}

namespace {

struct Logits {
  std::vector<float> values;
  int64_t vocabulary = 0;
};

/// Runs modules, one after the other, on the same tokens and weights.
class ModuleRunner {
public:
  explicit ModuleRunner(const Options &options)
      : sequences(readTokens(options)), targets(readTargets(options, sequences)), sizes(sizesOf(sequences)),
        context(dialects()), fill(options.weights.empty() ? tool::randomWeights(options.seed, options.varyNorms)
                                                          : weightsOf(options.weights)) {
    sizes.scores = !targets.empty();
  }

  /// The logits of a program of the module in a file. `chunk` 0: a whole sequence in a step.
  llvm::Expected<Logits> run(StringRef path, StringRef program, size_t chunk) {
    OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
    if (!module)
      return llvm::createStringError(llvm::inconvertibleErrorCode(), "cannot read " + path);
    auto evaluator = Evaluator::create(*module, sizes, fill);
    if (!evaluator)
      return evaluator.takeError();
    size_t most = chunk ? chunk : static_cast<size_t>(sizes.positions);
    auto values = evaluate(**evaluator, sequences, targets, most, program);
    if (!values)
      return values.takeError();
    return Logits{std::move(*values), (*evaluator)->vocabulary()};
  }

private:
  static DialectRegistry dialects() {
    DialectRegistry registry;
    registerEvaluatorDialects(registry);
    // A module may also hold generated code.
    registry.insert<NVVM::NVVMDialect, ub::UBDialect, x86vector::X86VectorDialect>();
    return registry;
  }

  std::vector<std::vector<int32_t>> sequences, targets;
  Evaluator::Options sizes;
  MLIRContext context;
  WeightFill fill;
};

} // namespace

/// Compares each of --compare with the logits. Returns the exit status.
static int compareOthers(ModuleRunner &runner, const Options &options, const Logits &logits) {
  int status = 0;
  for (const std::string &other : options.others) {
    auto found = runner.run(other, options.otherProgram, options.otherChunk ? options.otherChunk : options.chunk);
    if (!found)
      return complain(other + ": " + llvm::toString(found.takeError()));
    if (found->values.size() != logits.values.size())
      return complain(other + ": found " + Twine(found->values.size()) + " logits, expected " +
                      Twine(logits.values.size()));
    if (!isNear(logits.values, found->values, options.tolerance))
      status = complain(concat(other, ": the logits differ by more than the tolerance of ", double(options.tolerance)));
  }
  return status;
}

static int run(const Options &options) {
  ModuleRunner runner(options);
  noteInput(options.file);
  for (const std::string &path : llvm::concat<const std::string>(options.tokenFiles, options.others))
    noteInput(path);
  std::optional<OutputFile> target;
  if (!options.output.empty())
    target.emplace(options.output);

  auto logits = runner.run(options.file, options.program, options.chunk);
  if (!logits)
    return complain(llvm::toString(logits.takeError()));
  if (options.print)
    printLogits(logits->values, logits->vocabulary);
  if (target) {
    writeNpy(*target, logits->values, logits->vocabulary);
    target->commit();
  }
  return compareOthers(runner, options, *logits);
}

int main(int argc, char **argv) {
  tool::startProgram();
  llvm::InitLLVM init(argc, argv);
  Options options;
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "Evaluates modules of the llama dialect by their reference lowering\n");
  try {
    return run(options);
  } catch (const Error &error) {
    return complain(error.what());
  }
}
