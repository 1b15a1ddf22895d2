//===- Executor.cpp - One launch of a program --------------------------------------------===//

#include "runtime/core/Executor.h"
#include "runtime/core/ToolRange.h"
#include "runtime/core/Weights.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/Error.h"
#include "runtime/support/RoundUp.h"

#include <algorithm>
#include <unordered_set>

namespace quipu {

Executor::Executor(const Model &model, const KvCache &cache)
    : model(model), cache(cache), device(model.device()),
      memory(model.plan(), model.programs(), /*boundOutputs=*/!device.sharesHostMemory()) {
  size_t inputValues = 0;
  // Inputs of a program begin at a multiple of a cache line.
  constexpr size_t kLine = 64 / sizeof(int32_t);
  std::vector<size_t> begins;
  for (const plan::Program *program : model.programs()) {
    begins.push_back(inputValues);
    inputValues += roundUp(Inputs::size(roundUp(program->max_rows(), kLine)), kLine);
  }
  inputs = device.allocate(inputValues * sizeof(int32_t), MemoryUse::Sparse);
  hostInputs = device.allocate(Inputs::size(roundUp(memory.maxRows, kLine)) * sizeof(int32_t), MemoryUse::Staging);
  logits = allocateFor(device, "the logits", memory.logitsBytes, MemoryUse::Sparse);
  logProbs = device.allocate(memory.maxRows * sizeof(float), MemoryUse::Sparse);
  greedyTokens = device.allocate(memory.maxOutputs * sizeof(int32_t), MemoryUse::Sparse);
  arena = allocateFor(device, "the arena of activations", memory.arenaBytes, MemoryUse::Sparse);
  if (device.choosesTokens()) {
    keys = device.allocate(memory.maxOutputs * sizeof(uint64_t), MemoryUse::Sparse);
    history = device.allocate(kRing * memory.maxOutputs * sizeof(int32_t), MemoryUse::Staging);
    lastTokens = device.allocate(model.maxSequences() * sizeof(int32_t), MemoryUse::Sparse);
    for (uint64_t i = 0; i < kRing; ++i)
      chosen.push_back(device.createEvent());
    uploaded = device.createEvent();
  }
  programs.resize(model.programs().size());
  for (size_t i = 0; i < programs.size(); ++i) {
    const plan::Program &program = *model.programs()[i];
    programInputs.push_back({static_cast<int32_t *>(inputs.data()) + begins[i], roundUp(program.max_rows(), kLine)});
    samples.push_back(resolve(program, programInputs.back(), programs[i]));
    programs[i].repeats = program.kind() == plan::ProgramKind::decode;
    device.prepare(programs[i]);
  }
}

void *Executor::outputMemory(StepOutput output) const {
  switch (output) {
  case StepOutput::Logits:
    return logits.data();
  case StepOutput::GreedyTokens:
  case StepOutput::DrawnTokens:
    return greedyTokens.data();
  case StepOutput::LogProbs:
    return logProbs.data();
  }
  return nullptr;
}

void Executor::appendPointers(const plan::Program &program, const plan::Arg &arg, uint64_t iteration,
                              const Inputs &inputs, std::vector<void *> &pointers) const {
  uint64_t value = arg.value() + uint64_t(arg.stride()) * iteration;
  switch (arg.kind()) {
  case plan::ArgKind::arena:
    pointers.push_back(static_cast<char *>(arena.data()) + value);
    return;
  case plan::ArgKind::weight:
    pointers.push_back(model.weights().pointer(value));
    return;
  case plan::ArgKind::kv_layer:
    pointers.push_back(cache.keys(uint32_t(value)));
    pointers.push_back(cache.values(uint32_t(value)));
    pointers.push_back(cache.table());
    return;
  case plan::ArgKind::input:
    pointers.push_back(inputs.part(stepInput(program, arg)));
    return;
  case plan::ArgKind::output:
    pointers.push_back(outputMemory(stepOutput(program, arg)));
    return;
  }
}

/// "layers.7.attention" for the iteration 7 of "layers.{}.attention".
static std::string locationOf(const plan::Step &step, uint64_t iteration) {
  std::string text = step.location() ? step.location()->str() : "";
  size_t place = text.find("{}");
  if (place != std::string::npos)
    text.replace(place, 2, std::to_string(step.layer_base() + iteration * step.layer_stride()));
  return text;
}

/// "decode.b4: 4 rows of 3 sequences". Padding rows count as rows.
static std::string stepText(const plan::Program &program, const StepRows &rows) {
  std::unordered_set<int32_t> sequences;
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows.positions[i] >= 0)
      sequences.insert(rows.sequences[i]);
  return concat(program.name()->string_view(), ": ", rows.size(), rows.size() == 1 ? " row of " : " rows of ",
                sequences.size(), sequences.size() == 1 ? " sequence" : " sequences");
}

