//===- ValidationTest.cpp - Faults that quipu compile --validate finds -------------------===//
//
// Compiles a small model with a compiler in which a fault was planted, and expects that the pass or the kernel is
// named, with the op at fault.
//
//===-------------------------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"
#include "runtime/support/Error.h"
#include "test/UniqueFolder.h"
#include "test/tools/FaultyPasses.h"
#include "tools/quipu-compile/Compilation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::HasSubstr;

namespace {

class Validation : public testing::Test {
protected:
  Validation() {
    options.model = (folder.path / "config.json").string();
    std::ofstream(options.model) << kSmallConfig;
  }

  /// What the compiler says of a model whose phase `name` has the fault.
  template <typename Faulty> std::string problemOf(const std::string &name, const Fault &fault) {
    auto edit = [&](CompilePhases &phases) {
      for (std::vector<CompilePhase> *part : {&phases.common, &phases.ofTarget})
        for (CompilePhase &phase : *part)
          if (phase.name == name)
            phase.pass = std::make_unique<Faulty>(std::move(phase.pass), fault);
    };
    try {
      Compilation(options, edit).run();
    } catch (const Error &error) {
      return error.what();
    }
    return "nothing";
  }

  UniqueFolder folder;
  CompileOptions options;
};

class PassValidation : public Validation {
protected:
  PassValidation() { options.validate = Validate::Passes; }
};

TEST_F(PassValidation, NamesAPassThatSwapsWeights) {
  std::string problem = problemOf<FaultyPass>("llama-fuse-gate-up", [](mlir::ModuleOp module) {
    auto weight = module.lookupSymbol<llama::WeightOp>("layers.1.mlp.gate_up");
    mlir::ArrayAttr sources = weight.getSourcesAttr();
    weight.setSourcesAttr(mlir::ArrayAttr::get(module.getContext(), {sources[1], sources[0]}));
  });
  EXPECT_THAT(problem, HasSubstr("the pass llama-fuse-gate-up changes what the model computes: logits of program "
                                 "@forward differ by"));
  EXPECT_THAT(problem, HasSubstr("first difference: llama.gate of layers.1.mlp.gate: row"));
  EXPECT_THAT(problem, HasSubstr("does not have: llama.linear of layers.1.mlp.gate_up"));
}

TEST_F(PassValidation, NamesAPassThatChangesANorm) {
  std::string problem = problemOf<FaultyPass>("llama-form-kernels", [](mlir::ModuleOp module) {
    module.lookupSymbol<llama::KernelOp>("forward.gate_up").walk([](llama::RMSNormOp norm) {
      norm.setEps(llvm::APFloat(1e-3));
    });
  });
  EXPECT_THAT(problem, HasSubstr("the pass llama-form-kernels changes"));
  EXPECT_THAT(problem, HasSubstr("first difference: llama.rms_norm of layers.0.post_attention_layernorm: row"));
}

TEST_F(PassValidation, NamesAPassThatAppendsTheWrongValues) {
  std::string problem = problemOf<FaultyPass>("llama-fuse-qkv", [](mlir::ModuleOp module) {
    module.walk([](llama::KVAppendOp append) {
      mlir::Value keys = append.getKeys();
      append.getKeysMutable().assign(append.getValues());
      append.getValuesMutable().assign(keys);
    });
  });
  EXPECT_THAT(problem, HasSubstr("the pass llama-fuse-qkv changes"));
  EXPECT_THAT(problem, HasSubstr("first difference: llama.kv_append of layers.0.self_attn.kv_append: row"));
}

/// Only one of the programs is wrong, and only where a row sees more keys than the window has.
TEST_F(PassValidation, NamesTheProgram) {
  std::string problem = problemOf<FaultyPass>("llama-specialize", [](mlir::ModuleOp module) {
    module.lookupSymbol<llama::KernelOp>("prefill.attention").walk([](llama::AttentionOp attention) {
      attention.setWindow(8);
    });
  });
  EXPECT_THAT(problem, HasSubstr("the pass llama-specialize changes what the model computes: logits of program "
                                 "@prefill differ by"));
  EXPECT_THAT(problem, HasSubstr("first difference: llama.attention of layers.0.self_attn.attention"));
}

/// Puts results of the launches of a program elsewhere. The program computes the same, as its ops say; the code does
/// not.
std::function<void(mlir::ModuleOp)> withOffsets(const std::string &program,
                                                std::function<void(llama::LaunchOp, std::vector<int64_t> &)> edit) {
  return [=](mlir::ModuleOp module) {
    module.lookupSymbol(program)->walk([&](llama::LaunchOp launch) {
      std::vector<int64_t> offsets(*launch.getOffsets());
      edit(launch, offsets);
      launch.setOffsets(offsets);
    });
  };
}

TEST_F(PassValidation, NamesAMemoryPlanThatOverwritesAValue) {
  // The MLP's product is put over the residual stream, which is read behind it.
  std::string problem = problemOf<FaultyPass>(
      "llama-plan-memory", withOffsets("decode", [at = int64_t(0)](llama::LaunchOp launch, auto &offsets) mutable {
        if (launch.getKernel() == "decode.o_proj")
          at = offsets[0];
        if (launch.getKernel() == "decode.gate_up")
          offsets[0] = at;
      }));
  EXPECT_THAT(problem, HasSubstr("the memory plan of llama-plan-memory is wrong: in program @decode result 0 of "
                                 "llama.launch of layers.0.mlp.gate_up at "));
  EXPECT_THAT(problem, HasSubstr("overwrites result 0 of llama.launch of layers.0.self_attn.o_proj at "));
}

TEST_F(PassValidation, NamesAMemoryPlanThatForgetsAValue) {
  // The queries lie over the residual stream, which o_proj adds to later.
  std::string problem = problemOf<FaultyPass>(
      "llama-plan-memory", withOffsets("prefill", [at = int64_t(0)](llama::LaunchOp launch, auto &offsets) mutable {
        if (launch.getKernel() == "prefill.embed_tokens")
          at = offsets[0];
        if (launch.getKernel() == "prefill.attention")
          offsets[0] = at;
      }));
  EXPECT_THAT(problem, HasSubstr("in program @prefill llama.launch of layers.0.self_attn.o_proj reads result 0 of "
                                 "llama.launch of embed_tokens at "));
  EXPECT_THAT(problem, HasSubstr("which result 0 of llama.launch of layers.0.self_attn.attention at "));
  EXPECT_THAT(problem, HasSubstr(" has overwritten"));
}

TEST_F(PassValidation, NamesAnArenaThatIsTooSmall) {
  std::string problem = problemOf<FaultyPass>("llama-plan-memory", [](mlir::ModuleOp module) {
    auto arena = module.lookupSymbol("decode")->getAttrOfType<mlir::IntegerAttr>(llama::kArenaBytesAttrName);
    module.lookupSymbol("decode")->setAttr(llama::kArenaBytesAttrName,
                                           mlir::IntegerAttr::get(arena.getType(), arena.getInt() - 1));
  });
  EXPECT_THAT(problem, HasSubstr("in program @decode "));
  EXPECT_THAT(problem, HasSubstr(" lies outside of the arena of "));
}

class KernelValidation : public Validation {
protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
      GTEST_SKIP() << "the CPU has no AVX2, FMA and F16C";
    options.validate = Validate::Kernels;
    options.target = "cpu:x86-64-v3";
  }

