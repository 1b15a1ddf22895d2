//===- LinearTilesTest.cpp - Tiles of a linear kernel cover its weight once ---------===//

#include "codegen/cpu/LinearTiles.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/Twine.h"
#include <gtest/gtest.h>
#include <regex>

using namespace quipu;
using namespace quipu::codegen;
using namespace quipu::codegen::cpu;

namespace {

class LinearTilesTest : public testing::Test {
protected:
  LinearTilesTest() { context.loadDialect<llama::LlamaDialect>(); }

  LinearTiles region(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    auto kernel = *module->getOps<llama::KernelOp>().begin();
    auto found = LinearTiles::match(kernel);
    EXPECT_TRUE(mlir::succeeded(found));
    return *found;
  }

  /// How often the sections visit each (part, row).
  static std::map<std::pair<unsigned, int64_t>, int> visits(llvm::ArrayRef<Section> sections) {
    std::map<std::pair<unsigned, int64_t>, int> count;
    for (const Section &section : sections)
      for (int64_t tile = 0; tile < section.tiles; ++tile) {
        int64_t f = tile / section.tilesPerGroup * section.groupRows + tile % section.tilesPerGroup * section.tileRows;
        for (int64_t i = 0; i < section.run; ++i) {
          ++count[{section.firstPart, section.firstBase + f + i * section.rowStride}];
          if (section.hasSecond)
            ++count[{section.secondPart, section.secondBase + f + i * section.rowStride}];
        }
      }
    return count;
  }

  static void expectOnce(llvm::ArrayRef<Section> sections, llvm::ArrayRef<int64_t> parts) {
    auto count = visits(sections);
    int64_t total = 0;
    for (auto [part, rows] : llvm::enumerate(parts)) {
      total += rows;
      for (int64_t row = 0; row < rows; ++row)
        EXPECT_EQ((count[{static_cast<unsigned>(part), row}]), 1) << "part " << part << " row " << row;
    }
    EXPECT_EQ(static_cast<int64_t>(count.size()), total) << "rows outside of the weight";
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

std::string plain(int64_t rows) {
  std::string n = std::to_string(rows);
  return "llama.kernel @k(%x: tensor<?x8xf32>, %w: tensor<" + n + "x8xf32>) -> tensor<?x" + n +
         "xf32> {\n %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<" + n + "x8xf32>) -> tensor<?x" + n +
         "xf32>\n llama.yield %0 : tensor<?x" + n + "xf32>\n}";
}

std::string gated(int64_t features) {
  std::string f = std::to_string(features), rows = std::to_string(2 * features);
  std::string weight = "tensor<" + rows + "x8xf32, #llama.row_parts<" + f + ", " + f + ">>";
  return "llama.kernel @k(%x: tensor<?x8xf32>, %w: " + weight + ") -> tensor<?x" + f +
         "xf32> {\n %0 = llama.linear %x, %w : (tensor<?x8xf32>, " + weight + ") -> tensor<?x" + rows +
         "xf32>\n %1 = llama.gate %0 activation silu : (tensor<?x" + rows + "xf32>) -> tensor<?x" + f +
         "xf32>\n llama.yield %1 : tensor<?x" + f + "xf32>\n}";
}

std::string qkv(int64_t heads, int64_t kvHeads, int64_t head, const std::string &layout) {
  auto text = [](int64_t value) { return std::to_string(value); };
  std::string q = text(heads * head), k = text(kvHeads * head), all = text((heads + 2 * kvHeads) * head);
  std::string weight = "tensor<" + all + "x8xf32, #llama.row_parts<" + q + ", " + k + ", " + k + ">>";
  std::string kv = "!llama.kv_layer<" + text(kvHeads) + " x " + text(head) + " x f32, page = 32>";
  std::string h = text(head), table = "tensor<?x" + h + "xf32>";
  std::string rotate = " layout " + layout + " {headDim = " + h + " : i64} : (tensor<?x";
  return "llama.kernel @k(%x: tensor<?x8xf32>, %w: " + weight + ", %t: " + table + ", %kv: " + kv +
         ", %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x" + q +
         "xf32> {\n %0 = llama.linear %x, %w : (tensor<?x8xf32>, " + weight + ") -> tensor<?x" + all +
         "xf32>\n %q, %k, %v = llama.split %0 : (tensor<?x" + all + "xf32>) -> (tensor<?x" + q + "xf32>, tensor<?x" +
         k + "xf32>, tensor<?x" + k + "xf32>)\n %qr = llama.rotate %q, %t" + rotate + q + "xf32>, " + table +
         ") -> tensor<?x" + q + "xf32>\n %kr = llama.rotate %k, %t" + rotate + k + "xf32>, " + table +
         ") -> tensor<?x" + k + "xf32>\n llama.kv_append %kv, %kr, %v, %p, %s : " + kv + ", tensor<?x" + k +
         "xf32>, tensor<?x" + k + "xf32>, tensor<?xi32>, tensor<?xi32>\n llama.yield %qr : tensor<?x" + q + "xf32>\n}";
}

constexpr SecondRun kBothWays[] = {SecondRun::Next, SecondRun::Halves};

} // namespace

TEST_F(LinearTilesTest, PlainRowsOfAnyNumber) {
  for (int64_t rows : {1, 2, 3, 7, 8, 9, 15, 16, 100, 300, 576})
    for (int64_t run : {1, 2, 3, 4, 8})
      for (SecondRun second : kBothWays)
        expectOnce(region(plain(rows)).tiles(run, second), {rows});
}

// Test: in halves the first runs follow each other without a gap, and so do the second runs.
TEST_F(LinearTilesTest, HalvesAreTwoStreams) {
  std::vector<Section> sections;
  for (const Section &section : region(plain(100)).tiles(8, SecondRun::Halves))
    sections.push_back(section);
  // 6 tiles of 8 and 8 rows, and one of 2 and 2.
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].tiles, 6);
  EXPECT_EQ(sections[0].tileRows, 8);
  EXPECT_EQ(sections[0].secondBase, 48);
  EXPECT_EQ(sections[1].firstBase, 96);
  EXPECT_EQ(sections[1].secondBase, 98);
}

