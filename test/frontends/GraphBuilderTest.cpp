//===- GraphBuilderTest.cpp - From configs to the llama dialect --------------------------===//

#include "Support.h"

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/PlanTypes.h"
#include "frontends/hf/Config.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Place.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {

/// A built module and what is in it.
class Graph {
public:
  /// `changes`: fields as JSON text, merged into smallConfig().
  explicit Graph(const char *changes, const GraphOptions &options = {}, const std::string &storedDtype = "",
                 const std::map<std::string, DType> &odd = {}) {
    json config = smallConfig();
    config.update(json::parse(changes));
    model.config = frontend::hf::parseConfig(config.dump(), "tiny/config.json");
    if (!storedDtype.empty()) {
      model.weights.emplace();
      for (const ExpectedWeight &weight : expectedWeights(model.config)) {
        WeightEntry entry;
        entry.shape = weight.tensorShape;
        entry.nameInFile = weight.tensor;
        entry.format = findWeightFormat(storedDtype);
        if (auto it = odd.find(weight.tensor); it != odd.end())
          entry.format = &denseFormat(it->second);
        model.weights->tensors[weight.tensor] = entry;
      }
    }
    build(options);
  }

  void build(const GraphOptions &options = {}) {
    module = buildGraph(context, model, options);
    EXPECT_TRUE(succeeded(mlir::verify(*module)));
  }

  /// Number of ops of that name ("llama.linear").
  int count(llvm::StringRef name) {
    int found = 0;
    module->walk([&](mlir::Operation *op) { found += op->getName().getStringRef() == name; });
    return found;
  }
  template <typename Op> std::vector<Op> all() {
    std::vector<Op> ops;
    module->walk([&](Op op) { ops.push_back(op); });
    return ops;
  }
  llama::WeightOp weight(llvm::StringRef symbol) { return module->lookupSymbol<llama::WeightOp>(symbol); }
  std::string typeOf(llvm::StringRef symbol) {
    llama::WeightOp op = weight(symbol);
    return op ? print(op.getType()) : "none";
  }
  template <typename T> static std::string print(const T &value) {
    std::string text;
    llvm::raw_string_ostream(text) << value;
    return text;
  }
  std::string print() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream, mlir::OpPrintingFlags().enableDebugInfo());
    return text;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  Model model;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

struct Shape {
  const char *name;
  const char *changes;
  int weights, refs;
  int kvHeads;
  int biases;
};
void PrintTo(const Shape &shape, std::ostream *out) { *out << shape.name; }
class GraphShape : public testing::TestWithParam<Shape> {};

} // namespace

TEST_P(GraphShape, HasTheOpsOfTheModel) {
  const Shape &shape = GetParam();
  Graph graph(shape.changes);
  int layers = int(graph.model.config.numLayers);
  EXPECT_EQ(graph.count("llama.weight"), shape.weights);
  EXPECT_EQ(graph.count("llama.weight_ref"), shape.refs);
  EXPECT_EQ(graph.count("llama.embedding"), 1);
  EXPECT_EQ(graph.count("llama.rms_norm"), 2 * layers);
  EXPECT_EQ(graph.count("llama.linear"), 4 * layers);
  EXPECT_EQ(graph.count("llama.rotary"), 2 * layers);
  EXPECT_EQ(graph.count("llama.kv_layer"), layers);
  EXPECT_EQ(graph.count("llama.kv_append"), layers);
  EXPECT_EQ(graph.count("llama.attention"), layers);
  EXPECT_EQ(graph.count("llama.gated_mlp"), layers);
  for (llama::GatedMLPOp mlp : graph.all<llama::GatedMLPOp>())
    EXPECT_EQ(mlp.getActivation(), llama::Activation::Silu);
  EXPECT_EQ(graph.count("llama.add"), 2 * layers);
  EXPECT_EQ(graph.count("llama.lm_head"), 1);
  EXPECT_EQ(graph.count("llama.repeat_kv"), 0);
  EXPECT_EQ(graph.count("func.func"), 1);
  int biases = 0;
  for (llama::WeightOp weight : graph.all<llama::WeightOp>())
    biases += weight.getRole() == llama::WeightRole::Bias;
  EXPECT_EQ(biases, shape.biases);
  for (llama::AttentionOp attention : graph.all<llama::AttentionOp>()) {
    EXPECT_EQ(attention.getNumHeads(), 4u);
    EXPECT_EQ(attention.getNumKvHeads(), unsigned(shape.kvHeads));
    EXPECT_FALSE(attention.getLse());
    EXPECT_FALSE(attention.getWindow());
  }
}

