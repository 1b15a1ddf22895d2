//===- Executor.cpp - One launch of a program --------------------------------------------===//

#include "runtime/core/Executor.h"
#include "runtime/abi/CudaAbi.h"
#include "runtime/core/ToolRange.h"
#include "runtime/core/Weights.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/Error.h"
#include "runtime/support/RoundUp.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace quipu {

/// Memory of the host from which slots are copied.
static constexpr size_t kHostSlotBytes = 1 << 20;

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
      chosen.push_back(device.createEvent(EventUse::Order));
    uploaded = device.createEvent(EventUse::Order);
    feed.placeSize = uint32_t(roundUp(kFeedInputs + Inputs::size(roundUp(memory.maxRows, kLine)), kLine));
    feed.capacity = kRing;
    staged = device.allocate(kRing * feed.placeSize * sizeof(int32_t), MemoryUse::Staging);
    fed = device.allocate(sizeof(int32_t), MemoryUse::Sparse);
    feed.staged = static_cast<const int32_t *>(staged.data());
    feed.fed = static_cast<int32_t *>(fed.data());
    feed.table = static_cast<int32_t *>(cache.table());
  }
  if (device.drawsTokens()) {
    slots = allocateFor(device, "what tokens are drawn by", memory.slotBytes, MemoryUse::Sparse);
    uniforms = device.allocate(kRing * memory.maxOutputs * sizeof(double), MemoryUse::Staging);
    scores = device.allocate(kRing * memory.maxOutputs * sizeof(TokenScores), MemoryUse::Staging);
    hostSlots = device.allocate(kHostSlotBytes, MemoryUse::Staging);
    slotTickets.resize(model.maxSequences() + 1);
    bindSlots();
    TokenSampling greedy;
    greedy.rule = {};
    greedy.rule.repeatPenalty = 1;
    uploadSlot(greedy, model.maxSequences());
    device.synchronize();
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

/// Writes all parts but the number of choices. `lastPart`: targets or slots.
void Executor::writeInputs(const Inputs &to, const StepRows &rows, const std::vector<int32_t> &lastPart) {
  size_t part = 0;
  for (const auto *values : {&rows.tokens, &rows.positions, &rows.sequences, &rows.outputs, &lastPart})
    std::copy(values->begin(), values->end(), to.part(part++));
}

Executor::Launched Executor::launchOf(size_t index, const StepRows &rows) const {
  return {index,
          {int64_t(rows.size()), int64_t(rows.outputs.size()), int64_t(cache.tableStride()), int64_t(rows.lone)}};
}

Executor::Launched Executor::upload(size_t index, const StepRows &rows, const std::vector<int32_t> &lastPart) {
  const Inputs &target = programInputs[index];
  Inputs source = {static_cast<int32_t *>(hostInputs.data()), target.rows};
  writeInputs(source, rows, lastPart);
  *source.part(Inputs::kStep) = 0;
  device.enqueueUpload(target.values, source.values, Inputs::size(target.rows) * sizeof(int32_t));
  return launchOf(index, rows);
}

const float *Executor::run(size_t index, const StepRows &rows) {
  ToolRange range(RangeKind::Step, [&] { return stepText(*model.programs()[index], rows); });
  Launched launched = upload(index, rows, rows.targets);
  device.enqueue(programs[index], launched.dims.data(), nullptr);
  return logitsOnHost(rows.outputs.size());
}

std::span<const float> Executor::score(size_t index, const StepRows &rows) {
  ToolRange range(RangeKind::Step, [&] { return stepText(*model.programs()[index], rows); });
  Launched launched = upload(index, rows, rows.targets);
  device.enqueue(programs[index], launched.dims.data(), nullptr);
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
         std::ranges::all_of(
             sampling,
             [&](const TokenSampling *each) {
               return !each || (each->rule.window <= kSampleWindow && (!each->rule.scored || device.scoresTokens()) &&
                                std::min(each->mostEdits, model.vocabSize()) <= memory.editStride);
             });
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

void Executor::startChoosing(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling,
                             SlotState state) {
  requireSample(index, !sampling.empty());
  onHost = !deviceChooses(sampling);
  fillSlots(rows, onHost ? std::span<const TokenSampling *const>() : sampling, state);
  choosing = upload(index, rows, rowSlots);
  if (rangesWanted())
    choosingText = stepText(*model.programs()[index], rows);
  launches = 0;
  if (onHost) {
    kernelChooses = sampling.empty() && samples[index].inKernel && device.sharesHostMemory();
    hostRows = rows;
    hostChooser.start(sampling);
    return;
  }
  bindChoice(programInputs[index]);
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
  tokenChoice.feed = nullptr;
  tokenChoice.slots = samplings.empty() ? nullptr : inputs.part(Inputs::kSlots);
  bool areScored = std::ranges::any_of(samplings, [](const TokenSampling *each) { return each && each->rule.scored; });
  tokenChoice.scores = areScored ? static_cast<TokenScores *>(scores.data()) : nullptr;
}

/// Says where the device finds what it chooses by. Addresses never change, so recorded launches stay valid.
void Executor::bindSlots() {
  auto *begin = static_cast<char *>(slots.data());
  tokenChoice.rules = reinterpret_cast<SampleRule *>(begin);
  begin += slotTickets.size() * sizeof(SampleRule);
  tokenChoice.recent = reinterpret_cast<int32_t *>(begin);
  begin += slotTickets.size() * kSampleWindow * sizeof(int32_t);
  tokenChoice.edits = reinterpret_cast<TokenEdit *>(begin);
  tokenChoice.editStride = memory.editStride;
  tokenChoice.uniforms = static_cast<const double *>(uniforms.data());
}

/// Finds the slot of each wanted row, and copies what the device does not have there. Memory from which slots were
/// copied before is free.
void Executor::fillSlots(const StepRows &rows, std::span<const TokenSampling *const> sampling, SlotState state) {
  samplings.assign(sampling.begin(), sampling.end());
  rowSlots.clear();
  hostSlotsUsed = 0;
  for (size_t i = 0; i < samplings.size(); ++i) {
    const TokenSampling *each = samplings[i];
    if (!each || each->isPlainGreedy()) {
      rowSlots.push_back(int32_t(model.maxSequences()));
      continue;
    }
    int32_t slot = rowSlots.emplace_back(rows.sequences[size_t(rows.outputs[i])]);
    uint64_t &ticket = slotTickets[size_t(slot)];
    if (state == SlotState::Kept && each->ticket == ticket && ticket != 0)
      continue;
    uploadSlot(*each, size_t(slot));
    ticket = ++lastTicket;
    if (state == SlotState::Kept)
      each->ticket = ticket;
  }
}

void Executor::uploadSlot(const TokenSampling &sampling, size_t slot) {
  const std::vector<TokenEdit> &edited = sampling.edits();
  SampleRule rule = sampling.rule;
  rule.numEdits = uint32_t(edited.size());
  size_t ring = std::min<size_t>(rule.window, kSampleWindow) * sizeof(int32_t);
  size_t edits = edited.size() * sizeof(TokenEdit);
  if (hostSlotsUsed + sizeof(rule) + ring + edits > hostSlots.size()) {
    device.synchronize();
    hostSlotsUsed = 0;
  }
  auto copy = [&](void *target, const void *source, size_t size, size_t room) {
    char *host = static_cast<char *>(hostSlots.data()) + hostSlotsUsed;
    memcpy(host, source, size);
    // Places of a ring without a token.
    memset(host + size, 0xff, room - size);
    device.enqueueUpload(target, host, room);
    hostSlotsUsed += room;
  };
  copy(tokenChoice.rules + slot, &rule, sizeof(rule), sizeof(rule));
  if (ring > 0)
    copy(tokenChoice.recent + slot * kSampleWindow, sampling.recent.data(), sampling.recent.size() * sizeof(int32_t),
         ring);
  if (edits > 0)
    copy(tokenChoice.edits + slot * memory.editStride, edited.data(), edits, edits);
}

/// Copies the tokens that the host has chosen to the inputs.
void Executor::feedChosen() {
  for (size_t i = 0; i < hostChosen.size(); ++i) {
    size_t row = size_t(hostRows.outputs[i]);
    hostRows.tokens[row] = hostChosen[i];
    ++hostRows.positions[row];
  }
  (void)upload(choosing.program, hostRows, rowSlots);
}

void Executor::enqueueChoice() {
  ToolRange range(RangeKind::Step, [&]() -> const std::string & { return choosingText; });
  uint64_t launch = launches++;
  if (onHost) {
    if (launch > 0)
      feedChosen();
    device.enqueue(programs[choosing.program], choosing.dims.data(), nullptr);
    return;
  }
  drawNumbers(launch);
  device.enqueue(programs[choosing.program], choosing.dims.data(), &tokenChoice);
  device.record(*chosen[launch % kRing]);
}

/// Makes the random numbers of a launch. Launches that may still run have other places in the ring.
void Executor::drawNumbers(uint64_t launch) {
  if (samplings.empty())
    return;
  double *numbers = static_cast<double *>(uniforms.data()) + launch % kRing * memory.maxOutputs;
  for (const TokenSampling *sampling : samplings)
    *numbers++ = sampling && sampling->rule.scale != 0 ? sampling->uniform() : 0;
}

/// Where the host writes what the step brings.
int32_t *Executor::stepPlace(uint64_t step) const {
  return static_cast<int32_t *>(staged.data()) + step % kRing * feed.placeSize;
}

std::span<int32_t> Executor::nextTableChanges() { return {stepPlace(steps) + 1, size_t(2) * kMostTableChanges}; }

uint64_t Executor::enqueueStep(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling,
                               const KvCache::Update &update) {
  ToolRange range(RangeKind::Step, [&] { return stepText(*model.programs()[index], rows); });
  requireSample(index, !sampling.empty());
  fillSlots(rows, sampling, SlotState::Kept);
  uint64_t step = steps++;
  int32_t *place = stepPlace(step);
  *place = int32_t(update.pairs);
  const Inputs &target = programInputs[index];
  writeInputs({place + kFeedInputs, target.rows}, rows, rowSlots);
  bindChoice(target);
  feed.inputs = target.values;
  feed.stride = uint32_t(target.rows);
  tokenChoice.feed = &feed;
  drawNumbers(step);
  isUploading = update.hasCopies || hostSlotsUsed > 0;
  if (isUploading)
    device.record(*uploaded);
  Launched launched = launchOf(index, rows);
  device.enqueue(programs[index], launched.dims.data(), &tokenChoice);
  device.record(*chosen[step % kRing]);
  stepOutputs[step % kRing] = rows.outputs.size();
  return step;
}

void Executor::awaitStep() {
  if (isUploading)
    device.wait(*uploaded);
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
  Launched launched = upload(index, rows, rows.targets);
  ListTimes list = device.profile(programs[index], launched.dims.data(), setting);
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