TEST_F(LinearTilesTest, GateAndUpOfAnyWidth) {
  for (int64_t features : {1, 3, 4, 6, 100, 172})
    for (int64_t run : {1, 2, 4}) {
      auto sections = region(gated(features)).tiles(run, SecondRun::Next);
      expectOnce(sections, {features, features});
      for (const Section &section : sections) {
        EXPECT_TRUE(findStage<GateStage>(section.stages));
        EXPECT_EQ(section.firstBase, section.secondBase) << "gate and up of the same feature";
      }
    }
}

TEST_F(LinearTilesTest, HeadsOfEveryEvenSize) {
  for (const char *layout : {"half", "interleaved"})
    for (int64_t head : {2, 6, 10, 48, 64, 80, 128})
      for (int64_t run : {2, 4})
        for (SecondRun second : kBothWays) {
          auto sections = region(qkv(6, 2, head, layout)).tiles(run, second);
          expectOnce(sections, {6 * head, 2 * head, 2 * head});
          ASSERT_EQ(sections.size(), 3u);
          EXPECT_TRUE(findStage<StoreStage>(sections[0].stages));
          for (size_t part : {1, 2})
            EXPECT_EQ(findStage<AppendStage>(sections[part].stages)->isKeys, part == 1);
          EXPECT_FALSE(findStage<RotateStage>(sections[2].stages));
          EXPECT_EQ(sections[0].secondBase - sections[0].firstBase, std::string(layout) == "half" ? head / 2 : 1);
        }
}

TEST_F(LinearTilesTest, PlainRowsOfAWeightInParts) {
  for (int64_t first : {1, 5, 8, 100})
    for (int64_t run : {1, 2, 4}) {
      std::string text = plain(first + 9), parts = std::to_string(first) + ", 9";
      for (size_t at = 0; (at = text.find("x8xf32>", at)) != std::string::npos;)
        if (text.compare(at - 8, 8, "tensor<?") == 0)
          ++at;
        else
          text.insert(at + 6, ", #llama.row_parts<" + parts + ">"), at += 8;
      for (SecondRun second : kBothWays) {
        auto sections = region(text).tiles(run, second);
        expectOnce(sections, {first, 9});
        for (const Section &section : sections)
          EXPECT_EQ(section.firstOutput, section.firstPart * first + section.firstBase)
              << "the result's features are in order";
      }
    }
}