static const Shape kShapes[] = {
    {"Gqa", "{}", 21, 21, 2, 0},
    {"Mha", R"({"num_key_value_heads": 4})", 21, 21, 4, 0},
    {"Mqa", R"({"num_key_value_heads": 1})", 21, 21, 1, 0},
    {"Tied", R"({"tie_word_embeddings": true})", 20, 21, 2, 0},
    {"AttentionBias", R"({"attention_bias": true})", 29, 29, 2, 8},
    {"AllBiases", R"({"attention_bias": true, "mlp_bias": true})", 35, 35, 2, 14},
    {"HeadDim", R"({"head_dim": 6, "hidden_size": 10})", 21, 21, 2, 0},
    {"FiveLayers", R"({"num_hidden_layers": 5})", 48, 48, 2, 0},
};
INSTANTIATE_TEST_SUITE_P(All, GraphShape, testing::ValuesIn(kShapes), [](const auto &info) { return info.param.name; });

TEST(GraphBuilder, ForwardTakesAStep) {
  GraphOptions options;
  options.page = 16;
  options.maxRows = 128;
  Graph graph("{}", options);
  auto forward = graph.module->lookupSymbol<mlir::func::FuncOp>("forward");
  ASSERT_TRUE(forward);
  EXPECT_EQ(Graph::print(forward.getFunctionType()),
            "(tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, !llama.kv_cache<2 x 2 x 2 x f32, page = 16>, "
            "tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>, tensor<?xi32>) "
            "-> (tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xf32>)");
  std::vector<std::string> names;
  for (unsigned i = 0; i < forward.getNumArguments(); ++i)
    if (auto name = forward.getArgAttrOfType<mlir::StringAttr>(i, llama::kValueNameAttrName))
      names.push_back(name.str());
  for (unsigned i = 0; i < forward.getNumResults(); ++i)
    names.push_back(forward.getResultAttrOfType<mlir::StringAttr>(i, llama::kValueNameAttrName).str());
  EXPECT_EQ(names, (std::vector<std::string>{"tokens", "positions", "sequences", "output_rows", "sample_rules",
                                             "recent_tokens", "random_numbers", "targets", "logits", "greedy_tokens",
                                             "drawn_tokens", "log_probs"}));
  EXPECT_FALSE(forward.getArgAttr(4, llama::kValueNameAttrName));
}

// Test: behind the logits both choices of a token are part of the program, greedy and drawn.
TEST(GraphBuilder, ChoosesTokens) {
  Graph graph("{}");
  auto samples = graph.all<llama::SampleOp>();
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].getMode(), llama::SampleMode::Greedy);
  EXPECT_EQ(samples[1].getMode(), llama::SampleMode::Drawn);
  for (llama::SampleOp sample : samples)
    EXPECT_TRUE(sample.getLogits().getDefiningOp<llama::LMHeadOp>());
}

// Test: the probabilities of targets are those of the logits.
TEST(GraphBuilder, GivesProbabilities) {
  Graph graph("{}");
  auto scores = graph.all<llama::LogProbOp>();
  ASSERT_EQ(scores.size(), 1u);
  EXPECT_TRUE(scores[0].getLogits().getDefiningOp<llama::LMHeadOp>());
  EXPECT_TRUE(mlir::isa<mlir::BlockArgument>(scores[0].getTargets()));
}

