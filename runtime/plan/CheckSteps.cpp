//===- CheckSteps.cpp - Whether the steps of programs mean something ---------------------===//

#include "runtime/abi/DataType.h"
#include "runtime/abi/KernelAbi.h"
#include "runtime/abi/SampleRule.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/plan/PlanChecks.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/RoundUp.h"

#include <set>
#include <string_view>
#include <vector>

namespace quipu {
namespace {

constexpr uint64_t kMaxDevices = 1 << 16;

class StepChecks : PlanChecks {
public:
  using PlanChecks::PlanChecks;

  void run() {
    for (const plan::Program *program : *plan.programs()) {
      std::string field = concat("program ", program->name()->string_view());
      checkValues(program->inputs(), kStepInputs, field + ", input ");
      checkValues(program->outputs(), kStepOutputs, field + ", output ");
      checkProgram(*program, field);
    }
  }

private:
  using Values = flatbuffers::Vector<flatbuffers::Offset<plan::ProgramValue>>;

  /// Checks an input or output of a program: the runtime must know a value of this name, and it must have the same type
  /// and rows.
  void checkValues(const Values *values, std::span<const KnownValue> known, const std::string &prefix) {
    std::set<std::string_view> seen;
    for (size_t i = 0; values && i < values->size(); ++i) {
      const plan::ProgramValue &value = *values->Get(unsigned(i));
      checkName(value.name(), concat(prefix, i, ": name"));
      std::string field = prefix + value.name()->str();
      checkEnum(value.type(), plan::ValueType::MAX, field + ": type");
      checkEnum(value.rows(), plan::RowDim::MAX, field + ": rows");
      std::optional<size_t> number = findValue(known, value.name()->string_view());
      if (!number)
        wrong(field, ": this quipu does not know the name; it knows ", namesOf(known));
      if (!seen.insert(value.name()->string_view()).second)
        wrong(field, " appears twice");
      const KnownValue &expected = known[*number];
      uint64_t columns = columnsOf(expected.name);
      if (value.type() != expected.type || value.rows() != expected.rows || value.columns() != columns)
        wrong(field, " has ", value.columns(), " elements of ", plan::EnumNameValueType(value.type()),
              " for each row of ", plan::EnumNameRowDim(value.rows()), ", expected ", columns, " of ",
              plan::EnumNameValueType(expected.type), " for each of ", plan::EnumNameRowDim(expected.rows));
    }
  }

  uint64_t columnsOf(std::string_view name) {
    if (name == knownValue(StepOutput::Logits).name)
      return plan.config()->vocab_size();
    return name == knownValue(StepInput::RecentTokens).name ? kSampleWindow : 1;
  }

  static std::string namesOf(std::span<const KnownValue> known) {
    std::string names;
    for (const KnownValue &value : known)
      names += (names.empty() ? "" : ", ") + std::string(value.name);
    return names;
  }

  void checkProgram(const plan::Program &program, const std::string &field) {
    if (program.sequences()->size() == 0)
      wrong(field, " has no sequences");
    uint64_t pointers = 0;
    sampled = false;
    given.clear();
    for (size_t s = 0; s < program.sequences()->size(); ++s) {
      const plan::Sequence &sequence = *program.sequences()->Get(unsigned(s));
      std::string place = concat(field, ", sequence ", s);
      checkRange(sequence.repeat(), 1, 65536, place + ": repeat");
      for (size_t i = 0; i < sequence.steps()->size(); ++i)
        pointers += checkStep(program, sequence, *sequence.steps()->Get(unsigned(i)), concat(place, ", step ", i));
      if (pointers > kMaxCount)
        wrong(field, " has more than ", kMaxCount, " arguments");
    }
    // Programs are chosen by this output.
    for (size_t i = 0; program.outputs() && i < program.outputs()->size(); ++i)
      if (std::string_view name = program.outputs()->Get(unsigned(i))->name()->string_view();
          name == knownValue(StepOutput::LogProbs).name && !given.count(i))
        wrong(field, ", output ", name, ": no step gives it");
  }

  static size_t numArgs(const plan::Step &step) { return step.args() ? step.args()->size() : 0; }
  static const plan::Arg &arg(const plan::Step &step, size_t index) { return *step.args()->Get(unsigned(index)); }

