//===- PlanWriter.cpp - From a planned module to a plan ----------------------------===//

#include "codegen/plan/PlanWriter.h"

#include "codegen/common/KernelUses.h"
#include "codegen/plan/KernelParams.h"
#include "codegen/plan/KernelWork.h"
#include "codegen/plan/PlanEnums.h"
#include "codegen/plan/RollSteps.h"
#include "codegen/plan/TokenizerTables.h"
#include "codegen/plan/ValueTable.h"
#include "codegen/plan/WeightTable.h"
#include "frontends/common/PlanTypes.h"
#include "ir/Llama/SumOrders.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "runtime/abi/PlanFormat.h"
#include "runtime/abi/ProgramValues.h"
#include "runtime/abi/TensorPieces.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/WeightIdentity.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <filesystem>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// The name in a location, looking through the fusions that passes made.
std::string nameOf(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName().str();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (std::string name = nameOf(part); !name.empty())
        return name;
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return nameOf(call.getCallee());
  return {};
}

class Writer {
public:
  Writer(const frontend::Model &model, const PlanOptions &options)
      : model(model), options(options), weightTable(model) {}

  FailureOr<std::vector<uint8_t>> write(const PlanTarget &target, ArrayRef<PlanVariant> variants) {
    out.schema_version = kSchemaVersion;
    out.producer = "quipu " QUIPU_VERSION;
    out.target = std::make_unique<plan::TargetT>();
    out.target->device = target.device;
    out.target->isa = variants.front().isa;
    out.target->requested = target.requested;
    out.target->features = target.features;
    writeConfig();
    for (const PlanVariant &variant : variants)
      if (failed(writeVariant(variant)))
        return failure();
    writeDeterminism(variants);
    out.weights = std::move(weightTable.weights);
    writeFiles();
    // A CPU plan has one variant, for the plan's own target. It is not listed.
    if (target.device == "cpu")
      out.variants.clear();
    out.tokenizer = std::make_unique<plan::TokenizerT>(tablesOf(model.tokenizer.data));

    if (options.insight)
      out.insight = std::make_unique<plan::InsightT>(*options.insight);
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(plan::Plan::Pack(builder, &out), plan::PlanIdentifier());
    return std::vector<uint8_t>(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  }

private:
  /// A plan is deterministic if each of its variants is by itself.
  void writeDeterminism(ArrayRef<PlanVariant> variants) {
    const auto *differing = llvm::find_if_not(
        variants, [](const PlanVariant &variant) { return ModuleOp(variant.module)->hasAttr(kDeterministicAttrName); });
    out.deterministic = differing == variants.end();
    if (!out.deterministic)
      out.differs_because = whySumsDiffer(differing->module);
  }

  LogicalResult writeVariant(const PlanVariant &variant) {
    variantIndex = out.variants.size();
    out.variants.push_back(std::make_unique<plan::VariantT>());
    out.variants.back()->isa = variant.isa;
    kernelIndex.clear();
    module = variant.module;
    SymbolTable table(module);
    symbols = &table;
    FailureOr<llvm::StringMap<KernelUse>> uses = findKernelUses(module);
    if (failed(uses))
      return failure();
    for (auto kernel : module.getOps<KernelOp>()) {
      auto use = uses->find(kernel.getSymName());
      if (use == uses->end() || !kernel.getCode())
        continue;
      kernelIndex[kernel.getSymName()] = out.kernels.size();
      if (failed(writeKernel(kernel, use->second.rows, variantIndex == 0 ? "" : variant.isa + ".")))
        return failure();
    }
    for (auto program : module.getOps<func::FuncOp>())
      if (program->hasAttr(kProgramAttrName) && failed(writeProgram(program)))
        return failure();
    for (const PlanCode &code : variant.code) {
      auto to = std::make_unique<plan::CodeModuleT>();
      to->format = code.format;
      to->isa = code.isa;
      to->bytes.assign(code.bytes.begin(), code.bytes.end());
      to->variant = variantIndex;
      to->ptx_version = code.ptxVersion;
      out.modules.push_back(std::move(to));
    }
    return success();
  }

  void writeConfig() {
    const frontend::ModelConfig &config = model.config;
    out.config = std::make_unique<plan::ModelConfigT>();
    plan::ModelConfigT &to = *out.config;
    to.name = config.name;
    to.architecture = config.architecture;
    to.hidden_size = config.hiddenSize;
    to.intermediate_size = config.intermediateSize;
    to.num_layers = config.numLayers;
    to.num_heads = config.numHeads;
    to.num_kv_heads = config.numKvHeads;
    to.head_dim = config.headDim;
    to.vocab_size = config.vocabSize;
    to.max_position_embeddings = config.maxPositionEmbeddings;
    to.rms_norm_eps = config.rmsNormEps;
    to.rope_theta = config.rope.theta;
    to.rope_scaling = toPlan(config.rope.scaling);
    to.rope_factor = config.rope.factor;
    to.rope_low_freq_factor = config.rope.lowFreqFactor;
    to.rope_high_freq_factor = config.rope.highFreqFactor;
    to.rope_original_context = config.rope.originalContext;
    to.rope_divisors = config.rope.divisors;
    to.rope_amplitude = config.rope.amplitude;
    to.rotary_layout = toPlan(config.rope.layout);
    to.tie_word_embeddings = config.tieWordEmbeddings;
    to.attention_bias = config.attentionBias;
    to.attention_output_bias = config.attentionOutputBias;
    to.mlp_bias = config.mlpBias;
    to.activation = name(config.activation);
    to.norm_plus = config.normPlus;
    to.embedding_scale = config.embeddingScale;
    to.sliding_window = config.slidingWindow;
    for (uint32_t layer = 0; layer < config.slidingLayers.size(); ++layer)
      if (config.slidingLayers[layer])
        to.sliding_layers.push_back(layer);
    to.bos_token_ids = config.bosTokenIds;
    to.eos_token_ids = config.eosTokenIds;
    to.eos_origins = config.eosOrigins;
    to.compute_dtype = toPlan(options.computeDType);
  }

  void writeFiles() {
    if (!model.weights)
      return;
    // Tensors that the plan names. The runtime knows no others, and takes its samples from the same ones.
    std::vector<std::vector<ByteRange>> tensors(model.weights->files.size());
    for (const auto &weight : out.weights)
      for (const auto &source : weight->sources)
        if (source->pieces.empty())
          tensors[source->file].push_back({source->offset, source->size});
        else
          addPieces(*source, tensors);
    for (const frontend::WeightFile &file : model.weights->files) {
      auto to = std::make_unique<plan::WeightFileT>();
      to->path = file.path;
      if (!options.folder.empty())
        to->relative_path = std::filesystem::path(file.path).lexically_relative(options.folder).string();
      to->size = file.size;
      to->mtime_ns = file.mtimeNs;
      for (const ByteRange &range : file.header)
        to->header.emplace_back(range.offset, range.size);
      to->header_hash.assign(file.headerHash.begin(), file.headerHash.end());
      if (file.contentHash)
        to->content_hash.assign(file.contentHash->begin(), file.contentHash->end());
      Hash128 samples = hashSamples(*MappedFile::open(file.place(), "weight file"),
                                    sampleRanges(std::move(tensors[out.files.size()])));
      to->sample_hash.assign(samples.begin(), samples.end());
      out.files.push_back(std::move(to));
    }
  }

  static void addPieces(const plan::SourceT &source, std::vector<std::vector<ByteRange>> &tensors) {
    const WeightFormat &format = *findWeightFormat(source.format);
    for (const plan::Piece &piece : source.pieces)
      llvm::append_range(tensors[piece.file()], tensorPiece(piece).bytes(format));
  }

  LogicalResult writeKernel(KernelOp kernel, RowDim rows, const std::string &prefix) {
    FailureOr<std::vector<std::unique_ptr<plan::ParamT>>> params = paramsOf(kernel);
    if (failed(params))
      return failure();
    auto to = std::make_unique<plan::KernelT>();
    to->params = std::move(*params);
    to->row_align = rowAlignOf(kernel);
    to->name = prefix + kernel.getSymName().str();
    for (EntryAttr entry : kernel.getCode()->getEntries()) {
      FailureOr<std::unique_ptr<plan::EntryT>> toEntry = entryOf(entry, kernel);
      if (failed(toEntry))
        return failure();
      to->entries.push_back(std::move(*toEntry));
    }
    to->scratch_bytes = kernel.getCode()->getScratchBytes();
    llvm::raw_string_ostream(to->schedule) << kernel.getScheduleAttr();
    KernelWork work = workOf(kernel);
    to->weight_bytes = work.weightBytes;
    to->flops_per_row = work.flopsPerRow;
    to->cache_bytes_per_key = work.cacheBytesPerKey;
    to->flops_per_key = work.flopsPerKey;
    to->window = static_cast<uint32_t>(work.window);
    to->rows = toPlan(rows);
    out.kernels.push_back(std::move(to));
    return success();
  }

  FailureOr<std::unique_ptr<plan::EntryT>> entryOf(EntryAttr entry, KernelOp kernel) {
    auto to = std::make_unique<plan::EntryT>();
    to->symbol = entry.getSymbol().str();
    to->grid = std::make_unique<plan::GridT>();
    to->grid->fixed = entry.getFixed();
    to->grid->rows = toPlan(entry.getRows());
    to->grid->rows_per_block = entry.getRowsPerBlock();
    to->least_blocks = entry.getLeastBlocks();
    to->threads = entry.getThreads();
    to->shared_bytes = entry.getSharedBytes();
    to->persistent = entry.getPersistent();
    to->cluster = entry.getCluster();
    to->prefer_shared = entry.getPreferShared();
    for (TensorMapAttr map : entry.getTensorMaps()) {
      auto toMap = std::make_unique<plan::TensorMapT>();
      toMap->pointer = map.getPointer();
      FailureOr<plan::DType> dtype = typeOf(map.getElement(), kernel);
      if (failed(dtype))
        return failure();
      toMap->dtype = *dtype;
      toMap->rows = map.getRows();
      toMap->columns = map.getColumns();
      toMap->box_rows = map.getBoxRows();
      toMap->box_columns = map.getBoxColumns();
      to->tensor_maps.push_back(std::move(toMap));
    }
    return to;
  }

  FailureOr<plan::DType> typeOf(Type element, Operation *where) {
    if (std::optional<plan::DType> dtype = toPlan(element))
      return *dtype;
    return where->emitOpError() << "has elements of " << element << "; elements in a plan are f32, f16, bf16 or i32";
  }

  LogicalResult addWeight(WeightRefOp reference, FlatStep &step) {
    auto weight = symbols->lookup<WeightOp>(reference.getWeight());
    auto type = cast<RankedTensorType>(weight.getType());
    auto add = [&](ArrayRef<unsigned> sources, ArrayRef<int64_t> shape) {
      FailureOr<uint64_t> index = weightTable.indexOf(weight, sources, shape);
      if (succeeded(index))
        step.arguments.push_back({plan::ArgKind::weight, *index});
      return LogicalResult(index);
    };
    if (auto parts = dyn_cast_or_null<RowPartsAttr>(type.getEncoding())) {
      SmallVector<int64_t> shape(type.getShape());
      for (auto [index, rows] : llvm::enumerate(parts.getRows())) {
        shape[0] = rows;
        if (failed(add({static_cast<unsigned>(index)}, shape)))
          return failure();
      }
      return success();
    }
    auto all = llvm::to_vector(llvm::seq<unsigned>(0, weight.getSources().size()));
    return add(all, type.getShape());
  }

  LogicalResult addOperand(LaunchOp launch, Value operand, FlatStep &step) {
    if (auto argument = dyn_cast<BlockArgument>(operand)) {
      std::optional<uint64_t> input = values.inputOf(argument);
      if (!input)
        return launch.emitOpError() << "launches @" << launch.getKernel() << " on the program's argument "
                                    << argument.getArgNumber() << ", which has no name (" << kValueNameAttrName
                                    << ") by which the runtime would know it";
      step.arguments.push_back({plan::ArgKind::input, *input});
      return success();
    }
    Operation *op = operand.getDefiningOp();
    if (auto reference = dyn_cast<WeightRefOp>(op))
      return addWeight(reference, step);
    if (auto layer = dyn_cast<KVLayerOp>(op)) {
      step.arguments.push_back({plan::ArgKind::kv_layer, layer.getLayer()});
      return success();
    }
    auto source = dyn_cast<LaunchOp>(op);
    if (!source || !source.getOffsets())
      return op->emitOpError() << "feeds a launch but has no place in the arena; run llama-plan-memory";
    return addResult(cast<OpResult>(operand), (*source.getOffsets())[cast<OpResult>(operand).getResultNumber()], step);
  }

  /// The place of a launch's result: in the arena, or an output of the program.
  LogicalResult addResult(OpResult result, int64_t offset, FlatStep &step) {
    if (offset >= 0) {
      step.arguments.push_back({plan::ArgKind::arena, static_cast<uint64_t>(offset)});
      return success();
    }
    std::optional<uint64_t> output = values.outputOf(result);
    if (!output)
      return result.getOwner()->emitOpError() << "gives a result of the program without a name (" << kValueNameAttrName
                                              << ") by which the runtime would know it";
    const plan::ProgramValueT &value = *values.outputs[*output];
    bool isLogits = value.name == knownValue(StepOutput::Logits).name;
    if (uint64_t width = value.columns; isLogits && width != model.config.vocabSize)
      return result.getOwner()->emitOpError()
             << "gives " << width << " logits a row where the config's vocab_size is " << model.config.vocabSize;
    step.arguments.push_back({plan::ArgKind::output, *output});
    return success();
  }

  /// A launch: the operands, the results and the workspaces, in this order.
  LogicalResult writeLaunch(LaunchOp launch, std::vector<FlatStep> &steps) {
    FlatStep step;
    auto kernel = kernelIndex.find(launch.getKernel());
    if (kernel == kernelIndex.end())
      return launch.emitOpError() << "launches @" << launch.getKernel()
                                  << ", of which there is no code; run llama-emit-cpu or llama-emit-cuda";
    step.kernel = kernel->second;
    for (Value operand : launch->getOperands())
      if (failed(addOperand(launch, operand, step)))
        return failure();
    if (!launch.getOffsets() && launch.getNumResults())
      return launch.emitOpError() << "has no offsets; run llama-plan-memory";
    if (std::optional<ArrayRef<int64_t>> offsets = launch.getOffsets())
      for (auto [offset, result] : llvm::zip_equal(*offsets, launch.getResults()))
        if (failed(addResult(result, offset, step)))
          return failure();
    if (std::optional<ArrayRef<int64_t>> workspace = launch.getWorkspaceOffsets())
      for (int64_t offset : *workspace)
        step.arguments.push_back({plan::ArgKind::arena, static_cast<uint64_t>(offset)});
    locate(launch, step);
    steps.push_back(std::move(step));
    return success();
  }

  /// A choice of tokens: logits, what the draw needs, and the result.
  LogicalResult writeSample(SampleOp sample, std::vector<FlatStep> &steps) {
    FlatStep step;
    step.sample = toPlan(sample.getMode());
    step.location = nameOf(sample.getLoc());
    std::optional<uint64_t> logits = values.outputOf(sample.getLogits()), tokens = values.outputOf(sample.getResult());
    if (!logits || !tokens)
      return sample.emitOpError() << "takes or gives no named output of the program; logits and tokens are outputs";
    step.arguments.push_back({plan::ArgKind::output, *logits});
    for (Value operand : sample->getOperands().drop_front()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      std::optional<uint64_t> input = argument ? values.inputOf(argument) : std::nullopt;
      if (!input)
        return sample.emitOpError() << "draws by what is no named input of the program";
      step.arguments.push_back({plan::ArgKind::input, *input});
    }
    step.arguments.push_back({plan::ArgKind::output, *tokens});
    steps.push_back(std::move(step));
    return success();
  }

  LogicalResult writeProgram(func::FuncOp program) {
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    auto arena = program->getAttrOfType<IntegerAttr>(kArenaBytesAttrName);
    std::optional<plan::ProgramKind> kind = toPlan(attribute.getKind());
    if (!kind || !arena)
      return program.emitOpError() << "is not specialised and planned; run the passes up to llama-plan-memory";
    for (Type type : program.getArgumentTypes())
      if (auto cache = dyn_cast<KVCacheType>(type); cache && failed(writeCache(cache, program)))
        return failure();

    FailureOr<ValueTable> table = ValueTable::of(program);
    if (failed(table))
      return failure();
    values = std::move(*table);
    std::vector<FlatStep> steps;
    for (LaunchOp launch : program.getOps<LaunchOp>())
      if (failed(writeLaunch(launch, steps)))
        return failure();
    for (SampleOp sample : program.getOps<SampleOp>())
      if (failed(writeSample(sample, steps)))
        return failure();

    for (LogProbOp scores : program.getOps<LogProbOp>())
      return scores.emitOpError() << "is part of no kernel; run llama-split-scores";

    auto to = std::make_unique<plan::ProgramT>();
    to->name = program.getSymName().str();
    to->kind = *kind;
    to->min_rows = attribute.getMinRows();
    to->max_rows = attribute.getMaxRows();
    to->row_align = attribute.getRowAlign();
    to->arena_bytes = arena.getInt();
    to->variant = variantIndex;
    to->inputs = std::move(values.inputs);
    to->outputs = std::move(values.outputs);
    to->sequences = rollSteps(steps);
    out.programs.push_back(std::move(to));
    return success();
  }

  LogicalResult writeCache(KVCacheType cache, Operation *program) {
    FailureOr<plan::DType> dtype = typeOf(cache.getElementType(), program);
    if (failed(dtype))
      return failure();
    out.kv_cache = std::make_unique<plan::KvCacheT>();
    out.kv_cache->layers = cache.getLayers();
    out.kv_cache->kv_heads = cache.getKvHeads();
    out.kv_cache->head_dim = cache.getHeadDim();
    out.kv_cache->page = cache.getPage();
    out.kv_cache->dtype = *dtype;
    out.kv_cache->max_seq = options.maxSeq;
    out.kv_cache->max_batch = options.maxBatch;
    return success();
  }

  /// "layers.3.mlp.down_proj" becomes the template "layers.{}.mlp.down_proj" with layer 3.
  void locate(LaunchOp launch, FlatStep &step) {
    step.location = nameOf(launch.getLoc());
    std::string place = step.location;
    StringRef rest = place;
    if (!rest.consume_front("layers."))
      return;
    StringRef number = rest.take_while(llvm::isDigit);
    uint32_t layer = 0;
    if (number.empty() || number.getAsInteger(10, layer))
      return;
    step.layer = layer;
    step.location = ("layers.{}" + rest.drop_front(number.size())).str();
  }

  const frontend::Model &model;
  const PlanOptions &options;
  plan::PlanT out;
  WeightTable weightTable;
  // Of the variant that is being written:
  ModuleOp module;
  /// A module's own search for a symbol looks at all of them.
  SymbolTable *symbols = nullptr;
  uint32_t variantIndex = 0;
  llvm::StringMap<uint32_t> kernelIndex;
  /// Of the program that is being written.
  ValueTable values;
};

} // namespace

FailureOr<std::vector<uint8_t>> buildPlan(const PlanTarget &target, ArrayRef<PlanVariant> variants,
                                          const frontend::Model &model, const PlanOptions &options) {
  return Writer(model, options).write(target, variants);
}

} // namespace quipu::codegen