TEST(GraphBuilder, ForwardIsOneProgram) {
  GraphOptions options;
  options.maxRows = 128;
  Graph graph("{}", options);
  auto forward = graph.module->lookupSymbol<mlir::func::FuncOp>("forward");
  ASSERT_TRUE(forward);
  auto program = forward->getAttrOfType<llama::ProgramAttr>(llama::kProgramAttrName);
  ASSERT_TRUE(program);
  EXPECT_EQ(program.getKind(), llama::ProgramKind::Forward);
  EXPECT_EQ(program.getMinRows(), 1);
  EXPECT_EQ(program.getMaxRows(), 128);
}

TEST(GraphBuilder, LocationsNameThePlaceInTheModel) {
  Graph graph("{}");
  std::string text = graph.print();
  for (mlir::Operation *op : graph.all<mlir::Operation *>())
    EXPECT_FALSE(llama::getPlace(op->getLoc()).empty()) << op->getName().getStringRef().str();
  for (const char *place :
       {"\"embed_tokens\"", "\"layers.0.input_layernorm\"", "\"layers.1.self_attn.q_proj\"",
        "\"layers.1.self_attn.q_rotary\"", "\"layers.1.self_attn.k_rotary\"", "\"layers.1.self_attn.kv_append\"",
        "\"layers.0.self_attn.attention\"", "\"layers.0.self_attn.o_proj\"", "\"layers.0.self_attn.residual\"",
        "\"layers.1.mlp\"", "\"layers.1.mlp.residual\"", "\"lm_head\""})
    EXPECT_NE(text.find(std::string("loc(") + place), std::string::npos) << place;
  for (llama::LinearOp linear : graph.all<llama::LinearOp>()) {
    auto name = mlir::dyn_cast<mlir::NameLoc>(linear.getLoc());
    ASSERT_TRUE(name);
    auto ref = linear.getWeight().getDefiningOp<llama::WeightRefOp>();
    EXPECT_EQ(name.getName().str(), ref.getWeight().str());
  }
}

TEST(GraphBuilder, WeightsNameTheirTensors) {
  Graph graph(R"({"attention_bias": true, "head_dim": 6})");
  llama::WeightOp query = graph.weight("layers.1.self_attn.q_proj");
  ASSERT_TRUE(query);
  EXPECT_EQ(Graph::print(query.getSources()), "[#llama.source<\"layers.1.self_attn.q_proj\">]");
  EXPECT_EQ(Graph::print(query.getType()), "tensor<24x8xf32>");
  EXPECT_EQ(query.getRole(), llama::WeightRole::Matrix);
  llama::WeightOp bias = graph.weight("layers.0.self_attn.k_proj.bias");
  ASSERT_TRUE(bias);
  EXPECT_EQ(Graph::print(bias.getSources()), "[#llama.source<\"layers.0.self_attn.k_proj.bias\">]");
  EXPECT_EQ(Graph::print(bias.getType()), "tensor<12xf32>");
  EXPECT_EQ(graph.weight("lm_head").getRole(), llama::WeightRole::Matrix);
  EXPECT_EQ(graph.weight("embed_tokens").getRole(), llama::WeightRole::Embedding);
  EXPECT_EQ(graph.weight("norm").getRole(), llama::WeightRole::Norm);
}

TEST(GraphBuilder, TiedHeadUsesTheEmbedding) {
  Graph graph(R"({"tie_word_embeddings": true})");
  llama::LMHeadOp head = graph.all<llama::LMHeadOp>().front();
  EXPECT_EQ(head.getWeight().getDefiningOp<llama::WeightRefOp>().getWeight(), "embed_tokens");
  EXPECT_FALSE(graph.weight("lm_head"));
}

