//===- CheckLaunches.cpp - Whether steps give their kernels what they expect --------------===//
//
// Machine code trusts its arguments. A kernel says what it takes (Kernel.params), a step says what it gives
// (Step.args): a compiler that mixes them up is found here and not by a crash.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/abi/DataType.h"
#include "runtime/plan/PlanChecks.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/RoundUp.h"

namespace quipu {
namespace {

class LaunchChecks : PlanChecks {
public:
  using PlanChecks::PlanChecks;

  void run() {
    for (const plan::Kernel *kernel : *plan.kernels())
      checkKernel(*kernel, concat("kernel ", kernel->name()->string_view()));
    for (const plan::Program *program : *plan.programs())
      for (size_t s = 0; s < program->sequences()->size(); ++s) {
        const plan::Sequence &sequence = *program->sequences()->Get(unsigned(s));
        for (size_t i = 0; i < sequence.steps()->size(); ++i)
          if (const plan::Step &step = *sequence.steps()->Get(unsigned(i)); kernelOf(plan, step))
            checkStep(*program, sequence, step,
                      concat("program ", program->name()->string_view(), ", sequence ", s, ", step ", i));
      }
  }

private:
  static size_t numParams(const plan::Kernel &kernel) { return kernel.params() ? kernel.params()->size() : 0; }

  void checkKernel(const plan::Kernel &kernel, const std::string &field) {
    for (size_t i = 0; i < numParams(kernel); ++i)
      checkParam(*kernel.params()->Get(unsigned(i)), concat(field, ", parameter ", i));
    checkRange(kernel.row_align(), 1, kMaxCount, field + ": row_align");
    // A block must begin with the first of the rows that belong together.
    for (const plan::Entry *entry : *kernel.entries())
      if (entry->grid()->rows() == plan::RowDim::tokens && entry->grid()->rows_per_block() % kernel.row_align() != 0)
        wrong(field, ": grid.rows_per_block is ", entry->grid()->rows_per_block(), ", no multiple of row_align ",
              kernel.row_align());
  }

  void checkParam(const plan::Param &param, const std::string &field) {
    checkEnum(param.kind(), plan::ParamKind::MAX, field + ": kind");
    checkEnum(param.dtype(), plan::DType::MAX, field + ": dtype");
    if (param.kind() == plan::ParamKind::weight) {
      if (!param.format())
        wrong(field, ": format is missing");
      checkFormat(*param.format(), field + ": format");
    }
    if (param.kind() == plan::ParamKind::input)
      checkName(param.input(), field + ": input");
    checkRange(param.bytes(), 0, kMaxBytes, field + ": bytes");
  }

  void checkStep(const plan::Program &program, const plan::Sequence &sequence, const plan::Step &step,
                 const std::string &where) {
    const plan::Kernel &kernel = *kernelOf(plan, step);
    size_t numArgs = step.args() ? step.args()->size() : 0;
    if (numArgs != numParams(kernel))
      wrong(where, ": gives kernel ", kernel.name()->string_view(), " ", numArgs, " arguments, it takes ",
            numParams(kernel));
    for (size_t a = 0; a < numArgs; ++a) {
      const plan::Arg &arg = *step.args()->Get(unsigned(a));
      const plan::Param &param = *kernel.params()->Get(unsigned(a));
      std::string place = concat(where, ", argument ", a, " of kernel ", kernel.name()->string_view());
      if (!takes(param.kind(), arg.kind()))
        wrong(place, " is ", plan::EnumNameArgKind(arg.kind()), ", it takes ", plan::EnumNameParamKind(param.kind()));
      // checkPrograms has checked that every iteration has a valid value.
      for (uint64_t i = 0; i < sequence.repeat(); ++i) {
        checkValue(program, param, arg.kind(), arg.value() + uint64_t(arg.stride()) * i, place);
        if (arg.stride() == 0)
          break;
      }
    }
    if (program.row_align() % kernel.row_align() != 0)
      wrong(where, ": kernel ", kernel.name()->string_view(), " takes ", kernel.row_align(),
            " rows at a time, the program pads them to a multiple of ", program.row_align());
  }

