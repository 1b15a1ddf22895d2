//===- BodySequenceTest.cpp - One kernel that holds several bodies -----------------===//
//
// Emits kernels of their own, and one kernel that holds the bodies of all of them (BodySequence.h), and compares the
// PTX of both. QUIPU_KEEP_SEQUENCES is a folder for the PTX of the second.
//
//===-------------------------------------------------------------------------------===//

#include "BodySequence.h"

#include "codegen/Passes.h"
#include "codegen/common/CodeModule.h"
#include "codegen/cuda/CudaEmitter.h"
#include "codegen/cuda/toolchain/Assembler.h"
#include "codegen/cuda/toolchain/Lowering.h"
#include "codegen/cuda/toolchain/MachineCode.h"
#include "runtime/abi/KernelAbi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

using namespace quipu;
using namespace quipu::codegen;
using namespace quipu::codegen::cuda;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

/// Two products, between them attention to parts of the keys, in which threads without work leave, and a sum. All have
/// blocks of 128 threads.
constexpr const char *kFewRows = R"(
llama.kernel @decode.q(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
llama.kernel @decode.attention(%q: tensor<?x64xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 1, warps = 4, keys = 64, splits = 32, dot = fma>, workspace = [tensor<?x2560xf32>]} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 8 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xbf16>
  llama.yield %0 : tensor<?x64xbf16>
}
llama.kernel @decode.o(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16>) -> tensor<?x96xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  llama.yield %0 : tensor<?x96xf32>
}
llama.kernel @decode.add(%x: tensor<?x96xf32>) -> tensor<?x96xf32> attributes {schedule = #llama.cuda_pointwise<threads = 128>} {
  %0 = llama.add %x, %x : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xf32>
  llama.yield %0 : tensor<?x96xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %v: tensor<64x64xbf16>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>, %w: tensor<96x64xbf16>) -> tensor<?x96xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @decode.q(%x, %v) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %1 = llama.launch @decode.attention(%0, %kv, %p, %s) : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xbf16>
  %2 = llama.launch @decode.o(%1, %w) : (tensor<?x64xbf16>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  %3 = llama.launch @decode.add(%2) : (tensor<?x96xf32>) -> tensor<?x96xf32>
  return %3 : tensor<?x96xf32>
}
)";

/// Two products whose weights come through rings, between them a sum that has as many threads.
constexpr const char *kRings = R"(
llama.kernel @decode.first(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 2, inFlightBeforeWait = 1, inFlight = 2, warps = 4, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
llama.kernel @decode.add(%x: tensor<?x64xf32>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_pointwise<threads = 160>} {
  %0 = llama.add %x, %x : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xbf16>
  llama.yield %0 : tensor<?x64xbf16>
}
llama.kernel @decode.second(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_ring<depth = 32, stages = 4, afterWait = 2, inFlightBeforeWait = 1, inFlight = 2, warps = 4, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  llama.yield %0 : tensor<?x128xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %v: tensor<64x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %0 = llama.launch @decode.first(%x, %v) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %1 = llama.launch @decode.add(%0) : (tensor<?x64xf32>) -> tensor<?x64xbf16>
  %2 = llama.launch @decode.second(%1, %w) : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  return %2 : tensor<?x128xf32>
}
)";

/// A product whose operands come as boxes, by tensor maps.
constexpr const char *kBoxes = R"(
llama.kernel @prefill.k(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  llama.yield %0 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @prefill.k(%x, %w) : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}
)";

size_t count(const std::string &ptx, llvm::StringRef text) { return llvm::StringRef(ptx).count(text); }

/// The letters of the instructions in `ptx`, in their order; neighbours that are equal count once.
std::string orderOf(const std::string &ptx, std::initializer_list<std::pair<char, llvm::StringRef>> instructions) {
  std::string order;
  for (llvm::StringRef line : llvm::split(ptx, '\n'))
    for (auto [letter, text] : instructions)
      if (line.contains(text) && (order.empty() || order.back() != letter))
        order += letter;
  return order;
}