TEST(GraphBuilder, Rope) {
  EXPECT_EQ(Graph::print(Graph(R"({"rope_theta": 500000})").all<llama::RotaryOp>().front().getRope()),
            "#llama.rope<theta = 5.000000e+05, layout = half>");
  Graph linear(R"({"rope_scaling": {"type": "linear", "factor": 4}, "rope_interleaved": true})");
  llama::RopeAttr rope = linear.all<llama::RotaryOp>().front().getRope();
  EXPECT_EQ(rope.getLayout(), llama::RotaryLayout::Interleaved);
  EXPECT_EQ(rope.getScaling(), llama::RopeScaling::Linear);
  EXPECT_EQ(rope.getFactor().convertToDouble(), 4.0);
  Graph llama3(R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
                                    "original_max_position_embeddings": 32}})");
  rope = llama3.all<llama::RotaryOp>().front().getRope();
  EXPECT_EQ(rope.getScaling(), llama::RopeScaling::Llama3);
  EXPECT_EQ(rope.getLowFreqFactor().convertToDouble(), 1.0);
  EXPECT_EQ(rope.getHighFreqFactor().convertToDouble(), 4.0);
  EXPECT_EQ(rope.getOriginalContext(), 32);
  EXPECT_FALSE(rope.getDivisors());
  llama3.model.config.rope.divisors = {1, 2.5};
  llama3.model.config.headDim = 4;
  llama3.build();
  rope = llama3.all<llama::RotaryOp>().front().getRope();
  ASSERT_TRUE(rope.getDivisors());
  EXPECT_EQ(rope.getDivisors().asArrayRef(), llvm::ArrayRef<double>({1, 2.5}));
}

TEST(GraphBuilder, SlidingWindow) {
  Graph graph(R"({"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 24})");
  for (llama::AttentionOp attention : graph.all<llama::AttentionOp>())
    EXPECT_EQ(attention.getWindow(), 24u);
}

TEST(GraphBuilder, SlidingWindowInSomeLayers) {
  Graph graph(R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "sliding_window": 24,
                  "use_sliding_window": true, "max_window_layers": 1})");
  std::vector<llama::AttentionOp> layers = graph.all<llama::AttentionOp>();
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].getWindow(), std::nullopt);
  EXPECT_EQ(layers[1].getWindow(), 24u);
  EXPECT_TRUE(graph.weight("layers.0.self_attn.v_proj.bias"));
  EXPECT_FALSE(graph.weight("layers.0.self_attn.o_proj.bias"));
}

TEST(GraphBuilder, FusedTensors) {
  Graph graph(R"({"architectures": ["Phi3ForCausalLM"], "model_type": "phi3"})");
  EXPECT_EQ(Graph::print(graph.weight("layers.1.self_attn.k_proj").getSources()),
            "[#llama.source<\"layers.1.self_attn.qkv_proj\" rows <8 to 12 of 16>>]");
  EXPECT_EQ(Graph::print(graph.weight("layers.1.mlp.down_proj").getSources()),
            "[#llama.source<\"layers.1.mlp.down_proj\">]");
}

// Test: norms that multiply by 1 plus their weight get the 1 while they are loaded, in f32; embeddings may have a
// scale.
TEST(GraphBuilder, NormForm) {
  Graph graph("{}", {}, "bf16");
  EXPECT_FALSE(graph.weight("norm").getPlus());
  EXPECT_FALSE(graph.all<llama::EmbeddingOp>().front().getScale());
  graph.model.config.normPlus = 1;
  graph.model.config.embeddingScale = 3;
  graph.build();
  for (const char *norm : {"layers.0.input_layernorm", "layers.1.post_attention_layernorm", "norm"}) {
    EXPECT_EQ(graph.weight(norm).getPlus()->convertToDouble(), 1) << norm;
    EXPECT_EQ(graph.typeOf(norm), "tensor<8xf32>");
  }
  EXPECT_FALSE(graph.weight("layers.0.self_attn.q_proj").getPlus());
  EXPECT_EQ(graph.all<llama::EmbeddingOp>().front().getScale()->convertToDouble(), 3);
}