// Test: both runs of a tile of interleaved rows are whole groups of them, also where the runs are two halves of all
// rows.
TEST_F(LinearTilesTest, RunsAreWholeGroupsOfInterleavedRows) {
  for (int64_t groups = 2; groups <= 9; ++groups)
    for (int64_t run : {8, 16, 32}) {
      std::string text = plain(groups * 8);
      std::string rows = std::to_string(groups * 8), weight = ("tensor<" + llvm::Twine(rows) + "x8xf32>").str();
      std::string interleaved =
          ("tensor<" + llvm::Twine(rows) + "x32x!llama.block<q8_0>, #llama.row_parts<" + rows + " interleave = 8>>")
              .str();
      for (size_t at = 0; (at = text.find(weight, at)) != std::string::npos; at += interleaved.size())
        text.replace(at, weight.size(), interleaved);
      constexpr std::string_view input = "tensor<?x8xf32>";
      for (size_t at = 0; (at = text.find(input, at)) != std::string::npos; ++at)
        text.replace(at, input.size(), "tensor<?x32xf32>");
      LinearTiles tiles = region(text);
      for (SecondRun second : kBothWays) {
        llvm::SmallVector<Section> sections = tiles.tiles(run, second);
        expectOnce(sections, {groups * 8});
        for (const Section &section : sections) {
          EXPECT_EQ(section.run % 8, 0) << groups << " groups, runs of " << run;
          EXPECT_EQ(section.firstBase % 8, 0);
          EXPECT_EQ(section.secondBase % 8, 0);
          EXPECT_EQ(section.tileRows % 8, 0);
        }
      }
    }
}

// Test: neighbouring features of a packed result lie in one tile, whatever of a head the run does not divide.
TEST_F(LinearTilesTest, PairsOfFeaturesStayTogether) {
  for (const char *layout : {"half", "interleaved"})
    for (int64_t head : {4, 12, 20, 48})
      for (int64_t run : {2, 4, 8}) {
        std::string packed = std::regex_replace(qkv(6, 2, head, layout), std::regex("tensor<\\?x(\\d+)xf32>"),
                                                "tensor<?x$1xf32, #llama.token_lanes<lanes = 16, pack = 2>>");
        auto sections = region(packed).tiles(run, SecondRun::Next);
        expectOnce(sections, {6 * head, 2 * head, 2 * head});
        EXPECT_EQ(sections[0].run % 2, 0) << head << " " << run;
      }
}

TEST_F(LinearTilesTest, RefusesOtherRegions) {
  module = mlir::parseSourceString<mlir::ModuleOp>(
      "llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {\n %0 = llama.add %x, %x : (tensor<?x8xf32>, "
      "tensor<?x8xf32>) -> tensor<?x8xf32>\n llama.yield %0 : tensor<?x8xf32>\n}",
      &context);
  ASSERT_TRUE(module);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message = diagnostic.str(); });
  EXPECT_TRUE(mlir::failed(LinearTiles::match(*module->getOps<llama::KernelOp>().begin())));
  EXPECT_NE(message.find("no place for it"), std::string::npos) << message;
}

/// What a region that misses the family in one detail is refused with.
TEST_F(LinearTilesTest, RefusesOtherFlowsOfData) {
  auto replaced = [](std::string text, std::string_view from, std::string_view to) {
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  std::string whole = qkv(2, 1, 4, "half"), table = "%t: tensor<?x4xf32>,";
  const std::pair<std::string, const char *> cases[] = {
      {replaced(replaced(whole, table, table + " %u: tensor<?x4xf32>,"), "rotate %k, %t", "rotate %k, %u"),
       "by different tables"},
      {replaced(whole, "rotate %k, %t layout half", "rotate %k, %t layout interleaved"),
       "in different layouts, half and interleaved"},
      {replaced(replaced(whole, "1 x 4 x f32", "2 x 2 x f32"), "1 x 4 x f32", "2 x 2 x f32"),
       "in heads of 4 elements, with 2 in the cache"},
      {replaced(replaced(whole, "xf32> {", "xf32>, tensor<?x4xf32> {"), "yield %qr : tensor<?x8xf32>",
                "yield %qr, %kr : tensor<?x8xf32>, tensor<?x4xf32>"),
       "holds llama.yield"},
      {replaced(whole, "%kv, %kr, %v", "%kv, %k, %v"), "holds llama.kv_append"},
      {replaced(whole, "<8, 4, 4>", "<4, 8, 4>"), "combines parts of 8, 4, 4 rows"},
  };
  for (const auto &[text, expected] : cases) {
    std::string fixed = text;
    // The other mentions of the weight's type and of the kernel's results.
    if (size_t at = fixed.find("<4, 8, 4>"); at != std::string::npos)
      fixed = replaced(fixed, "<8, 4, 4>", "<4, 8, 4>");
    if (size_t at = fixed.find("-> tensor<?x8xf32>, tensor"); at != std::string::npos)
      fixed = replaced(fixed, "-> tensor<?x8xf32>, tensor<?x4xf32>", "-> (tensor<?x8xf32>, tensor<?x4xf32>)");
    std::string message;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message = diagnostic.str(); });
    module = mlir::parseSourceString<mlir::ModuleOp>(fixed, &context);
    ASSERT_TRUE(module) << fixed << message;
    EXPECT_TRUE(mlir::failed(LinearTiles::match(*module->getOps<llama::KernelOp>().begin()))) << fixed;
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}