Executor::Samples Executor::resolve(const plan::Program &program, const Inputs &inputs, LaunchList &list) {
  Samples found;
  // The array moves while it grows, so launches get their pointers afterwards.
  std::vector<size_t> offsets;
  forEachStep(program, [&](const plan::Step &step, uint64_t iteration) {
    if (const plan::Sample *sample = step.action_as_Sample()) {
      (sample->mode() == plan::SampleMode::drawn ? found.drawn : found.greedy) = true;
      return;
    }
    size_t offset = list.pointers.size();
    for (size_t i = 0; step.args() && i < step.args()->size(); ++i) {
      const plan::Arg &arg = *step.args()->Get(unsigned(i));
      appendPointers(program, arg, iteration, inputs, list.pointers);
      if (arg.kind() == plan::ArgKind::output && stepOutput(program, arg) == StepOutput::GreedyTokens)
        found.greedy = found.inKernel = true;
    }
    uint32_t count = uint32_t(list.pointers.size() - offset);
    auto name = [&](const char *otherwise) {
      if (!rangesWanted())
        return;
      std::string place = locationOf(step, iteration);
      list.places.push_back(place.empty() ? otherwise : std::move(place));
    };
    if (const plan::Copy *copy = step.action_as_Copy()) {
      list.launches.push_back({nullptr, nullptr, count, copy->rows(), 1, 1, nullptr, copy->row_bytes()});
      offsets.push_back(offset);
      name("copy");
      return;
    }
    const plan::Kernel &kernel = *kernelOf(model.plan(), step);
    list.scratchBytes = std::max<size_t>(list.scratchBytes, kernel.scratch_bytes());
    const std::vector<const void *> &points = model.entryPoints(step.action_as_RunKernel()->kernel());
    for (size_t i = 0; i < points.size(); ++i) {
      const plan::Entry &entry = *kernel.entries()->Get(unsigned(i));
      const plan::Grid &grid = *entry.grid();
      list.launches.push_back({points[i], nullptr, count, grid.rows(), grid.rows_per_block(), grid.fixed(), &entry});
      offsets.push_back(offset);
      name(entry.symbol()->c_str());
    }
  });
  for (size_t i = 0; i < offsets.size(); ++i)
    list.launches[i].buffers = list.pointers.data() + offsets[i];
  return found;
}

Executor::Launched Executor::upload(size_t index, const StepRows &rows, int32_t step) {
  const Inputs &target = programInputs[index];
  Inputs source = {static_cast<int32_t *>(hostInputs.data()), target.rows};
  size_t part = 0;
  for (const auto *values : {&rows.tokens, &rows.positions, &rows.sequences, &rows.outputs, &rows.targets})
    std::copy(values->begin(), values->end(), source.part(part++));
  *source.part(part) = step;
  device.enqueueUpload(target.values, source.values, Inputs::size(target.rows) * sizeof(int32_t));
  return {index,
          {int64_t(rows.size()), int64_t(rows.outputs.size()), int64_t(cache.tableStride()), int64_t(rows.lone)}};
}

const float *Executor::run(size_t index, const StepRows &rows) {
  ToolRange range(RangeKind::Step, [&] { return stepText(*model.programs()[index], rows); });
  Launched launched = upload(index, rows);
  device.enqueue(programs[index], launched.dims, nullptr);
  return logitsOnHost(rows.outputs.size());
}

std::span<const float> Executor::score(size_t index, const StepRows &rows) {
  ToolRange range(RangeKind::Step, [&] { return stepText(*model.programs()[index], rows); });
  Launched launched = upload(index, rows);
  device.enqueue(programs[index], launched.dims, nullptr);
  return {numbersOnHost(logProbs, hostLogProbs, rows.outputs.size()), rows.outputs.size()};
}

const float *Executor::logitsOnHost(size_t wantedRows) {
  return numbersOnHost(logits, hostLogits, wantedRows * model.vocabSize());
}

/// The first `count` numbers, when everything enqueued has finished. `copy`: memory for them where the host cannot
/// reach `values`.
const float *Executor::numbersOnHost(const DeviceMemory &values, DeviceMemory &copy, size_t count) {
  void *host = device.hostPointer(values.data());
  if (!host) {
    size_t bytes = count * sizeof(float);
    if (copy.size() < bytes)
      copy = device.allocate(bytes, MemoryUse::Staging);
    host = copy.data();
    device.enqueueDownload(host, values.data(), bytes);
  }
  device.synchronize();
  return static_cast<const float *>(host);
}