/// The types of one layer, in a word: residual, norm, query, key, attention, cache.
static std::string layerTypes(Graph &graph) {
  auto element = [](mlir::Value value) {
    return Graph::print(mlir::cast<mlir::RankedTensorType>(value.getType()).getElementType());
  };
  auto append = graph.all<llama::KVAppendOp>().front();
  auto attention = graph.all<llama::AttentionOp>().front();
  return element(graph.all<llama::AddOp>().front()) + " " + element(graph.all<llama::RMSNormOp>().front()) + " " +
         element(attention.getQuery()) + " " + element(append.getKeys()) + " " + element(attention.getResult()) + " " +
         Graph::print(append.getKv().getType().getElementType());
}

// Test: matrices, the embedding and the head among them, have blocks; norms, and rows that are no whole blocks, stay.
TEST(GraphBuilder, Quantises) {
  GraphOptions options;
  options.quantize = QuantizeMix::find("q8_0");
  const char *sizes = R"({"hidden_size": 64, "intermediate_size": 48})";
  Graph graph(sizes, options, "bf16");
  EXPECT_EQ(graph.typeOf("embed_tokens"), "tensor<16x64x!llama.block<q8_0>>");
  EXPECT_EQ(graph.typeOf("lm_head"), "tensor<16x64x!llama.block<q8_0>>");
  EXPECT_EQ(graph.typeOf("layers.1.mlp.up_proj"), "tensor<48x64x!llama.block<q8_0>>");
  EXPECT_EQ(graph.typeOf("layers.1.mlp.down_proj"), "tensor<64x48xbf16>");
  EXPECT_EQ(graph.typeOf("norm"), "tensor<64xbf16>");
  EXPECT_EQ(layerTypes(graph), "f32 bf16 bf16 bf16 bf16 bf16");
  // Random weights too.
  EXPECT_EQ(Graph(sizes, options).typeOf("lm_head"), "tensor<16x64x!llama.block<q8_0>>");
  // What is quantised is converted to nothing else.
  EXPECT_EQ(describeConversions(graph.model, DType::f16),
            "15 of 15 matrices are stored in another type than f16 and are converted to it while they are loaded, the "
            "first of them layers.0.self_attn.q_proj in bf16; --dtype f32 computes with all of them as they "
            "are stored");
  EXPECT_TRUE(describeConversions(graph.model, DType::f16, options).starts_with("2 of 2 matrices"));
}

// Test: matrices that are stored in blocks stay so where the target reads them. For other targets they become numbers,
// of a type that the target chooses if none was asked for. Norms are numbers in any case.
TEST(GraphBuilder, StoredBlocks) {
  const char *sizes = R"({"hidden_size": 64, "intermediate_size": 96, "torch_dtype": null})";
  Graph kept(sizes, {}, "q4_1", {{"layers.0.mlp.up_proj", DType::bf16}});
  EXPECT_EQ(kept.typeOf("embed_tokens"), "tensor<16x64x!llama.block<q4_1>>");
  EXPECT_EQ(kept.typeOf("lm_head"), "tensor<16x64x!llama.block<q4_1>>");
  EXPECT_EQ(kept.typeOf("layers.0.mlp.up_proj"), "tensor<96x64xbf16>");
  EXPECT_EQ(kept.typeOf("norm"), "tensor<64xf32>");
  EXPECT_EQ(layerTypes(kept), "f32 f32 f32 f32 f32 f32");
  EXPECT_EQ(describeExpansions(kept.model, DType::f32, {}), "");
  // Also beside activations of 16 bits.
  GraphOptions f16;
  f16.computeDType = DType::f16;
  EXPECT_EQ(Graph(sizes, f16, "q4_1").typeOf("lm_head"), "tensor<16x64x!llama.block<q4_1>>");

  GraphOptions options;
  options.readsBlocks = [](const WeightFormat &format) { return format.name == "q8_0"; };
  Graph wide(sizes, options, "q4_1");
  EXPECT_EQ(layerTypes(wide), "f32 f32 f32 f32 f32 f32");
  options.dtypeForBlocks = DType::bf16;
  Graph expanded(sizes, options, "q4_1");
  EXPECT_EQ(expanded.typeOf("embed_tokens"), "tensor<16x64xbf16>");
  EXPECT_EQ(expanded.typeOf("layers.1.mlp.down_proj"), "tensor<64x96xbf16>");
  EXPECT_EQ(layerTypes(expanded), "f32 bf16 bf16 bf16 bf16 bf16");
  EXPECT_EQ(describeExpansions(expanded.model, DType::bf16, options),
            "16 of 16 matrices are stored in blocks (q4_1) that the kernels for this target do not read; they are "
            "expanded to bf16 while they are loaded, and take 1 MiB instead of 1");
  EXPECT_EQ(describeConversions(expanded.model, DType::bf16, options), "");
  EXPECT_EQ(Graph(sizes, options, "q8_0").typeOf("lm_head"), "tensor<16x64x!llama.block<q8_0>>");
}

