//===- GraphBuilder.cpp - From a model config to the llama dialect -----------------------===//

#include "frontends/common/GraphBuilder.h"

#include "frontends/common/Layout.h"
#include "frontends/common/PlanTypes.h"
#include "ir/Llama/Provenance.h"
#include "ir/Llama/WeightTypes.h"
#include "runtime/abi/ProgramValues.h"
#include "runtime/abi/SampleRule.h"
#include "runtime/support/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringMap.h"

#include <cmath>
#include <set>
#include <string>

using namespace mlir;

namespace quipu::frontend {

DType resolveComputeDType(const Model &model, const GraphOptions &options) {
  const WeightFormat *common = nullptr;
  bool agree = true, expands = false;
  if (model.weights) {
    for (const ExpectedWeight &weight : expectedWeights(model.config)) {
      const WeightEntry *entry = model.weights->find(weight.tensor);
      if (weight.role != WeightRole::matrix || !entry)
        continue;
      agree &= !common || common == entry->format;
      common = entry->format;
      expands |= entry->format->block && !options.readsBlocks(*entry->format);
    }
  }
  if (std::optional<DType> type = common && agree ? dtypeOf(*common) : std::nullopt)
    return *type;
  return model.config.declaredDtype.value_or(expands ? options.dtypeForBlocks : DType::f32);
}

/// Whether a weight is multiplied with activations of the compute type.
static bool isDotOperand(const ExpectedWeight &weight, const ModelConfig &config) {
  return weight.role == WeightRole::matrix || (weight.role == WeightRole::embedding && config.tieWordEmbeddings);
}

/// The format that `--quantize` gives a weight; null: none.
static const WeightFormat *quantizedFormat(const ExpectedWeight &weight, const ModelConfig &config,
                                           const GraphOptions &options) {
  return options.quantize ? options.quantize->formatOf(weight, config) : nullptr;
}

/// The format that a weight has in memory where its tensor is stored as `stored`.
static const WeightFormat &formatInMemory(const ExpectedWeight &weight, const WeightFormat &stored,
                                          const ModelConfig &config, DType compute, const GraphOptions &options) {
  if (const WeightFormat *format = quantizedFormat(weight, config, options))
    return *format;
  if (stored.block) {
    // Norms and biases are read as numbers.
    if (!isMatrix(weight))
      return denseFormat(DType::f32);
    return options.readsBlocks(stored) ? stored : denseFormat(compute);
  }
  return isDotOperand(weight, config) && compute != DType::f32 ? denseFormat(compute) : stored;
}

std::string describeExpansions(const Model &model, DType compute, const GraphOptions &options) {
  size_t matrices = 0, expanded = 0;
  uint64_t storedBytes = 0, bytes = 0;
  std::set<std::string_view> formats;
  for (const ExpectedWeight &weight : expectedWeights(model.config)) {
    const WeightEntry *entry = model.weights ? model.weights->find(weight.tensor) : nullptr;
    if (!isMatrix(weight) || !entry)
      continue;
    ++matrices;
    const WeightFormat &memory = formatInMemory(weight, *entry->format, model.config, compute, options);
    if (!entry->format->block || !memory.dense)
      continue;
    ++expanded;
    uint64_t values = weight.shape[0] * weight.shape[1];
    storedBytes += entry->format->bytes(values);
    bytes += memory.bytes(values);
    formats.insert(entry->format->name);
  }
  if (!expanded)
    return {};
  std::string names;
  for (std::string_view format : formats)
    names.append(names.empty() ? "" : ", ").append(format);
  constexpr uint64_t kMiB = 1 << 20;
  return concat(expanded, " of ", matrices, " matrices are stored in blocks (", names,
                ") that the kernels for this target do not read; ", "they are expanded to ", name(compute),
                " while they are loaded, and take ", (bytes + kMiB - 1) / kMiB, " MiB instead of ",
                (storedBytes + kMiB - 1) / kMiB);
}

std::string describeConversions(const Model &model, DType compute, const GraphOptions &options) {
  if (!model.weights || compute == DType::f32)
    return {};
  size_t matrices = 0, converted = 0;
  std::string first;
  for (const ExpectedWeight &weight : expectedWeights(model.config)) {
    const WeightEntry *entry = model.weights->find(weight.tensor);
    if (!isDotOperand(weight, model.config) || !entry || entry->format->block ||
        quantizedFormat(weight, model.config, options))
      continue;
    ++matrices;
    if (entry->format == &denseFormat(compute))
      continue;
    if (!converted++)
      first = concat(entry->nameInFile, " in ", entry->format->name);
  }
  if (!converted)
    return {};
  return concat(converted, " of ", matrices, " matrices are stored in another type than ", name(compute),
                " and are converted to it while they are loaded, the first of them ", first,
                "; --dtype f32 computes with all of them as they are stored");
}

static llama::WeightRole convert(WeightRole role) {
  switch (role) {
  case WeightRole::matrix:
    return llama::WeightRole::Matrix;
  case WeightRole::norm:
    return llama::WeightRole::Norm;
  case WeightRole::embedding:
    return llama::WeightRole::Embedding;
  case WeightRole::bias:
    return llama::WeightRole::Bias;
  }
  llvm_unreachable("all roles are listed");
}

static llama::RotaryLayout convert(RotaryLayout layout) {
  switch (layout) {
  case RotaryLayout::half:
    return llama::RotaryLayout::Half;
  case RotaryLayout::interleaved:
    return llama::RotaryLayout::Interleaved;
  }
  llvm_unreachable("all layouts are listed");
}

static llama::Activation convert(Activation activation) {
  switch (activation) {
  case Activation::silu:
    return llama::Activation::Silu;
  case Activation::geluTanh:
    return llama::Activation::GeluTanh;
  case Activation::relu:
    return llama::Activation::Relu;
  }
  llvm_unreachable("all activations are listed");
}

namespace {

/// Builds one module.
class GraphBuilder {
public:
  GraphBuilder(MLIRContext &context, const Model &model, const GraphOptions &options)
      : model(model), config(model.config), options(options), builder(&context),
        compute(options.computeDType.value_or(resolveComputeDType(model, options))) {}