bool Executor::deviceChooses(std::span<const TokenSampling *const> sampling) const {
  if (sampling.empty())
    return device.choosesTokens();
  return device.drawsTokens() && model.vocabSize() < kSampleVocab &&
         std::ranges::all_of(sampling, [](const TokenSampling *each) { return each->rule.window <= kSampleWindow; });
}

uint32_t Executor::mostEnqueued() const {
  // Two launches are enough to hide the host's part of a step. When generation stops, the additional launches are
  // wasted time.
  constexpr uint32_t kRunAhead = 4;
  static_assert(kRunAhead < kRing);
  return onHost ? 1 : kRunAhead;
}

void Executor::requireSample(size_t index, bool drawn) const {
  if (drawn ? !samples[index].drawn : !samples[index].greedy)
    fail(model.planName(), ": program ", model.programs()[index]->name()->string_view(), " gives logits and no ",
         knownValue(drawn ? StepOutput::DrawnTokens : StepOutput::GreedyTokens).name,
         "; take the logits (quipu logits), or compile the model again");
}

void Executor::startChoosing(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling) {
  requireSample(index, !sampling.empty());
  choosing = upload(index, rows);
  if (rangesWanted())
    choosingText = stepText(*model.programs()[index], rows);
  launches = 0;
  onHost = !deviceChooses(sampling);
  if (onHost) {
    kernelChooses = sampling.empty() && samples[index].inKernel && device.sharesHostMemory();
    hostRows = rows;
    hostChooser.start(sampling);
    return;
  }
  takeChoices(programInputs[index], sampling, /*hasWindows=*/true);
}

/// `hasWindows`: rules may have a window.
void Executor::takeChoices(const Inputs &inputs, std::span<const TokenSampling *const> sampling, bool hasWindows) {
  samplings.assign(sampling.begin(), sampling.end());
  bindChoice(inputs);
  if (!samplings.empty())
    uploadSampling(hasWindows);
}

/// Says where the device finds logits and where it writes tokens.
void Executor::bindChoice(const Inputs &inputs) {
  tokenChoice.logits = static_cast<const float *>(logits.data());
  tokenChoice.tokens = inputs.part(StepInput::Tokens);
  tokenChoice.positions = inputs.part(StepInput::Positions);
  tokenChoice.outputRows = inputs.part(StepInput::OutputRows);
  tokenChoice.step = inputs.part(Inputs::kStep);
  tokenChoice.vocab = model.vocabSize();
  tokenChoice.keys = static_cast<uint64_t *>(keys.data());
  tokenChoice.history = static_cast<int32_t *>(history.data());
  tokenChoice.capacity = kRing;
  tokenChoice.stride = memory.maxOutputs;
  tokenChoice.sequences = inputs.part(StepInput::Sequences);
  tokenChoice.lastTokens = static_cast<int32_t *>(lastTokens.data());
  tokenChoice.feeds = false;
  tokenChoice.rules = nullptr;
}

void Executor::uploadSampling(bool hasWindows) {
  constexpr size_t kRingBytes = kSampleWindow * sizeof(int32_t);
  if (rules.size() == 0) {
    size_t bytes = memory.maxOutputs * (sizeof(SampleRule) + kRingBytes);
    rules = device.allocate(bytes, MemoryUse::Sparse);
    hostRules = device.allocate(bytes, MemoryUse::Staging);
    uniforms = device.allocate(kRing * memory.maxOutputs * sizeof(double), MemoryUse::Staging);
  }
  // Rings begin behind room for the rules of the greatest number of rows. So their addresses never change, and recorded
  // launches stay valid.
  size_t rings = memory.maxOutputs * sizeof(SampleRule);
  auto *host = static_cast<char *>(hostRules.data());
  auto *target = static_cast<char *>(rules.data());
  auto *rule = reinterpret_cast<SampleRule *>(host);
  auto *recent = reinterpret_cast<int32_t *>(host + rings);
  for (const TokenSampling *sampling : samplings) {
    *rule++ = sampling->rule;
    if (!hasWindows)
      continue;
    std::fill_n(std::copy(sampling->recent.begin(), sampling->recent.end(), recent),
                kSampleWindow - sampling->recent.size(), -1);
    recent += kSampleWindow;
  }
  device.enqueueUpload(target, host, samplings.size() * sizeof(SampleRule));
  if (hasWindows)
    device.enqueueUpload(target + rings, host + rings, samplings.size() * kRingBytes);
  tokenChoice.rules = reinterpret_cast<const SampleRule *>(target);
  tokenChoice.recent = reinterpret_cast<int32_t *>(target + rings);
  tokenChoice.uniforms = static_cast<const double *>(uniforms.data());
}

