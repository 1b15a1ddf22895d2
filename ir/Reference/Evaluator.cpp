//===- Evaluator.cpp - Runs modules through the reference lowering --------===//

#include "ir/Reference/Evaluator.h"
#include "ir/Llama/WeightTypes.h"
#include "ir/Reference/Programs.h"
#include "ir/Reference/Reference.h"
#include "ir/Reference/WeightMemory.h"
#include "runtime/abi/ProgramValues.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/TargetSelect.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <numeric>

using namespace mlir;
using namespace quipu::llama;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Memory of a tensor with the descriptor that MLIR's calling convention passes: two pointers, an offset, the sizes and
/// the strides.
struct Evaluator::Buffer {
  std::vector<char> bytes;
  std::vector<int64_t> descriptor;

  Buffer() = default;
  Buffer(ArrayRef<int64_t> shape, size_t elementBytes, char content = 0) {
    int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
    bytes.assign(static_cast<size_t>(count) * elementBytes, content);
    auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(bytes.data()));
    descriptor = {address, address, 0};
    descriptor.insert(descriptor.end(), shape.begin(), shape.end());
    int64_t stride = count;
    for (int64_t size : shape) {
      stride = size ? stride / size : 1;
      descriptor.push_back(stride);
    }
  }
  explicit Buffer(ArrayRef<int32_t> values) : Buffer({static_cast<int64_t>(values.size())}, sizeof(int32_t)) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
};

Evaluator::Evaluator() = default;
Evaluator::~Evaluator() = default;

static size_t bytesOf(Type elementType) { return elementType.getIntOrFloatBitWidth() / 8; }

/// Memory for a weight, as lowered functions take it: numbers, or the bytes of rows in blocks.
Evaluator::Buffer Evaluator::weightBuffer(RankedTensorType type) {
  if (!isa<BlockType>(type.getElementType()))
    return {type.getShape(), bytesOf(type.getElementType())};
  int64_t rows = type.getDimSize(0);
  return {{rows, weightBytesOf(type) / rows}, 1};
}