class BodySequence : public testing::TestWithParam<const char *> {
protected:
  /// Parses a module and makes a part of code in which there is the sequence of its kernels.
  void build(const std::string &text, const std::string &arch) {
    target = CudaTarget::find(arch);
    ASSERT_TRUE(target);
    context.loadDialect<llama::LlamaDialect, mlir::func::FuncDialect>();
    prepareCudaTranslation(context);
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    // Kernels of their own. The pass also brings what emitting takes.
    alone = module->clone();
    mlir::PassManager passes(&context);
    passes.addPass(createLlamaEmitCuda({"cuda:" + arch, ""}));
    ASSERT_TRUE(mlir::succeeded(passes.run(*alone)));

    mlir::FailureOr<mlir::ModuleOp> code = createCodeModule(*module);
    ASSERT_TRUE(mlir::succeeded(code));
    mlir::ModuleOp part = mlir::ModuleOp::create(module->getLoc(), "sequence");
    code->push_back(part);
    CudaBuilder b(module->getLoc(), part.getBodyRegion(), *target);
    mlir::FailureOr<llvm::StringMap<KernelUse>> uses = findKernelUses(*module);
    ASSERT_TRUE(mlir::succeeded(uses));
    for (auto kernel : module->getOps<llama::KernelOp>()) {
      const KernelUse &use = uses->at(kernel.getSymName());
      auto emitter = mlir::cast<CudaEmitter>(kernel.getScheduleAttr());
      auto bodies = emitter.emitBodies(b, kernel, use, {kernel.getSymName().str(), use.rows});
      ASSERT_TRUE(mlir::succeeded(bodies));
      for (CudaBody &body : *bodies)
        parts.push_back({kernel, std::move(body)});
    }
    entry = emitBodySequence(b, "sequence", parts);
  }

  /// The services too are in the code of a whole module; they are not compared.
  std::string ptxOf(mlir::ModuleOp code) {
    if (auto services = code.lookupSymbol<mlir::ModuleOp>("services"))
      services->erase();
    mlir::PassManager passes(&context, mlir::ModuleOp::getOperationName());
    addCudaLowering(passes);
    EXPECT_TRUE(mlir::succeeded(passes.run(code)));
    auto joined = joinCudaParts(code);
    EXPECT_TRUE(mlir::succeeded(joined));
    llvm::LLVMContext llvmContext;
    auto translated = translateCudaToLLVM(**joined, *target, llvmContext);
    EXPECT_TRUE(bool(translated));
    llvm::Expected<std::string> ptx = emitPtx(**translated, *target);
    EXPECT_TRUE(bool(ptx));
    return *ptx;
  }

  /// Both codes as PTX, and assembles that of the sequence, if there is an assembler.
  void compile() {
    ASSERT_TRUE(mlir::succeeded(entry)) << complaint;
    ownPtx = ptxOf(codeOf(*alone));
    ptx = ptxOf(codeOf(*module));
    EXPECT_EQ(count(ptx, ".entry "), 1u);
    EXPECT_THAT(ptx, HasSubstr(".entry sequence("));
    // Each body is whole.
    for (const char *instruction : {"mma.sync", "ld.global.nc", "cp.async", "ex2.approx", "shfl.sync"})
      EXPECT_EQ(count(ptx, instruction), count(ownPtx, instruction)) << instruction;
    llvm::Expected<Assembly> assembly = assemblePtx(ptx, *target);
    ASSERT_TRUE(bool(assembly)) << llvm::toString(assembly.takeError());
    if (assembly->cubin)
      EXPECT_THAT(spillsOf(*assembly->cubin), IsEmpty());
  }

  /// For test/gpu/check_sequence.py, which runs the code where a GPU is.
  void keep(const std::string &name) {
    const char *folder = getenv("QUIPU_KEEP_SEQUENCES");
    if (!folder)
      return;
    std::string file = std::string(folder) + "/" + name + "." + target->arch;
    std::ofstream(file + ".ptx") << ptx;
    std::ofstream(file + ".json") << "{\"symbol\": \"" << entry->symbol << "\", \"threads\": " << entry->threads
                                  << ", \"shared_bytes\": " << entry->sharedBytes << ", \"fixed\": " << entry->fixed
                                  << "}\n";
  }

  int64_t mostShared() const {
    int64_t most = 0;
    for (const SequencePart &part : parts)
      most = std::max(most, part.body.entry.sharedBytes);
    return most;
  }