TEST(GraphBuilder, AutoComputesInTheStoredType) {
  Graph f32("{}", {}, "f32");
  EXPECT_EQ(layerTypes(f32), "f32 f32 f32 f32 f32 f32");
  Graph bf16("{}", {}, "bf16");
  EXPECT_EQ(layerTypes(bf16), "f32 bf16 bf16 bf16 bf16 bf16");
  EXPECT_EQ(bf16.typeOf("layers.0.input_layernorm"), "tensor<8xbf16>");
  Graph f16("{}", {}, "f16");
  EXPECT_EQ(layerTypes(f16), "f32 f16 f16 f16 f16 f16");
  // Without weights, in the declared type; weights are made in it.
  Graph bare(R"({"torch_dtype": "bfloat16"})");
  EXPECT_EQ(layerTypes(bare), "f32 bf16 bf16 bf16 bf16 bf16");
  EXPECT_EQ(bare.typeOf("norm"), "tensor<8xbf16>");
  Graph undeclared(R"({"torch_dtype": null})");
  EXPECT_EQ(layerTypes(undeclared), "f32 f32 f32 f32 f32 f32");
  // Norms stored in another type than the matrices do not matter.
  Graph norms("{}", {}, "bf16", {{"norm", DType::f32}});
  EXPECT_EQ(layerTypes(norms), "f32 bf16 bf16 bf16 bf16 bf16");
  EXPECT_EQ(norms.typeOf("norm"), "tensor<8xf32>");
  // Matrices of several types: the declared one, to which the others are converted.
  Graph mixed(R"({"torch_dtype": "bfloat16"})", {}, "bf16", {{"layers.1.mlp.up_proj", DType::f32}});
  EXPECT_EQ(layerTypes(mixed), "f32 bf16 bf16 bf16 bf16 bf16");
  EXPECT_EQ(mixed.typeOf("layers.1.mlp.up_proj"), "tensor<12x8xbf16>");
  EXPECT_EQ(describeConversions(mixed.model, DType::bf16),
            "1 of 15 matrices are stored in another type than bf16 and are converted to it while they are loaded, the "
            "first of them layers.1.mlp.up_proj in f32; --dtype f32 computes with all of them as they are "
            "stored");
  EXPECT_EQ(describeConversions(bf16.model, DType::bf16), "");
  // None declared: f32, which reads all of them as they are.
  Graph neither(R"({"torch_dtype": null})", {}, "bf16", {{"layers.1.mlp.up_proj", DType::f16}});
  EXPECT_EQ(layerTypes(neither), "f32 f32 f32 f32 f32 f32");
  EXPECT_EQ(neither.typeOf("layers.1.mlp.up_proj"), "tensor<12x8xf16>");
  EXPECT_EQ(neither.typeOf("layers.1.mlp.gate_proj"), "tensor<12x8xbf16>");
  EXPECT_EQ(describeConversions(neither.model, DType::f32), "");
}