void quipu::llama::registerEvaluatorDialects(DialectRegistry &registry) {
  registerReferenceDialects(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

/// Inputs that logits depend on: tokens, positions, sequences, rows, cache.
static constexpr unsigned kLogitsInputs = 5;

/// The number of the program's result `log_probs`, and of its argument `targets`. Nothing if it has none.
static std::optional<unsigned> scoresOf(func::FuncOp program) {
  for (unsigned number = 0; number < program.getNumResults(); ++number)
    if (auto name = program.getResultAttrOfType<StringAttr>(number, kValueNameAttrName);
        name && name.getValue() == quipu::knownValue(quipu::StepOutput::LogProbs).name)
      return number;
  return std::nullopt;
}
static std::optional<unsigned> targetsOf(func::FuncOp program) {
  for (unsigned number = 0; number < program.getNumArguments(); ++number)
    if (auto name = program.getArgAttrOfType<StringAttr>(number, kValueNameAttrName);
        name && name.getValue() == quipu::knownValue(quipu::StepInput::Targets).name)
      return number;
  return std::nullopt;
}

/// Makes result number `kept` the only one of a program: without what other results need. Behind the inputs of the
/// logits it keeps input number `input`.
static void keepResult(func::FuncOp program, unsigned kept, std::optional<unsigned> input) {
  Operation *end = program.getBody().front().getTerminator();
  BitVector results(program.getNumResults(), true), inputs(program.getNumArguments());
  results.reset(kept);
  end->eraseOperands(results);
  (void)program.eraseResults(results);
  for (Operation &op : llvm::make_early_inc_range(program.getBody().front()))
    if (isa<SampleOp, LogProbOp>(op) && op.use_empty())
      op.erase();
  inputs.set(kLogitsInputs, program.getNumArguments());
  if (input)
    inputs.reset(*input);
  (void)program.eraseArguments(inputs);
}

llvm::Expected<std::unique_ptr<Evaluator>> Evaluator::create(ModuleOp module, const Options &options,
                                                             const WeightFill &fill) {
  std::unique_ptr<Evaluator> result(new Evaluator());
  result->options = options;

  KVCacheType cache;
  OwningOpRef<ModuleOp> lowered = cast<ModuleOp>(module->clone());
  for (auto func : llvm::make_early_inc_range(lowered->getOps<func::FuncOp>())) {
    auto attribute = func->getAttrOfType<ProgramAttr>(kProgramAttrName);
    if (!attribute)
      continue;
    std::optional<unsigned> scores = scoresOf(func), targets = targetsOf(func);
    if (options.scores ? !scores || !targets : scores && func.getNumResults() == 1) {
      func.erase();
      continue;
    }
    FunctionType type = func.getFunctionType();
    auto isIndices = [](Type input) {
      auto tensor = dyn_cast<RankedTensorType>(input);
      return tensor && tensor.getRank() == 1 && tensor.getElementType().isInteger(32);
    };
    unsigned kept = options.scores ? *scores : 0;
    auto logits = type.getNumResults() >= 1 ? dyn_cast<RankedTensorType>(type.getResult(kept)) : RankedTensorType();
    if (type.getNumInputs() < kLogitsInputs || !llvm::all_of(type.getInputs().take_front(4), isIndices) ||
        !isa<KVCacheType>(type.getInput(4)) || !logits || logits.getRank() != (options.scores ? 1 : 2) ||
        !logits.getElementType().isF32())
      return makeError("@" + func.getSymName() +
                       " does not take (tokens, positions, sequences, rows, cache, ...) and yield (f32 logits, ...)");
    auto programCache = cast<KVCacheType>(type.getInput(4));
    int64_t width = options.scores ? 1 : logits.getDimSize(1);
    if (cache && (cache != programCache || result->vocabularySize != width))
      return makeError("@" + func.getSymName() + " differs from @" + result->programs.front().name +
                       " in its cache or vocabulary");
    cache = programCache;
    result->vocabularySize = width;
    bool takesWeights = func.walk([](WeightRefOp) { return WalkResult::interrupt(); }).wasInterrupted();
    result->programs.push_back({func.getSymName().str(), attribute, takesWeights});
    keepResult(func, kept, options.scores ? targets : std::nullopt);
  }
  if (options.trace) {
    makePlainFunctions(*lowered);
    for (Program &program : result->programs)
      program.traced = traceValues(lowered->lookupSymbol<func::FuncOp>(program.name));
  }
  if (result->programs.empty())
    return makeError(options.scores ? "the module has no program that takes targets and gives log_probs (llama.name)"
                                    : "the module has no program (a func.func with the attribute llama.program)");

  for (auto weight : module.getOps<WeightOp>()) {
    auto type = cast<RankedTensorType>(weight.getType());
    fillWeight(weight, fill, result->weights.emplace_back(weightBuffer(type)).bytes.data());
  }
  result->cacheOf = cache;
  result->cache = std::make_unique<Buffer>(ArrayRef<int64_t>{cache.getLayers(), 2, options.sequences, options.positions,
                                                             cache.getKvHeads(), cache.getHeadDim()},
                                           bytesOf(cache.getElementType()));
  result->clearCache();

  PassManager manager(module.getContext());
  buildReferencePipeline(manager);
  if (failed(manager.run(*lowered)))
    return makeError("the reference lowering failed");

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  ExecutionEngineOptions engineOptions;
  engineOptions.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Less;
  engineOptions.enableGDBNotificationListener = false;
  engineOptions.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(*lowered, engineOptions);
  if (!engine)
    return engine.takeError();
  result->engine = std::move(*engine);
  return result;
}

void Evaluator::clearCache() {
  // All bytes are 0xff, which is NaN in each of the element types. So reading what was never written shows in the
  // logits.
  llvm::fill(cache->bytes, static_cast<char>(0xff));
}

std::vector<float> Evaluator::cacheLayer(int64_t layer) const {
  size_t bytes = cache->bytes.size() / static_cast<size_t>(cacheOf.getLayers());
  std::vector<float> values(bytes / bytesOf(cacheOf.getElementType()));
  decodeBlocks(*weightFormatOf(cacheOf.getElementType()), cache->bytes.data() + static_cast<size_t>(layer) * bytes,
               values.data(), values.size());
  return values;
}

std::vector<std::string> Evaluator::programNames() const {
  std::vector<std::string> names;
  for (const Program &program : programs)
    names.push_back(program.name);
  return names;
}

bool Evaluator::hasProgram(StringRef name) const {
  return llvm::any_of(programs, [&](const Program &program) { return program.name == name; });
}

int64_t Evaluator::maxRows(StringRef name) const {
  int64_t most = 0;
  for (const Program &program : programs)
    if (name.empty() || program.name == name)
      most = std::max(most, program.attribute.getMaxRows());
  return most;
}

/// The step with the rows of each sequence padded up to a multiple of `align`. `moved`: the new row of each row.
static EvaluatorStep pad(const EvaluatorStep &step, int64_t align, std::vector<int32_t> &moved) {
  EvaluatorStep padded;
  moved.resize(step.tokens.size());
  auto fillUp = [&] {
    while (padded.tokens.size() % align) {
      padded.tokens.push_back(0);
      padded.positions.push_back(-1);
      padded.sequences.push_back(0);
    }
  };
  for (size_t row = 0; row < step.tokens.size(); ++row) {
    if (row && step.sequences[row] != step.sequences[row - 1])
      fillUp();
    moved[row] = static_cast<int32_t>(padded.tokens.size());
    padded.tokens.push_back(step.tokens[row]);
    padded.positions.push_back(step.positions[row]);
    padded.sequences.push_back(step.sequences[row]);
  }
  fillUp();
  for (int32_t row : step.rows)
    padded.rows.push_back(moved[row]);
  padded.targets = step.targets;
  return padded;
}

llvm::Error Evaluator::check(const EvaluatorStep &step) const {
  size_t count = step.tokens.size();
  if (step.positions.size() != count || step.sequences.size() != count)
    return makeError("a step needs a position and a sequence for each of its " + Twine(count) + " tokens");
  for (size_t row = 0; row < count; ++row) {
    if (step.positions[row] < 0 || step.positions[row] >= options.positions)
      return makeError("position " + Twine(step.positions[row]) + " is out of range, the cache holds " +
                       Twine(options.positions));
    if (step.sequences[row] < 0 || step.sequences[row] >= options.sequences)
      return makeError("sequence " + Twine(step.sequences[row]) + " is out of range, the cache holds " +
                       Twine(options.sequences));
    if (step.tokens[row] < 0)
      return makeError("token " + Twine(step.tokens[row]) + " is out of range");
  }
  for (int32_t row : step.rows)
    if (row < 0 || static_cast<size_t>(row) >= count)
      return makeError("row " + Twine(row) + " is out of range, the step has " + Twine(count));
  if (step.targets.size() != (options.scores ? step.rows.size() : 0))
    return makeError("a step of " + Twine(step.rows.size()) + " wanted rows has " + Twine(step.targets.size()) +
                     " targets");
  return llvm::Error::success();
}

llvm::Expected<Evaluator::PaddedStep> Evaluator::choose(const EvaluatorStep &step, StringRef name) const {
  PaddedStep chosen;
  for (const Program &program : programs) {
    if (!name.empty() && program.name != name)
      continue;
    if (chosen.program && chosen.program->attribute.getMaxRows() <= program.attribute.getMaxRows())
      continue;
    std::vector<int32_t> moved;
    EvaluatorStep padded = pad(step, program.attribute.getRowAlign(), moved);
    if (static_cast<int64_t>(padded.tokens.size()) >
        static_cast<int64_t>(llvm::alignTo(program.attribute.getMaxRows(), program.attribute.getRowAlign())))
      continue;
    chosen = {&program, std::move(padded), std::move(moved)};
  }
  if (!chosen.program) {
    std::string which = name.empty() ? "" : ("@" + name + " ").str();
    return makeError("no program " + which + "takes a step of " + Twine(step.tokens.size()) + " rows");
  }
  return chosen;
}

bool Evaluator::takes(const EvaluatorStep &step, StringRef program) const {
  llvm::Expected<PaddedStep> chosen = choose(step, program);
  if (!chosen)
    llvm::consumeError(chosen.takeError());
  return bool(chosen);
}

/// Numbers of the descriptor of a tensor: two pointers, an offset, sizes and strides.
static size_t descriptorSize(int64_t rank) { return 3 + 2 * static_cast<size_t>(rank); }

void Evaluator::readTrace(const PaddedStep &step, ArrayRef<int64_t> descriptors) {
  lastTrace = step.program->traced;
  size_t tokens = step.step.tokens.size();
  for (TracedValue &value : lastTrace) {
    if (!value.element)
      continue;
    ArrayRef<int64_t> descriptor = descriptors.take_front(descriptorSize(value.rank));
    descriptors = descriptors.drop_front(descriptor.size());
    const WeightFormat &format = *weightFormatOf(value.element);
    const char *first =
        std::bit_cast<const char *>(descriptor[1]) + descriptor[2] * static_cast<int64_t>(format.bytes(1));
    int64_t rowStride = descriptor[3 + static_cast<size_t>(value.rank)];
    auto appendRow = [&](int64_t row) {
      size_t end = value.numbers.size(), columns = static_cast<size_t>(value.columns);
      value.numbers.resize(end + columns);
      decodeBlocks(format, first + row * rowStride * static_cast<int64_t>(format.bytes(1)), value.numbers.data() + end,
                   columns);
    };
    if (static_cast<size_t>(descriptor[3]) == tokens)
      for (int32_t row : step.rows)
        appendRow(row);
    else
      for (int64_t row = 0; row < descriptor[3]; ++row)
        appendRow(row);
  }
}

llvm::Expected<std::vector<float>> Evaluator::run(const EvaluatorStep &step, StringRef name) {
  if (llvm::Error error = check(step))
    return error;
  llvm::Expected<PaddedStep> chosen = choose(step, name);
  if (!chosen)
    return chosen.takeError();
  EvaluatorStep &padded = chosen->step;
  Buffer tokens(padded.tokens), positions(padded.positions), sequences(padded.sequences), rows(padded.rows),
      targets(padded.targets);
  // Of one dimension the descriptor has a size and a stride, of two dimensions two of each.
  size_t firstSize = descriptorSize(options.scores ? 1 : 2), resultSize = firstSize;
  for (const TracedValue &value : chosen->program->traced)
    resultSize += value.element ? descriptorSize(value.rank) : 0;
  std::vector<int64_t> result(resultSize);
  std::vector<void *> pointers{
      result.data(),          tokens.descriptor.data(), positions.descriptor.data(), sequences.descriptor.data(),
      rows.descriptor.data(), cache->descriptor.data()};
  if (options.scores)
    pointers.push_back(targets.descriptor.data());
  if (chosen->program->takesWeights)
    for (Buffer &weight : weights)
      pointers.push_back(weight.descriptor.data());
  std::vector<void *> arguments;
  arguments.reserve(pointers.size());
  for (void *&pointer : pointers)
    arguments.push_back(&pointer);
  if (llvm::Error error = engine->invokePacked("_mlir_ciface_" + chosen->program->name, arguments))
    return error;

  const auto *values = std::bit_cast<const float *>(result[1]);
  std::vector<float> logits;
  int64_t columns = options.scores ? 1 : result[4], rowStride = options.scores ? result[4] : result[5];
  for (int64_t row = 0; row < result[3]; ++row)
    for (int64_t column = 0; column < columns; ++column)
      logits.push_back(values[result[2] + row * rowStride + column * result[6]]);
  if (options.trace)
    readTrace(*chosen, ArrayRef(result).drop_front(firstSize));
  // Several results may lie in one piece of memory.
  llvm::SmallDenseSet<int64_t> memory = {result[0]};
  size_t at = firstSize;
  for (const TracedValue &value : chosen->program->traced)
    if (value.element) {
      memory.insert(result[at]);
      at += descriptorSize(value.rank);
    }
  for (int64_t address : memory)
    std::free(std::bit_cast<void *>(address));
  return logits;
}

EvaluatorStep quipu::llama::stepOf(ArrayRef<std::vector<int32_t>> sequences, ArrayRef<std::vector<int32_t>> targets,
                                   size_t begin, size_t chunk) {
  EvaluatorStep step;
  for (auto [number, tokens] : llvm::enumerate(sequences))
    for (size_t position = begin; position < std::min(begin + chunk, tokens.size()); ++position) {
      step.rows.push_back(static_cast<int32_t>(step.tokens.size()));
      step.tokens.push_back(tokens[position]);
      step.positions.push_back(static_cast<int32_t>(position));
      step.sequences.push_back(static_cast<int32_t>(number));
      if (!targets.empty())
        step.targets.push_back(targets[number][position]);
    }
  return step;
}