  OwningOpRef<ModuleOp> build();

private:
  /// The location of an op that comes from these fields of the config, by Hugging Face's names, and from these weights.
  Location at(const Twine &place, ArrayRef<StringRef> fields, ArrayRef<StringRef> weights = {});
  llama::FieldAttr fieldAttr(StringRef name);
  Type element(DType type);
  /// T (or R) rows of `width` features.
  RankedTensorType rows(int64_t width, Type type) { return RankedTensorType::get({ShapedType::kDynamic, width}, type); }
  llama::RopeAttr ropeAttr();

  const WeightFormat &formatOf(const ExpectedWeight &weight) const;
  void declareWeights();
  Value weight(const std::string &symbol, Location loc);
  /// Null if the model has no biases there.
  Value bias(const std::string &symbol, bool present, Location loc);

  Value norm(const std::string &place, Value input);
  /// `fields`: those that say how many rows or columns the matrix has, besides hidden_size.
  Value linear(const std::string &place, Value input, bool hasBias, ArrayRef<StringRef> fields);
  /// `heads`: the field that counts them.
  Value rotate(const std::string &place, Value input, Type type, StringRef heads);
  Value attention(const std::string &layerPlace, int64_t layer, Value input);
  Value feedForward(const std::string &layerPlace, Value input);
  Value add(const std::string &place, Value residual, Value update);
  void nameValues(func::FuncOp program);

