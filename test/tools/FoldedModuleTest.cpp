//===- FoldedModuleTest.cpp - Modules in which alike layers stand once -------------------===//

#include "tools/quipu-compile/FoldedModule.h"
#include "ir/Llama/Llama.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

using namespace quipu::tool;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

namespace {

/// Puts texts in place of their names.
std::string with(std::string text, const std::vector<std::pair<std::string, std::string>> &values) {
  for (const auto &[name, value] : values)
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
      text.replace(at, name.size(), value);
  return text;
}

constexpr const char *kWeight = R"(
llama.weight @layers.N.mlp.up_proj : WEIGHT role matrix sources ["layers.N.mlp.up_proj"]
)";

/// Layer N, which reads IN, what all layers read, and its place of the cache.
constexpr const char *kLayer = R"(
%wN = llama.weight_ref @layers.N.mlp.up_proj : WEIGHT loc("layers.N.mlp.up_proj")
%cN = llama.kv_layer %cache[N] : !llama.kv_cache<4 x 1 x 4 x f32, page = 32> -> !llama.kv_layer<1 x 4 x f32, page = 32> loc("layers.N.kv")
%pN = llama.linear IN, %wN : (tensor<?x4xf32>, WEIGHT) -> tensor<?x4xf32> loc("layers.N.mlp.up_proj")
%rN = llama.add IN, %pN : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> loc("layers.N.residual")
%sN = llama.add %rN, %shared : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> loc("layers.N.residual")
)";

constexpr const char *kModule = R"(
WEIGHTS
func.func @forward(%x: tensor<?x4xf32> {llama.name = "x"}, %cache: !llama.kv_cache<4 x 1 x 4 x f32, page = 32>)
    -> tensor<?x4xf32> {
  %shared = llama.add %x, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> loc("shared")
  %e = llama.add %x, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> loc("embed")
  LAYERS
  return LAST : tensor<?x4xf32>
}
)";

class FoldedModule : public testing::Test {
protected:
  FoldedModule() { context.loadDialect<quipu::llama::LlamaDialect, mlir::func::FuncDialect>(); }

  /// The parts of a module with a layer for each of the matrices' types.
  Json fold(const std::vector<std::string> &weights) {
    std::string declarations, layers, in = "%e";
    for (size_t i = 0; i < weights.size(); ++i) {
      std::string number = std::to_string(i);
      declarations += with(kWeight, {{"N", number}, {"WEIGHT", weights[i]}});
      layers += with(kLayer, {{"IN", in}, {"N", number}, {"WEIGHT", weights[i]}});
      in = "%s" + number;
    }
    module = mlir::parseSourceString<mlir::ModuleOp>(
        with(kModule, {{"WEIGHTS", declarations}, {"LAYERS", layers}, {"LAST", in}}), &context);
    EXPECT_TRUE(module);
    return module ? foldedParts(*module) : Json();
  }

  static std::vector<std::string> texts(const Json &group) {
    std::vector<std::string> lines;
    for (const Json &op : group["ops"])
      // Types say nothing here.
      lines.push_back(op["text"].get<std::string>().substr(0, op["text"].get<std::string>().find(" : ")));
    return lines;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

constexpr const char *kF32 = "tensor<4x4xf32>", *kBf16 = "tensor<4x4xbf16>";

} // namespace

TEST_F(FoldedModule, AlikeLayersAreOneGroup) {
  Json parts = fold({kF32, kF32, kF32});
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0]["kind"], "weights");
  ASSERT_EQ(parts[0]["groups"].size(), 1u);
  EXPECT_EQ(parts[0]["groups"][0]["layers"], Json({0, 1, 2}));
  EXPECT_THAT(texts(parts[0]["groups"][0]), ElementsAre("llama.weight @layers.{}.mlp.up_proj"));

  EXPECT_THAT(parts[1]["head"].get<std::string>(), StartsWith("func.func @forward(%x: tensor<?x4xf32>"));
  EXPECT_EQ(parts[1]["arguments"][1]["name"], "%kv_cache");
  const Json &groups = parts[1]["groups"];
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_THAT(texts(groups[0]), ElementsAre("%shared = llama.add %x, %x", "%embed = llama.add %x, %x"));
  EXPECT_EQ(groups[1]["layers"], Json({0, 1, 2}));
  // Two results of one place have the op in their names. What all layers read comes from no layer before.
  EXPECT_THAT(texts(groups[1]),
              ElementsAre("%kv = llama.kv_layer %kv_cache[{}]", "%up_proj = llama.linear %in, @layers.{}.mlp.up_proj",
                          "%residual.add = llama.add %in, %up_proj",
                          "%residual.add.2 = llama.add %residual.add, %shared"));
  EXPECT_EQ(groups[1]["carried"], Json::parse(R"([{"name": "%in", "first": "%embed", "next": "%residual.add.2"}])"));
  EXPECT_EQ(groups[1]["ops"][1]["place"], "layers.{}.mlp.up_proj");
  EXPECT_EQ(groups[1]["ops"][1]["operands"], Json({"%in", "@layers.{}.mlp.up_proj"}));
  EXPECT_EQ(groups[1]["ops"][0]["attributes"]["layer"], "{}");
  EXPECT_THAT(texts(groups[2]), ElementsAre("func.return %residual.add.2"));
}

TEST_F(FoldedModule, LayersOfTwoKinds) {
  Json parts = fold({kF32, kBf16, kF32, kBf16});
  for (const Json &groups : {parts[0]["groups"], Json({parts[1]["groups"][1], parts[1]["groups"][2]})}) {
    ASSERT_EQ(groups.size(), 2u);
    EXPECT_EQ(groups[0]["layers"], Json({0, 2}));
    EXPECT_EQ(groups[1]["layers"], Json({1, 3}));
  }
  EXPECT_EQ(parts[1]["groups"][1]["carried"][0]["first"], "%embed");
  EXPECT_EQ(parts[1]["groups"][2]["carried"][0]["first"], "%residual.add.2");
}

TEST_F(FoldedModule, OneLayerReadsWhatStandsBeforeIt) {
  const Json group = fold({kF32})[1]["groups"][1];
  EXPECT_EQ(group["layers"], Json::array({0}));
  EXPECT_THAT(group["carried"], IsEmpty());
  EXPECT_THAT(texts(group)[1], "%up_proj = llama.linear %embed, @layers.{}.mlp.up_proj");
}