  /// Returns an upper bound of the number of pointers that the step needs in all its iterations.
  uint64_t checkStep(const plan::Program &program, const plan::Sequence &sequence, const plan::Step &step,
                     const std::string &where) {
    if (numArgs(step))
      checkAligned(*step.args(), where + ": args");
    for (size_t a = 0; a < numArgs(step); ++a)
      checkArg(program, arg(step, a), sequence.repeat(), concat(where, ", argument ", a));
    uint64_t entries = 1;
    switch (step.action_type()) {
    case plan::StepAction::RunKernel: {
      uint32_t kernel = step.action_as_RunKernel()->kernel();
      if (kernel >= plan.kernels()->size())
        wrong(where, ": kernel is ", kernel, ", the plan has ", plan.kernels()->size());
      entries = plan.kernels()->Get(kernel)->entries()->size();
      checkTensorMaps(program, sequence, step, where);
      break;
    }
    case plan::StepAction::Copy:
      checkCopy(program, sequence, step, where);
      break;
    case plan::StepAction::Collective:
      checkCollective(step, where);
      break;
    case plan::StepAction::Sample:
      checkSample(program, sequence, step, where);
      break;
    case plan::StepAction::NONE:
    default:
      wrong(where, ": action is ", uint64_t(step.action_type()), ", the last known is ",
            uint64_t(plan::StepAction::MAX));
    }
    if (sampled && step.action_type() != plan::StepAction::Sample)
      wrong(where, ": comes behind a sample; only other samples may");
    return uint64_t(sequence.repeat()) * (3 * numArgs(step) + entries);
  }

  static uint64_t paddedRows(const plan::Program &program) { return roundUp(program.max_rows(), program.row_align()); }

  void checkTwoArguments(const plan::Step &step, const std::string &where) {
    if (numArgs(step) != 2)
      wrong(where, ": has ", numArgs(step), " arguments, expected from and to");
    plan::ArgKind to = arg(step, 1).kind();
    if (to != plan::ArgKind::arena && to != plan::ArgKind::output)
      wrong(where, ": writes to ", plan::EnumNameArgKind(to), ", expected arena or output");
  }

  void checkCopy(const plan::Program &program, const plan::Sequence &sequence, const plan::Step &step,
                 const std::string &where) {
    const plan::Copy &copy = *step.action_as_Copy();
    checkEnum(copy.rows(), plan::RowDim::MAX, where + ": rows of the copy");
    checkRange(copy.row_bytes(), 1, kMaxBytes, where + ": row_bytes");
    checkTwoArguments(step, where);
    uint64_t rows = copy.rows() == plan::RowDim::one ? 1 : paddedRows(program);
    for (uint64_t i = 0; i < sequence.repeat(); ++i)
      for (size_t a = 0; a < 2; ++a)
        if (copy.row_bytes() > bytesBehind(program, arg(step, a), i) / rows)
          wrong(where, ": copies ", rows, " rows of ", copy.row_bytes(), " bytes, which leave ",
                plan::EnumNameArgKind(arg(step, a).kind()), " ", arg(step, a).value());
  }

  void checkCollective(const plan::Step &step, const std::string &where) {
    const plan::Collective &collective = *step.action_as_Collective();
    checkEnum(collective.kind(), plan::CollectiveKind::MAX, where + ": kind of the collective");
    checkEnum(collective.rows(), plan::RowDim::MAX, where + ": rows of the collective");
    checkFloatType(collective.dtype(), where + ": dtype of the collective");
    checkRange(collective.columns(), 1, kMaxCount, where + ": columns of the collective");
    checkRange(collective.devices(), 2, kMaxDevices, where + ": devices of the collective");
    checkTwoArguments(step, where);
  }

  void checkSample(const plan::Program &program, const plan::Sequence &sequence, const plan::Step &step,
                   const std::string &where) {
    plan::SampleMode mode = step.action_as_Sample()->mode();
    checkEnum(mode, plan::SampleMode::MAX, where + ": mode of the sample");
    if (sequence.repeat() != 1)
      wrong(where, ": a sample is repeated ", sequence.repeat(), " times");
    sampled = true;
    bool isDrawn = mode == plan::SampleMode::drawn;
    size_t expected = isDrawn ? 5 : 2;
    if (numArgs(step) != expected)
      wrong(where, ": a ", plan::EnumNameSampleMode(mode), " sample has ", numArgs(step), " arguments, expected ",
            expected);
    checkIsOutput(program, arg(step, 0), StepOutput::Logits, where);
    checkIsOutput(program, arg(step, expected - 1), isDrawn ? StepOutput::DrawnTokens : StepOutput::GreedyTokens,
                  where);
    constexpr StepInput kInputs[] = {StepInput::SampleRules, StepInput::RecentTokens, StepInput::RandomNumbers};
    for (size_t a = 1; isDrawn && a < 4; ++a)
      if (arg(step, a).kind() != plan::ArgKind::input || stepInput(program, arg(step, a)) != kInputs[a - 1])
        wrong(where, ", argument ", a, ": is not the input ", knownValue(kInputs[a - 1]).name);
  }