  const Model &model;
  const ModelConfig &config;
  const GraphOptions &options;
  OpBuilder builder;
  DType compute;
  llvm::StringMap<RankedTensorType> weightTypes;
  /// The tensor that has a weight.
  llvm::StringMap<StringAttr> tensorOf;
  Type computeType, cacheType, f32;
  Value tokens, positions, sequences, outputRows, cache;
};

} // namespace

Type GraphBuilder::element(DType type) { return llama::elementTypeOf(builder.getContext(), denseFormat(type)); }

llama::RopeAttr GraphBuilder::ropeAttr() {
  const Rope &rope = config.rope;
  MLIRContext *context = builder.getContext();
  llama::RotaryLayout layout = convert(rope.layout);
  switch (rope.scaling) {
  case RopeScaling::none:
    return llama::RopeAttr::get(context, rope.theta, layout, llama::RopeScaling::None, rope.factor, 1.0, 1.0, 0,
                                rope.divisors);
  case RopeScaling::linear:
    return llama::RopeAttr::get(context, rope.theta, layout, llama::RopeScaling::Linear, rope.factor, 1.0, 1.0, 0,
                                rope.divisors);
  case RopeScaling::llama3:
    return llama::RopeAttr::get(context, rope.theta, layout, llama::RopeScaling::Llama3, rope.factor,
                                rope.lowFreqFactor, rope.highFreqFactor, rope.originalContext, rope.divisors);
  }
  llvm_unreachable("all scalings are listed");
}

const WeightFormat &GraphBuilder::formatOf(const ExpectedWeight &weight) const {
  const WeightEntry *entry = model.weights ? model.weights->find(weight.tensor) : nullptr;
  // Random weights can be made in every format.
  return formatInMemory(weight, entry ? *entry->format : denseFormat(compute), config, compute, options);
}

/// The source of a weight: a whole tensor, or rows of a tensor.
static llama::SourceAttr sourceOf(MLIRContext *context, const ExpectedWeight &weight) {
  int64_t begin = static_cast<int64_t>(weight.firstRow), rows = static_cast<int64_t>(weight.shape[0]);
  llama::RangeAttr range;
  if (weight.shape != weight.tensorShape)
    range = llama::RangeAttr::get(context, begin, begin + rows, static_cast<int64_t>(weight.tensorShape[0]));
  return llama::SourceAttr::get(context, weight.tensor, range, llama::RangeAttr());
}

llama::FieldAttr GraphBuilder::fieldAttr(StringRef name) {
  auto origin = llvm::find_if(config.origins, [&](const FieldOrigin &field) { return field.name == name; });
  if (origin == config.origins.end())
    return llama::FieldAttr::get(builder.getContext(), name, "", "", 0, "");
  return llama::FieldAttr::get(builder.getContext(), name, origin->key, origin->file, origin->line, origin->reason);
}

Location GraphBuilder::at(const Twine &place, ArrayRef<StringRef> fields, ArrayRef<StringRef> weights) {
  SmallVector<llama::FieldAttr> attributes =
      llvm::map_to_vector(fields, [&](StringRef name) { return fieldAttr(name); });
  SmallVector<StringAttr> tensors = llvm::map_to_vector(weights, [&](StringRef name) { return tensorOf.at(name); });
  return llama::namePlaceOf(builder.getContext(), place, attributes, tensors);
}

void GraphBuilder::declareWeights() {
  for (const ExpectedWeight &weight : expectedWeights(config)) {
    SmallVector<int64_t> shape(weight.shape.begin(), weight.shape.end());
    bool isChanged = weight.role == WeightRole::norm && config.normPlus != 0;
    const WeightFormat &format = isChanged ? denseFormat(DType::f32) : formatOf(weight);
    auto type = RankedTensorType::get(shape, llama::elementTypeOf(builder.getContext(), format));
    auto plus = isChanged ? builder.getF64FloatAttr(config.normPlus) : FloatAttr();
    weightTypes[weight.name] = type;
    tensorOf[weight.name] = builder.getStringAttr(weight.tensor);
    llama::WeightOp::create(builder, at(weight.name, {}, {weight.name}), builder.getStringAttr(weight.name),
                            TypeAttr::get(type), convert(weight.role),
                            builder.getArrayAttr({sourceOf(builder.getContext(), weight)}), DenseI64ArrayAttr(), plus);
  }
}

Value GraphBuilder::weight(const std::string &symbol, Location loc) {
  return llama::WeightRefOp::create(builder, loc, weightTypes.at(symbol), symbol);
}

Value GraphBuilder::bias(const std::string &symbol, bool present, Location loc) {
  return present ? weight(symbol + ".bias", loc) : Value();
}

Value GraphBuilder::norm(const std::string &place, Value input) {
  SmallVector<StringRef> fields = {"hidden_size", "rms_norm_eps"};
  if (config.normPlus != 0)
    fields.push_back("model_type");
  Location loc = at(place, fields, {place});
  return llama::RMSNormOp::create(builder, loc, rows(config.hiddenSize, computeType), input, weight(place, loc),
                                  builder.getF64FloatAttr(config.rmsNormEps));
}

Value GraphBuilder::linear(const std::string &place, Value input, bool hasBias, ArrayRef<StringRef> fields) {
  SmallVector<StringRef> all = {"hidden_size"};
  llvm::append_range(all, fields);
  std::string biasName = place + ".bias";
  SmallVector<StringRef> weights = {place};
  if (hasBias) {
    all.push_back("attention_bias");
    weights.push_back(biasName);
  }
  Location loc = at(place, all, weights);
  Value matrix = weight(place, loc);
  int64_t width = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
  return llama::LinearOp::create(builder, loc, rows(width, f32), input, matrix, bias(place, hasBias, loc));
}

Value GraphBuilder::rotate(const std::string &place, Value input, Type type, StringRef heads) {
  int64_t width = cast<RankedTensorType>(input.getType()).getDimSize(1);
  SmallVector<StringRef> fields = {heads, "head_dim", "rope_theta"};
  if (config.rope.scaling != RopeScaling::none || !config.rope.divisors.empty())
    fields.push_back("rope_scaling");
  return llama::RotaryOp::create(builder, at(place, fields), rows(width, type), input, positions,
                                 builder.getI64IntegerAttr(config.headDim), ropeAttr());
}

Value GraphBuilder::attention(const std::string &layerPlace, int64_t layer, Value input) {
  std::string place = layerPlace + "self_attn.";
  constexpr StringRef kHeads = "num_attention_heads", kKvHeads = "num_key_value_heads", kHeadDim = "head_dim";
  Value query = linear(place + "q_proj", input, config.attentionBias, {kHeads, kHeadDim});
  Value key = linear(place + "k_proj", input, config.attentionBias, {kKvHeads, kHeadDim});
  Value value = linear(place + "v_proj", input, config.attentionBias, {kKvHeads, kHeadDim});
  query = rotate(place + "q_rotary", query, computeType, kHeads);
  key = rotate(place + "k_rotary", key, cacheType, kKvHeads);

  Location append = at(place + "kv_append", {"num_hidden_layers", kKvHeads, kHeadDim});
  auto layerType =
      llama::KVLayerType::get(builder.getContext(), config.numKvHeads, config.headDim, cacheType, options.page);
  Value kv = llama::KVLayerOp::create(builder, append, layerType, cache, builder.getI64IntegerAttr(layer));
  llama::KVAppendOp::create(builder, append, kv, key, value, positions, sequences);

  // Queries and keys both have the amplitude of the rotary embedding.
  double scoreScale = config.rope.amplitude * config.rope.amplitude / std::sqrt(double(config.headDim));
  uint32_t width = config.windowOf(uint32_t(layer));
  auto window = width ? builder.getI64IntegerAttr(width) : IntegerAttr();
  SmallVector<StringRef> fields = {kHeads, kKvHeads, kHeadDim};
  if (width)
    fields.push_back("sliding_window");
  if (width && !config.slidingLayers.empty())
    fields.push_back("layer_types");
  auto attended = llama::AttentionOp::create(
      builder, at(place + "attention", fields), rows(int64_t(config.numHeads) * config.headDim, computeType), Type(),
      query, kv, positions, sequences, builder.getI64IntegerAttr(config.numHeads),
      builder.getI64IntegerAttr(config.numKvHeads), builder.getF64FloatAttr(scoreScale), builder.getBoolAttr(true),
      window, IntegerAttr(), IntegerAttr());
  return linear(place + "o_proj", attended.getResult(), config.attentionOutputBias, {kHeads, kHeadDim});
}

Value GraphBuilder::feedForward(const std::string &layerPlace, Value input) {
  std::string place = layerPlace + "mlp";
  std::string names[] = {place + ".gate_proj",      place + ".up_proj",      place + ".down_proj",
                         place + ".gate_proj.bias", place + ".up_proj.bias", place + ".down_proj.bias"};
  SmallVector<StringRef> fields = {"hidden_size", "intermediate_size", "hidden_act"};
  SmallVector<StringRef> weights(std::begin(names), config.mlpBias ? std::end(names) : std::begin(names) + 3);
  if (config.mlpBias)
    fields.push_back("mlp_bias");
  Location loc = at(place, fields, weights);
  Value gate = weight(names[0], loc);
  Value up = weight(names[1], loc);
  Value down = weight(names[2], loc);
  Value gateBias = bias(names[0], config.mlpBias, loc);
  Value upBias = bias(names[1], config.mlpBias, loc);
  Value downBias = bias(names[2], config.mlpBias, loc);
  return llama::GatedMLPOp::create(builder, loc, rows(config.hiddenSize, f32), input, gate, up, down, gateBias, upBias,
                                   downBias,
                                   llama::ActivationAttr::get(builder.getContext(), convert(config.activation)));
}

Value GraphBuilder::add(const std::string &place, Value residual, Value update) {
  return llama::AddOp::create(builder, at(place, {"hidden_size"}), rows(config.hiddenSize, f32), residual, update);
}

/// Sets the names by which the runtime knows the arguments (except the cache) and the results.
void GraphBuilder::nameValues(func::FuncOp program) {
  constexpr unsigned cacheNumber = kNumRowInputs;
  for (auto [number, value] : llvm::enumerate(kStepInputs))
    program.setArgAttr(static_cast<unsigned>(number) + (number >= cacheNumber ? 1 : 0), llama::kValueNameAttrName,
                       builder.getStringAttr(value.name));
  for (auto [number, value] : llvm::enumerate(kStepOutputs))
    program.setResultAttr(static_cast<unsigned>(number), llama::kValueNameAttrName, builder.getStringAttr(value.name));
}

OwningOpRef<ModuleOp> GraphBuilder::build() {
  f32 = builder.getF32Type();
  computeType = element(compute);
  cacheType = element(options.kvDType.value_or(compute));

  OwningOpRef<ModuleOp> module = ModuleOp::create(at("model", {}));
  builder.setInsertionPointToEnd(module->getBody());
  declareWeights();

  auto perRow = [](Type element) { return RankedTensorType::get({ShapedType::kDynamic}, element); };
  Type indices = perRow(builder.getI32Type());
  Type cacheArgument = llama::KVCacheType::get(builder.getContext(), config.numLayers, config.numKvHeads,
                                               config.headDim, cacheType, options.page);
  auto logitsType = rows(config.vocabSize, f32);
  Type rules = perRow(llama::SampleRuleType::get(builder.getContext()));
  Type recent = RankedTensorType::get({ShapedType::kDynamic, kSampleWindow}, builder.getI32Type());
  auto type = builder.getFunctionType(
      {indices, indices, indices, indices, cacheArgument, rules, recent, perRow(builder.getF64Type()), indices},
      {logitsType, indices, indices, perRow(f32)});
  auto forward = func::FuncOp::create(builder, at("model", {}), "forward", type);
  forward->setAttr(llama::kProgramAttrName,
                   llama::ProgramAttr::get(builder.getContext(), llama::ProgramKind::Forward, 1, options.maxRows, 1));
  nameValues(forward);
  Block *body = forward.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  tokens = body->getArgument(0);
  positions = body->getArgument(1);
  sequences = body->getArgument(2);
  outputRows = body->getArgument(3);
  cache = body->getArgument(4);

  Location embed = at("embed_tokens", {"vocab_size", "hidden_size"}, {"embed_tokens"});
  auto scale = config.embeddingScale != 1 ? builder.getF64FloatAttr(config.embeddingScale) : FloatAttr();
  Value state = llama::EmbeddingOp::create(builder, embed, rows(config.hiddenSize, f32), tokens,
                                           weight("embed_tokens", embed), scale);
  for (int64_t i = 0; i < int64_t(config.numLayers); ++i) {
    std::string place = "layers." + std::to_string(i) + ".";
    state = add(place + "self_attn.residual", state, attention(place, i, norm(place + "input_layernorm", state)));
    state = add(place + "mlp.residual", state, feedForward(place, norm(place + "post_attention_layernorm", state)));
  }
  SmallVector<StringRef> headFields = {"vocab_size", "hidden_size", "rms_norm_eps"};
  if (config.normPlus != 0)
    headFields.push_back("model_type");
  if (config.tieWordEmbeddings)
    headFields.push_back("tie_word_embeddings");
  StringRef headWeight = config.tieWordEmbeddings ? "embed_tokens" : "lm_head";
  Location head = at("lm_head", headFields, {"norm", headWeight});
  Value logits = llama::LMHeadOp::create(builder, head, logitsType, state, outputRows,
                                         weight("norm", at("norm", {}, {"norm"})), weight(headWeight.str(), head),
                                         builder.getF64FloatAttr(config.rmsNormEps), TypeAttr::get(computeType));
  Location choice = at("sample", {"vocab_size"});
  Value greedy =
      llama::SampleOp::create(builder, choice, indices, logits, llama::SampleMode::Greedy, Value(), Value(), Value());
  Value drawn = llama::SampleOp::create(builder, choice, indices, logits, llama::SampleMode::Drawn,
                                        body->getArgument(5), body->getArgument(6), body->getArgument(7));
  Value scores =
      llama::LogProbOp::create(builder, at("log_prob", {"vocab_size"}), perRow(f32), logits, body->getArgument(8));
  func::ReturnOp::create(builder, at("model", {}), {logits, greedy, drawn, scores});
  return module;
}

OwningOpRef<ModuleOp> buildGraph(MLIRContext &context, const Model &model, const GraphOptions &options) {
  context.loadDialect<llama::LlamaDialect, func::FuncDialect>();
  return GraphBuilder(context, model, options).build();
}

} // namespace quipu::frontend