  mlir::MLIRContext context;
  std::string complaint;
  mlir::ScopedDiagnosticHandler listener{&context, [this](mlir::Diagnostic &diagnostic) {
                                           complaint += diagnostic.str();
                                           return mlir::success();
                                         }};
  std::string ptx, ownPtx;
  std::optional<CudaTarget> target;
  mlir::OwningOpRef<mlir::ModuleOp> module, alone;
  std::vector<SequencePart> parts;
  mlir::FailureOr<GeneratedEntry> entry = mlir::failure();
};

} // namespace

// Test: one kernel holds four bodies; each requests its weights, then waits for all blocks to be done with the body in
// front, then touches what that one wrote; nobody leaves; shared memory is shared.
TEST_P(BodySequence, FewRows) {
  build(kFewRows, GetParam());
  compile();
  keep("few-rows");
  bool startsEarly = target->has(CudaFeature::DependentLaunch);
  std::string order = orderOf(ptx, {{'w', "ld.global.nc.L1::no_allocate"},
                                    {'p', "griddepcontrol.wait"},
                                    {'a', "ld.acquire.gpu"},
                                    {'i', "cp.async.c"},
                                    {'m', "mma.sync"},
                                    {'b', "bar.sync"},
                                    {'c', "atom.inc.acq_rel.gpu"}});
  // The first product, attention (whose blocks count their parts too), the second product, the sum. The end of a body's
  // loop, where the threads of a block meet, lies in front of its beginning.
  EXPECT_EQ(order, std::string(startsEarly ? "bwpimbpbc" : "bwimbc") + "babcbabc" + "bwaimbabc" + "babc");
  EXPECT_EQ(count(ptx, "ld.acquire.gpu"), 2 * (parts.size() - 1));
  EXPECT_EQ(count(ptx, "griddepcontrol.launch_dependents"), startsEarly ? 1u : 0u);
  EXPECT_EQ(count(ownPtx, "@over exit;"), 1u);
  EXPECT_EQ(count(ptx, "@over exit;"), 0u);
  // Pointers of all kernels are used, and the numbers of tokens and of blocks in a table's row.
  for (int i = 0; i < 19; ++i)
    if (i != 16 + kDimOutputs)
      EXPECT_THAT(ptx, HasSubstr("[sequence_param_" + std::to_string(i) + "]"));
  EXPECT_EQ(entry->threads, 128);
  EXPECT_EQ(entry->fixed, target->multiprocessors());
  EXPECT_EQ(entry->sharedBytes, mostShared());
}

INSTANTIATE_TEST_SUITE_P(Targets, BodySequence, testing::Values("sm_80", "sm_90a"));

class BodySequenceOnHopper : public BodySequence {};

// Test: barriers in shared memory are taken out of use before another body has the place, and copies come behind what
// was written there.
TEST_P(BodySequenceOnHopper, Rings) {
  build(kRings, GetParam());
  compile();
  keep("rings");
  EXPECT_EQ(count(ownPtx, "mbarrier.init"), 16u);
  EXPECT_EQ(count(ownPtx, "mbarrier.inval"), 0u);
  EXPECT_EQ(count(ptx, "mbarrier.inval"), 16u);
  EXPECT_EQ(orderOf(ptx, {{'n', "mbarrier.init"}, {'v', "mbarrier.inval"}, {'c', "atom.inc.acq_rel.gpu"}}), "nvcnvc");
  EXPECT_EQ(count(ptx, "fence.proxy.async.shared::cta"), 2 * parts.size());
  EXPECT_EQ(count(ptx, "griddepcontrol.launch_dependents"), 1u);
  EXPECT_EQ(entry->sharedBytes, mostShared());
}

// Test: what a sequence cannot give to a body is refused.
TEST_P(BodySequenceOnHopper, Refusals) {
  std::string text = kFewRows;
  text.replace(text.find("threads = 128"), 13, "threads = 64");
  build(text, GetParam());
  EXPECT_TRUE(mlir::failed(entry));
  EXPECT_THAT(complaint, HasSubstr("has blocks of 64 threads in a sequence of bodies with 128"));
}
TEST_P(BodySequenceOnHopper, Boxes) {
  build(kBoxes, GetParam());
  EXPECT_TRUE(mlir::failed(entry));
  EXPECT_THAT(complaint, HasSubstr("needs tensor maps, clusters or a grid of its own"));
}

INSTANTIATE_TEST_SUITE_P(Targets, BodySequenceOnHopper, testing::Values("sm_90a"));