  void checkIsOutput(const plan::Program &program, const plan::Arg &arg, StepOutput output, const std::string &where) {
    if (arg.kind() != plan::ArgKind::output || stepOutput(program, arg) != output)
      wrong(where, ": an argument of the sample is not the output ", knownValue(output).name);
  }

  /// The tensor maps of a step's kernel lie in the buffers behind their pointers.
  void checkTensorMaps(const plan::Program &program, const plan::Sequence &sequence, const plan::Step &step,
                       const std::string &where) {
    std::vector<const plan::Arg *> pointers;
    for (size_t a = 0; a < (step.args() ? step.args()->size() : 0); ++a) {
      const plan::Arg *arg = step.args()->Get(a);
      pointers.insert(pointers.end(), arg->kind() == plan::ArgKind::kv_layer ? 3 : 1, arg);
    }
    for (const plan::Entry *entry : *kernelOf(plan, step)->entries()) {
      if (!entry->tensor_maps())
        continue;
      for (const plan::TensorMap *map : *entry->tensor_maps()) {
        if (map->pointer() >= pointers.size())
          wrong(where, ": a tensor map of ", entry->symbol()->string_view(), " is for pointer ", map->pointer(),
                ", the step has ", pointers.size());
        const plan::Arg &arg = *pointers[map->pointer()];
        uint64_t bytes = map->rows() * map->columns() * dtypeSize(map->dtype());
        for (uint64_t i = 0; i < sequence.repeat(); ++i)
          if (bytes > bytesBehind(program, arg, i))
            wrong(where, ": a tensor map of ", entry->symbol()->string_view(), " has ", map->rows(), " rows of ",
                  map->columns(), " elements, which leaves ", plan::EnumNameArgKind(arg.kind()), " ", arg.value());
      }
    }
  }

  /// Bytes that a tensor map or a copy may cover of an argument in one iteration, for the greatest number of rows.
  uint64_t bytesBehind(const plan::Program &program, const plan::Arg &arg, uint64_t iteration) {
    uint64_t value = arg.value() + uint64_t(arg.stride()) * iteration;
    switch (arg.kind()) {
    case plan::ArgKind::arena:
      return program.arena_bytes() - value;
    case plan::ArgKind::weight:
      return weightBytes(*plan.weights()->Get(unsigned(value)));
    case plan::ArgKind::output: {
      const plan::ProgramValue &output = *program.outputs()->Get(unsigned(value));
      return paddedRows(program) * output.columns() * (output.type() == plan::ValueType::f32 ? sizeof(float) : 0);
    }
    case plan::ArgKind::kv_layer:
    case plan::ArgKind::input:
      break;
    }
    // No map over these: pages of the cache may lie anywhere, and the other inputs are integers.
    return 0;
  }

  void checkArg(const plan::Program &program, const plan::Arg &arg, uint64_t repeat, const std::string &where) {
    checkEnum(arg.kind(), plan::ArgKind::MAX, where + ": kind");
    uint64_t bound = 0;
    switch (arg.kind()) {
    case plan::ArgKind::arena:
      bound = program.arena_bytes();
      if (arg.value() % kArenaAlignment != 0 || arg.stride() % kArenaAlignment != 0)
        wrong(where, ": arena offset ", arg.value(), " (stride ", arg.stride(), ") is not a multiple of ",
              int(kArenaAlignment));
      break;
    case plan::ArgKind::weight:
      bound = plan.weights()->size();
      break;
    case plan::ArgKind::kv_layer:
      bound = plan.kv_cache()->layers();
      break;
    case plan::ArgKind::input:
      bound = program.inputs() ? program.inputs()->size() : 0;
      break;
    case plan::ArgKind::output:
      bound = program.outputs() ? program.outputs()->size() : 0;
      break;
    }
    // Values are linear in the number of the iteration, so it is enough to check the first and the last.
    __int128 first = arg.value();
    __int128 last = first + __int128(arg.stride()) * __int128(repeat - 1);
    for (__int128 value : {first, last})
      if (value < 0 || value >= __int128(bound))
        wrong(where, ": ", plan::EnumNameArgKind(arg.kind()), " ", arg.value(), " with stride ", arg.stride(), " over ",
              repeat, " iterations leaves the range 0 to ", bound);
    if (arg.kind() == plan::ArgKind::output)
      given.insert(arg.value());
  }

  /// Whether the program had a sample.
  bool sampled = false;
  /// Numbers of the program's outputs that are arguments of its steps.
  std::set<uint64_t> given;
};

} // namespace

void checkSteps(const plan::Plan &plan, const std::string &name) { StepChecks(plan, name).run(); }

} // namespace quipu