/// Copies the tokens that the host has chosen to the inputs.
void Executor::feedChosen() {
  for (size_t i = 0; i < hostChosen.size(); ++i) {
    size_t row = size_t(hostRows.outputs[i]);
    hostRows.tokens[row] = hostChosen[i];
    ++hostRows.positions[row];
  }
  (void)upload(choosing.program, hostRows);
}

void Executor::enqueueChoice() {
  ToolRange range(RangeKind::Step, [&]() -> const std::string & { return choosingText; });
  uint64_t launch = launches++;
  if (onHost) {
    if (launch > 0)
      feedChosen();
    device.enqueue(programs[choosing.program], choosing.dims, nullptr);
    return;
  }
  drawNumbers(launch);
  device.enqueue(programs[choosing.program], choosing.dims, &tokenChoice);
  device.record(*chosen[launch % kRing]);
}

/// Makes the random numbers of a launch. Launches that may still run have other places in the ring.
void Executor::drawNumbers(uint64_t launch) {
  if (samplings.empty())
    return;
  double *numbers = static_cast<double *>(uniforms.data()) + launch % kRing * memory.maxOutputs;
  for (const TokenSampling *sampling : samplings)
    *numbers++ = sampling->uniform();
}

uint64_t Executor::enqueueStep(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling) {
  ToolRange range(RangeKind::Step, [&] { return stepText(*model.programs()[index], rows); });
  requireSample(index, !sampling.empty());
  uint64_t step = steps++, place = step % kRing;
  Launched launched = upload(index, rows, int32_t(place));
  takeChoices(programInputs[index], sampling, /*hasWindows=*/false);
  tokenChoice.feeds = true;
  drawNumbers(step);
  device.record(*uploaded);
  device.enqueue(programs[index], launched.dims, &tokenChoice);
  device.record(*chosen[place]);
  stepOutputs[place] = rows.outputs.size();
  return step;
}

std::span<const int32_t> Executor::stepChoice(uint64_t step) {
  uint64_t place = step % kRing;
  device.wait(*chosen[place]);
  return {static_cast<const int32_t *>(history.data()) + place * memory.maxOutputs, stepOutputs[place]};
}

std::span<const int32_t> Executor::choice(uint64_t launch) {
  size_t outputs = size_t(choosing.dims[kDimOutputs]);
  if (onHost) {
    if (kernelChooses) {
      device.synchronize();
      hostChosen = {static_cast<const int32_t *>(device.hostPointer(greedyTokens.data())), outputs};
    } else {
      hostChosen = hostChooser.choose(logitsOnHost(outputs), outputs, model.vocabSize());
    }
    return hostChosen;
  }
  device.wait(*chosen[launch % kRing]);
  return {static_cast<const int32_t *>(history.data()) + launch % kRing * memory.maxOutputs, outputs};
}

StepTimes Executor::profile(size_t index, const StepRows &rows, const ProfileSetting &setting) {
  ToolRange range(RangeKind::Step, [&] { return "profile " + stepText(*model.programs()[index], rows); });
  Launched launched = upload(index, rows);
  ListTimes list = device.profile(programs[index], launched.dims, setting);
  StepTimes times;
  times.program = model.programs()[index]->name()->str();
  times.tracks = list.tracks;
  times.onThreads = list.onThreads;
  times.whole = std::move(list.whole);
  times.observed = std::move(list.observed);
  times.apart = std::move(list.apart);
  times.hasCounts = !list.counts.empty();
  times.countersProblem = std::move(list.countersProblem);
  size_t next = 0;
  forEachStep(*model.programs()[index], [&](const plan::Step &step, uint64_t iteration) {
    std::string place = step.location() ? step.location()->str() : "";
    auto add = [&](const std::string &entry, std::optional<uint32_t> kernel) {
      size_t number = next++;
      std::vector<TrackSpan> &spans = list.launches[number];
      if (!spans.empty())
        times.launches.push_back({locationOf(step, iteration), place, entry, kernel, std::move(spans),
                                  times.hasCounts ? list.counts[number] : HardwareCounts()});
    };
    if (step.action_as_Copy())
      add("copy", std::nullopt);
    if (const plan::Kernel *kernel = kernelOf(model.plan(), step))
      for (const plan::Entry *entry : *kernel->entries())
        add(entry->symbol()->str(), step.action_as_RunKernel()->kernel());
  });
  return times;
}

} // namespace quipu