  /// What the compiler says of a model where code is emitted for a kernel that the fault has changed. Shorter kernels
  /// of the same name are wrong in the same way.
  std::string problemOfEmitter(const std::string &kernel, const std::function<void(mlir::Operation *op)> &fault) {
    return problemOf<FaultyEmitter>("codegen", [&](mlir::ModuleOp module) {
      if (auto found = module.lookupSymbol<llama::KernelOp>(kernel))
        found.walk([&](mlir::Operation *op) { fault(op); });
    });
  }
};

TEST_F(KernelValidation, NamesAnEpilogue) {
  std::string problem = problemOfEmitter("decode.gate_up", [](mlir::Operation *op) {
    if (auto gate = mlir::dyn_cast<llama::GateOp>(op))
      gate.setActivation(llama::Activation::GeluTanh);
  });
  EXPECT_THAT(problem, HasSubstr("the code of kernel @decode.gate_up computes something else than the kernel says: "
                                 "row "));
  EXPECT_THAT(problem, HasSubstr("schedule: #llama.cpu_linear<rows = few"));
  EXPECT_THAT(problem, HasSubstr("wrong op: llama.gate of gate\n"));
}

/// The op has other code behind a product than alone.
TEST_F(KernelValidation, NamesAnEpilogueThatIsRightAlone) {
  std::string problem = problemOfEmitter("decode.gate_up", [](mlir::Operation *op) {
    auto gate = mlir::dyn_cast<llama::GateOp>(op);
    if (gate && !gate->getBlock()->getOps<llama::LinearOp>().empty())
      gate.setActivation(llama::Activation::Relu);
  });
  EXPECT_THAT(problem, HasSubstr("the code of kernel @decode.gate_up computes something else"));
  EXPECT_THAT(problem, HasSubstr("wrong op: llama.gate of gate\n"));
}

TEST_F(KernelValidation, NamesAPrologue) {
  std::string problem = problemOfEmitter("prefill.lm_head", [](mlir::Operation *op) {
    if (auto norm = mlir::dyn_cast<llama::RMSNormOp>(op))
      norm.setEps(llvm::APFloat(0.01));
  });
  EXPECT_THAT(problem, HasSubstr("the code of kernel @prefill.lm_head computes something else"));
  EXPECT_THAT(problem, HasSubstr("wrong op: llama.rms_norm of norm\n"));
}

TEST_F(KernelValidation, NamesTheCache) {
  std::string problem = problemOfEmitter("prefill.qkv", [](mlir::Operation *op) {
    if (auto rotate = mlir::dyn_cast<llama::RotateOp>(op))
      rotate.setLayout(llama::RotaryLayout::Interleaved);
  });
  EXPECT_THAT(problem, HasSubstr("the code of kernel @prefill.qkv computes something else"));
  EXPECT_THAT(problem, HasSubstr("wrong op: llama.rotate of q_rotary or llama.rotate of k_rotary\n"));
}

TEST_F(KernelValidation, NamesAKernelOfOneOp) {
  std::string problem = problemOfEmitter("decode.attention", [](mlir::Operation *op) {
    if (auto attention = mlir::dyn_cast<llama::AttentionOp>(op))
      attention.setScale(llvm::APFloat(0.5));
  });
  EXPECT_THAT(problem, HasSubstr("the code of kernel @decode.attention computes something else"));
  EXPECT_THAT(problem, HasSubstr("wrong op: llama.attention of attention\n"));
}

TEST_F(KernelValidation, SaysNothingWhereNoFaultWasPlanted) {
  EXPECT_EQ(problemOfEmitter("no.such.kernel", [](mlir::Operation *) {}), "nothing");
}

} // namespace