  static bool takes(plan::ParamKind param, plan::ArgKind arg) {
    switch (param) {
    case plan::ParamKind::weight:
      return arg == plan::ArgKind::weight;
    case plan::ParamKind::activation:
    case plan::ParamKind::workspace:
      return arg == plan::ArgKind::arena;
    case plan::ParamKind::result:
      return arg == plan::ArgKind::arena || arg == plan::ArgKind::output;
    case plan::ParamKind::kv_layer:
      return arg == plan::ArgKind::kv_layer;
    case plan::ParamKind::input:
      return arg == plan::ArgKind::input;
    }
    return false;
  }

  void checkValue(const plan::Program &program, const plan::Param &param, plan::ArgKind kind, uint64_t value,
                  const std::string &place) {
    switch (kind) {
    case plan::ArgKind::arena: {
      uint64_t rows = roundUp(program.max_rows(), program.row_align());
      if (param.bytes() > (program.arena_bytes() - value) / rows)
        wrong(place, ": ", rows, " rows of ", param.bytes(), " bytes at ", value, " leave the arena of ",
              program.arena_bytes());
      return;
    }
    case plan::ArgKind::weight: {
      const plan::Weight &weight = *plan.weights()->Get(unsigned(value));
      uint64_t bytes = weightBytes(weight);
      if (weight.format()->string_view() != param.format()->string_view() || bytes != param.bytes())
        wrong(place, ": weight ", weight.name()->string_view(), " is ", bytes, " bytes of ",
              weight.format()->string_view(), ", it takes ", param.bytes(), " of ", param.format()->string_view());
      if (weight.interleave() != param.interleave())
        wrong(place, ": weight ", weight.name()->string_view(), " has ", weight.interleave(),
              " rows interleaved, it takes ", param.interleave());
      return;
    }
    case plan::ArgKind::output: {
      const plan::ProgramValue &output = *program.outputs()->Get(unsigned(value));
      std::string_view name = output.name()->string_view();
      if (name == knownValue(StepOutput::GreedyTokens).name) {
        if (param.dtype() != plan::DType::i32 || param.bytes() != sizeof(int32_t))
          wrong(place, ": it gives ", param.bytes(), " bytes of ", dtypeName(param.dtype()), " a row where a token is ",
                sizeof(int32_t), " of i32");
        return;
      }
      if (name == knownValue(StepOutput::LogProbs).name) {
        if (param.dtype() != plan::DType::f32 || param.bytes() != sizeof(float))
          wrong(place, ": it gives ", param.bytes(), " bytes of ", dtypeName(param.dtype()),
                " a row where a log_prob is ", sizeof(float), " of f32");
        return;
      }
      if (name != knownValue(StepOutput::Logits).name)
        wrong(place, " is the output ", name, ", which no kernel gives");
      uint64_t bytes = output.columns() * sizeof(float);
      if (param.dtype() != plan::DType::f32 || param.bytes() != bytes)
        wrong(place, ": it gives ", param.bytes(), " bytes of ", dtypeName(param.dtype()),
              " a row where logits for config.vocab_size ", plan.config()->vocab_size(), " are ", bytes, " of f32");
      return;
    }
    case plan::ArgKind::input: {
      const plan::ProgramValue &input = *program.inputs()->Get(unsigned(value));
      if (input.name()->string_view() != param.input()->string_view())
        wrong(place, " is ", input.name()->string_view(), ", it takes ", param.input()->string_view());
      if (!isForKernels(stepInput(program, plan::Arg(value, 0, kind))))
        wrong(place, " is ", input.name()->string_view(), ", which kernels do not take");
      return;
    }
    case plan::ArgKind::kv_layer:
      // Nothing to check: the caches of all layers have the same shape.
      return;
    }
  }
};

} // namespace

void checkLaunches(const plan::Plan &plan, const std::string &name) { LaunchChecks(plan, name).run(); }

} // namespace quipu