TEST(GraphBuilder, Activation) {
  for (auto [config, expected] : {std::pair(R"({"hidden_act": "gelu_new"})", llama::Activation::GeluTanh),
                                  std::pair(R"({"hidden_act": "relu"})", llama::Activation::Relu)}) {
    Graph graph(config);
    std::vector<llama::GatedMLPOp> gates = graph.all<llama::GatedMLPOp>();
    ASSERT_EQ(gates.size(), 2u);
    for (llama::GatedMLPOp mlp : gates)
      EXPECT_EQ(mlp.getActivation(), expected);
  }
}

TEST(GraphBuilder, ComputingInF32ReadsWeightsInPlace) {
  GraphOptions options;
  options.computeDType = DType::f32;
  Graph graph("{}", options, "bf16");
  EXPECT_EQ(layerTypes(graph), "f32 f32 f32 f32 f32 f32");
  EXPECT_EQ(graph.typeOf("layers.0.self_attn.q_proj"), "tensor<8x8xbf16>");
  EXPECT_EQ(graph.typeOf("lm_head"), "tensor<16x8xbf16>");
}

TEST(GraphBuilder, ComputingInBf16ConvertsOtherMatrices) {
  GraphOptions options;
  options.computeDType = DType::bf16;
  Graph graph("{}", options, "f32");
  EXPECT_EQ(layerTypes(graph), "f32 bf16 bf16 bf16 bf16 bf16");
  EXPECT_EQ(graph.typeOf("layers.0.self_attn.q_proj"), "tensor<8x8xbf16>");
  EXPECT_EQ(graph.typeOf("layers.0.input_layernorm"), "tensor<8xf32>");
  EXPECT_EQ(graph.typeOf("embed_tokens"), "tensor<16x8xf32>");
  EXPECT_EQ(graph.all<llama::LMHeadOp>().front().getComputeType(), mlir::BFloat16Type::get(&graph.context));
  // An embedding that is the head too is an operand of a dot product.
  Graph tied(R"({"tie_word_embeddings": true})", options, "f32");
  EXPECT_EQ(tied.typeOf("embed_tokens"), "tensor<16x8xbf16>");
}

TEST(GraphBuilder, CacheMayHaveItsOwnType) {
  GraphOptions options;
  options.kvDType = DType::bf16;
  Graph graph("{}", options, "f32");
  EXPECT_EQ(layerTypes(graph), "f32 f32 f32 bf16 f32 bf16");
}

TEST(GraphBuilder, TextAndBytecodeRoundTrip) {
  Graph graph(R"({"attention_bias": true, "mlp_bias": true})");
  std::string text = graph.print();
  auto parsed = mlir::parseSourceString<mlir::ModuleOp>(text, &graph.context);
  ASSERT_TRUE(parsed);
  std::string again;
  llvm::raw_string_ostream stream(again);
  parsed->print(stream, mlir::OpPrintingFlags().enableDebugInfo());
  EXPECT_EQ(text, again);

  std::string bytecode;
  llvm::raw_string_ostream bytes(bytecode);
  ASSERT_TRUE(succeeded(mlir::writeBytecodeToFile(*graph.module, bytes)));
  parsed = mlir::parseSourceString<mlir::ModuleOp>(bytecode, &graph.context);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(
      mlir::OperationEquivalence::isEquivalentTo(*graph.module, *parsed, mlir::OperationEquivalence::IgnoreLocations));
}

TEST(GraphBuilder, BuildsEveryGolden) {
  for (const auto &entry : std::filesystem::directory_iterator(QUIPU_TEST_SOURCE_DIR "/goldens")) {
    if (!std::filesystem::exists(entry.path() / "config.json"))
      continue;
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    auto module = buildGraph(context, openModel(entry.path().string()));
    EXPECT_TRUE(succeeded(mlir::verify(*module))) << entry.path();
  }
}
