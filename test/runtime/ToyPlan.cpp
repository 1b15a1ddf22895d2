//===- ToyPlan.cpp - A whole plan without a compiler -------------------------------------===//

#include "test/runtime/ToyPlan.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/ProgramValues.h"
#include "runtime/abi/SampleRule.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/support/Hash.h"
#include "runtime/support/OutputFile.h"
#include "test/fuzz/KeepInput.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

namespace quipu::test {

std::vector<std::string> TempFolder::list() const {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<uint8_t> readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream.good()) << path;
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(stream), {});
}

void writeFile(const std::string &path, std::span<const uint8_t> bytes) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(reinterpret_cast<const char *>(bytes.data()), std::streamsize(bytes.size()));
  EXPECT_TRUE(stream.good()) << path;
}

ToyWeights toyWeights() {
  ToyWeights weights;
  // Small numbers that bf16 holds exactly.
  for (int64_t i = 0; i < kToyVocab * kToyHidden; ++i)
    weights.embedding.push_back(float((i * 37) % 61 - 30) / 16);
  for (int64_t i = 0; i < kToyLayers * kToyHidden; ++i)
    weights.layers.push_back(float((i * 29) % 23 - 11) / 64);
  for (int64_t i = 0; i < kToyHidden; ++i)
    // Large, so that the columns that report (ToyShape.h) are seldom the most likely tokens.
    weights.scale.push_back(float(8 + i));
  return weights;
}

static constexpr uint64_t kLayersOffset = kToyVocab * kToyHidden * 2;
static constexpr uint64_t kScaleOffset = kLayersOffset + kToyLayers * kToyHidden * 4;
static const std::string kHeader = R"({"__metadata__":{"format":"toy"}}     )";

std::unique_ptr<plan::WeightFileT> writeToyWeights(const std::string &path, const std::string &relativePath) {
  ToyWeights weights = toyWeights();
  std::vector<uint8_t> bytes(8);
  uint64_t length = kHeader.size();
  memcpy(bytes.data(), &length, 8);
  auto append = [&](const void *data, size_t size) {
    const uint8_t *begin = static_cast<const uint8_t *>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  };
  append(kHeader.data(), kHeader.size());
  for (float value : weights.embedding) {
    uint16_t half = bf16FromF32(value);
    append(&half, 2);
  }
  append(weights.layers.data(), weights.layers.size() * 4);
  append(weights.scale.data(), weights.scale.size() * 4);
  writeFile(path, bytes);

  auto file = std::make_unique<plan::WeightFileT>();
  file->path = path;
  file->relative_path = relativePath;
  file->size = bytes.size();
  struct stat status;
  EXPECT_EQ(stat(path.c_str(), &status), 0);
  file->mtime_ns = int64_t(status.st_mtim.tv_sec) * 1000000000 + status.st_mtim.tv_nsec;
  Hash128 header = hashBytes(bytes.data(), 8 + kHeader.size());
  Hash128 content = hashBytes(bytes.data(), bytes.size());
  file->header.emplace_back(0, 8 + kHeader.size());
  file->header_hash.assign(header.begin(), header.end());
  file->content_hash.assign(content.begin(), content.end());
  return file;
}

namespace {

std::unique_ptr<plan::SourceT> source(const std::string &name, bool inFile, uint64_t offset, plan::DType dtype,
                                      std::vector<uint64_t> shape) {
  auto result = std::make_unique<plan::SourceT>();
  result->name = name;
  result->file = inFile ? 0 : 0xffffffff;
  result->offset = inFile ? 8 + kHeader.size() + offset : 0;
  result->size = denseFormat(dtype).blockBytes;
  for (uint64_t dim : shape)
    result->size *= dim;
  result->format = dtypeName(dtype);
  result->shape = std::move(shape);
  return result;
}

std::unique_ptr<plan::WeightT> weight(const std::string &name, plan::WeightTransform transform, plan::WeightRole role,
                                      std::vector<uint64_t> shape,
                                      std::vector<std::unique_ptr<plan::SourceT>> sources) {
  auto result = std::make_unique<plan::WeightT>();
  result->name = name;
  result->sources = std::move(sources);
  result->format = "f32";
  result->shape = std::move(shape);
  result->transform = transform;
  result->role = role;
  return result;
}

void addWeights(plan::PlanT &plan, bool inFile) {
  using Sources = std::vector<std::unique_ptr<plan::SourceT>>;
  constexpr uint64_t D = kToyHidden;
  Sources embedding;
  embedding.push_back(source("embed.weight", inFile, 0, plan::DType::bf16, {uint64_t(kToyVocab), D}));
  plan.weights.push_back(weight("embed", plan::WeightTransform::convert, plan::WeightRole::embedding,
                                {uint64_t(kToyVocab), D}, std::move(embedding)));
  for (uint64_t layer = 0; layer < kToyLayers; ++layer) {
    Sources sources;
    std::string name = "layers." + std::to_string(layer) + ".w";
    sources.push_back(source(name, inFile, kLayersOffset + layer * D * 4, plan::DType::f32, {D}));
    plan.weights.push_back(weight(name, plan::WeightTransform::none, plan::WeightRole::bias, {D}, std::move(sources)));
  }
  Sources halves;
  halves.push_back(source("scale.low", inFile, kScaleOffset, plan::DType::f32, {D / 2}));
  halves.push_back(source("scale.high", inFile, kScaleOffset + D / 2 * 4, plan::DType::f32, {D / 2}));
  halves.back()->first_row = D / 2;
  plan.weights.push_back(
      weight("scale", plan::WeightTransform::concat, plan::WeightRole::norm, {D}, std::move(halves)));
}

std::unique_ptr<plan::EntryT> entry(const char *symbol, plan::RowDim rows, uint32_t rowsPerBlock) {
  auto result = std::make_unique<plan::EntryT>();
  result->symbol = symbol;
  result->grid = std::make_unique<plan::GridT>();
  result->grid->rows = rows;
  result->grid->rows_per_block = rowsPerBlock;
  return result;
}

std::unique_ptr<plan::ParamT> param(plan::ParamKind kind, uint64_t elements = 0) {
  auto result = std::make_unique<plan::ParamT>();
  result->kind = kind;
  if (kind == plan::ParamKind::weight)
    result->format = "f32";
  result->bytes = elements * 4;
  return result;
}

std::unique_ptr<plan::ParamT> param(StepInput input) {
  auto result = param(plan::ParamKind::input);
  result->dtype = plan::DType::i32;
  result->input = knownValue(input).name;
  return result;
}

void addKernels(plan::PlanT &plan) {
  constexpr uint64_t D = kToyHidden, table = kToyVocab * D;
  auto add = [&](const char *name) -> plan::KernelT & {
    plan.kernels.push_back(std::make_unique<plan::KernelT>());
    plan.kernels.back()->name = name;
    return *plan.kernels.back();
  };
  // What the comments of ToyKernels.cpp say of each.
  auto takes = [](plan::KernelT &kernel, auto... params) { (kernel.params.push_back(std::move(params)), ...); };
  plan::KernelT &embed = add("embed");
  embed.entries.push_back(entry("toy_embed", plan::RowDim::tokens, 2));
  takes(embed, param(StepInput::Tokens), param(plan::ParamKind::weight, table), param(plan::ParamKind::result, D));
  plan::KernelT &layer = add("layer");
  layer.entries.push_back(entry("toy_append", plan::RowDim::tokens, 1));
  layer.entries.push_back(entry("toy_mix", plan::RowDim::tokens, 1));
  layer.scratch_bytes = kToyHidden * 4;
  takes(layer, param(plan::ParamKind::activation, D), param(StepInput::Positions), param(StepInput::Sequences),
        param(plan::ParamKind::weight, D), param(plan::ParamKind::kv_layer));
  auto addLogits = [&](const char *name, const char *symbol) {
    plan::KernelT &kernel = add(name);
    kernel.entries.push_back(entry(symbol, plan::RowDim::outputs, 1));
    takes(kernel, param(plan::ParamKind::activation, D), param(StepInput::Positions), param(StepInput::OutputRows),
          param(plan::ParamKind::weight, table), param(plan::ParamKind::weight, D),
          param(plan::ParamKind::result, kToyVocab));
  };
  addLogits("logits_decode", "toy_logits_decode");
  addLogits("logits_prefill", "toy_logits_prefill");
}

plan::Arg arena(uint64_t offset) { return plan::Arg(offset, 0, plan::ArgKind::arena); }
plan::Arg weightArg(uint64_t index, int64_t stride = 0) { return plan::Arg(index, stride, plan::ArgKind::weight); }
// Programs have all inputs and outputs that there are, in the order of ProgramValues.h. The last ones, for
// probabilities, are those of addScorePrograms.
plan::Arg input(StepInput which) { return plan::Arg(uint64_t(which), 0, plan::ArgKind::input); }
plan::Arg output(StepOutput which) { return plan::Arg(uint64_t(which), 0, plan::ArgKind::output); }

std::vector<std::unique_ptr<plan::ProgramValueT>> values(std::span<const KnownValue> known) {
  std::vector<std::unique_ptr<plan::ProgramValueT>> result;
  for (const KnownValue &value : known) {
    auto &to = *result.emplace_back(std::make_unique<plan::ProgramValueT>());
    to.name = value.name;
    to.type = value.type;
    to.rows = value.rows;
    if (to.name == knownValue(StepOutput::Logits).name)
      to.columns = uint64_t(kToyVocab);
    if (to.name == knownValue(StepInput::RecentTokens).name)
      to.columns = kSampleWindow;
  }
  return result;
}

void addSamples(plan::ProgramT &program) {
  program.sequences.push_back(std::make_unique<plan::SequenceT>());
  for (plan::SampleMode mode : {plan::SampleMode::greedy, plan::SampleMode::drawn}) {
    plan::SampleT sample;
    sample.mode = mode;
    auto step = std::make_unique<plan::StepT>();
    step->action.Set(std::move(sample));
    step->args = {output(StepOutput::Logits)};
    if (mode == plan::SampleMode::drawn)
      for (StepInput needed : {StepInput::SampleRules, StepInput::RecentTokens, StepInput::RandomNumbers})
        step->args.push_back(input(needed));
    step->args.push_back(output(mode == plan::SampleMode::drawn ? StepOutput::DrawnTokens : StepOutput::GreedyTokens));
    program.sequences.back()->steps.push_back(std::move(step));
  }
}

std::unique_ptr<plan::SequenceT> sequence(uint32_t repeat, uint32_t kernel, std::vector<plan::Arg> args,
                                          const char *location) {
  auto result = std::make_unique<plan::SequenceT>();
  result->repeat = repeat;
  result->steps.push_back(std::make_unique<plan::StepT>());
  plan::RunKernelT run;
  run.kernel = kernel;
  result->steps.back()->action.Set(std::move(run));
  result->steps.back()->args = std::move(args);
  result->steps.back()->location = location;
  result->steps.back()->layer_stride = 1;
  return result;
}

void addProgram(plan::PlanT &plan, const char *name, plan::ProgramKind kind, uint32_t minRows, uint32_t maxRows,
                uint32_t rowAlign, uint32_t logitsKernel) {
  auto program = std::make_unique<plan::ProgramT>();
  program->name = name;
  program->kind = kind;
  program->min_rows = minRows;
  program->max_rows = maxRows;
  program->row_align = rowAlign;
  // x does not lie at the beginning, so that an offset forgotten would show.
  program->arena_bytes = 64 + maxRows * kToyHidden * 4;
  plan::Arg x = arena(64);
  program->sequences.push_back(sequence(1, 0, {input(StepInput::Tokens), weightArg(0), x}, "embed"));
  program->sequences.push_back(sequence(kToyLayers, 1,
                                        {x, input(StepInput::Positions), input(StepInput::Sequences), weightArg(1, 1),
                                         plan::Arg(0, 1, plan::ArgKind::kv_layer)},
                                        "layers.{}"));
  program->sequences.push_back(sequence(1, logitsKernel,
                                        {x, input(StepInput::Positions), input(StepInput::OutputRows), weightArg(0),
                                         weightArg(1 + kToyLayers), output(StepOutput::Logits)},
                                        "logits"));
  addSamples(*program);
  program->inputs = values(std::span(kStepInputs).first(size_t(StepInput::Targets)));
  program->outputs = values(std::span(kStepOutputs).first(size_t(StepOutput::LogProbs)));
  plan.programs.push_back(std::move(program));
}

plan::PlanT makePlan(bool inFile) {
  plan::PlanT plan;
  plan.schema_version = kSchemaVersion;
  plan.producer = "toy";
  plan.target = std::make_unique<plan::TargetT>();
  plan.target->device = "cpu";
  plan.target->isa = "x86_64";
  plan.target->features = {"sse2"};
  plan.config = std::make_unique<plan::ModelConfigT>();
  plan.config->hidden_size = kToyHidden;
  plan.config->num_layers = kToyLayers;
  plan.config->num_heads = kToyKvHeads;
  plan.config->num_kv_heads = kToyKvHeads;
  plan.config->head_dim = kToyHeadDim;
  plan.config->vocab_size = kToyVocab;
  plan.config->max_position_embeddings = 1000;
  plan.config->eos_token_ids = {2};
  plan.kv_cache = std::make_unique<plan::KvCacheT>();
  plan.kv_cache->layers = kToyLayers;
  plan.kv_cache->kv_heads = kToyKvHeads;
  plan.kv_cache->head_dim = kToyHeadDim;
  plan.kv_cache->page = kToyPage;
  plan.kv_cache->max_seq = kToyMaxSeq;
  plan.kv_cache->max_batch = kToyMaxBatch;
  addWeights(plan, inFile);
  addKernels(plan);
  plan.modules.push_back(std::make_unique<plan::CodeModuleT>());
  plan.modules.back()->isa = "x86_64";
  plan.modules.back()->bytes = readFile(QUIPU_TOY_KERNELS);
  addProgram(plan, "decode", plan::ProgramKind::decode, 1, 1, 1, 2);
  addProgram(plan, "prefill", plan::ProgramKind::prefill, 2, kToyMaxRows, kToyRowAlign, 3);
  return plan;
}

} // namespace

plan::PlanT toyPlan() { return makePlan(/*inFile=*/false); }

plan::PlanT toyPlan(const TempFolder &folder) {
  plan::PlanT plan = makePlan(/*inFile=*/true);
  plan.files.push_back(writeToyWeights(folder.path("weights.safetensors"), "weights.safetensors"));
  return plan;
}

void makePlain(plan::PlanT &plan, uint32_t maxBatch) {
  for (const auto &kernel : plan.kernels)
    for (const auto &entry : kernel->entries)
      if (entry->symbol.starts_with("toy_logits"))
        entry->symbol = "toy_logits_plain";
  plan.kv_cache->max_seq = 64;
  plan.kv_cache->max_batch = maxBatch;
  for (const auto &program : plan.programs) {
    if (program->kind != plan::ProgramKind::decode)
      continue;
    program->max_rows = maxBatch;
    program->arena_bytes = 64 + maxBatch * kToyHidden * 4;
  }
  for (const auto &kernel : plan.kernels)
    for (const auto &entry : kernel->entries)
      for (const auto &map : entry->tensor_maps)
        map->rows = maxBatch;
}

void makeCuda(plan::PlanT &plan) {
  plan.target->device = "cuda";
  plan.target->isa = "sm_90a";
  plan.target->features.clear();
  plan.programs[0]->max_rows = kToyMaxBatch;
  plan.programs[0]->arena_bytes = 64 + kToyMaxBatch * kToyHidden * 4;
  plan.programs[1]->min_rows = kToyMaxBatch + 1;
  plan.programs[1]->row_align = 1;
  plan.modules.clear();
  size_t kernels = plan.kernels.size();
  for (uint32_t variant = 0; variant < 2; ++variant) {
    const char *isa = variant == 0 ? "sm_90a" : "sm_80";
    plan.variants.push_back(std::make_unique<plan::VariantT>());
    plan.variants.back()->isa = isa;
    for (plan::CodeFormat format : {plan::CodeFormat::cubin, plan::CodeFormat::ptx}) {
      if (variant == 1 && format == plan::CodeFormat::cubin)
        continue;
      auto module = std::make_unique<plan::CodeModuleT>();
      module->format = format;
      module->isa = isa;
      module->variant = variant;
      module->ptx_version = format == plan::CodeFormat::ptx ? (variant == 0 ? 86 : 80) : 0;
      std::string code = std::string(plan::EnumNameCodeFormat(format)) + " " + QUIPU_TOY_KERNELS;
      module->bytes.assign(code.begin(), code.end());
      plan.modules.push_back(std::move(module));
    }
  }
  for (auto &kernel : plan.kernels)
    for (auto &entry : kernel->entries) {
      entry->threads = 64;
      entry->shared_bytes = 1024;
    }
  for (size_t i = 0; i < kernels; ++i) {
    plan.kernels.push_back(std::make_unique<plan::KernelT>(*plan.kernels[i]));
    plan.kernels.back()->name = "sm_80." + plan.kernels[i]->name;
  }
  for (size_t i = 0; i < 2; ++i) {
    auto program = std::make_unique<plan::ProgramT>(*plan.programs[i]);
    program->variant = 1;
    for (auto &sequence : program->sequences)
      for (auto &step : sequence->steps)
        if (plan::RunKernelT *run = step->action.AsRunKernel())
          run->kernel += uint32_t(kernels);
    plan.programs.push_back(std::move(program));
  }
  plan::EntryT &mix = *plan.kernels[1]->entries[1];
  mix.persistent = true;
  mix.shared_bytes = 100 * 1024;
  mix.tensor_maps.push_back(std::make_unique<plan::TensorMapT>());
  mix.tensor_maps[0]->rows = kToyMaxBatch;
  mix.tensor_maps[0]->columns = uint64_t(kToyHidden);
  mix.tensor_maps[0]->box_rows = 8;
  mix.tensor_maps[0]->box_columns = uint32_t(kToyHidden);
}

void chooseInKernel(plan::PlanT &plan) {
  plan::KernelT &kernel = *plan.kernels[2];
  kernel.entries[0]->symbol = "toy_choose";
  kernel.params.push_back(param(plan::ParamKind::result, 1));
  kernel.params.back()->dtype = plan::DType::i32;
  plan::ProgramT &decode = *plan.programs[0];
  decode.sequences[2]->steps[0]->args.push_back(output(StepOutput::GreedyTokens));
  auto &samples = decode.sequences.back()->steps;
  samples.erase(samples.begin());
}

void addScorePrograms(plan::PlanT &plan) {
  plan::KernelT &kernel = *plan.kernels.emplace_back(std::make_unique<plan::KernelT>());
  kernel.name = "score";
  kernel.entries.push_back(entry("toy_score", plan::RowDim::outputs, 1));
  kernel.entries.back()->threads = plan.kernels[0]->entries[0]->threads;
  kernel.params.push_back(param(plan::ParamKind::activation, kToyHidden));
  for (StepInput needed : {StepInput::Positions, StepInput::OutputRows, StepInput::Targets})
    kernel.params.push_back(param(needed));
  kernel.params.push_back(param(plan::ParamKind::result, 1));
  for (size_t i = 0, count = plan.programs.size(); i < count; ++i) {
    auto program = std::make_unique<plan::ProgramT>(*plan.programs[i]);
    program->name += "_score";
    program->inputs = values(kStepInputs);
    program->outputs = values(std::span(kStepOutputs).subspan(size_t(StepOutput::LogProbs)));
    program->sequences.pop_back();
    program->sequences.back() = sequence(1, uint32_t(plan.kernels.size() - 1),
                                         {arena(64), input(StepInput::Positions), input(StepInput::OutputRows),
                                          input(StepInput::Targets), plan::Arg(0, 0, plan::ArgKind::output)},
                                         "score");
    plan.programs.push_back(std::move(program));
  }
}

static std::vector<uint8_t> packed(const plan::PlanT &plan) {
  flatbuffers::FlatBufferBuilder builder;
  plan::FinishPlanBuffer(builder, plan::Plan::Pack(builder, &plan));
  return std::vector<uint8_t>(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

std::vector<uint8_t> packPlan(const plan::PlanT &plan) {
  // A seed of fuzzing is small: nothing runs its code.
  plan::PlanT seed = plan;
  for (auto &module : seed.modules)
    module->bytes.resize(std::min<size_t>(module->bytes.size(), 64));
  std::vector<uint8_t> bytes = packed(seed);
  keepInput("plan", {reinterpret_cast<const char *>(bytes.data()), bytes.size()});
  return packed(plan);
}

std::vector<uint8_t> planBytes(std::span<const uint8_t> payload) {
  PlanFileHeader header = makePlanFileHeader(payload);
  std::vector<uint8_t> bytes(sizeof(header) + payload.size());
  memcpy(bytes.data(), &header, sizeof(header));
  std::copy(payload.begin(), payload.end(), bytes.begin() + sizeof(header));
  return bytes;
}

std::string writeToyPlan(const TempFolder &folder, const plan::PlanT &plan, const std::string &name) {
  std::string path = folder.path(name);
  OutputFile file(path);
  writePlanFile(file, packPlan(plan));
  return path;
}

std::vector<float> toyReference(const ToyWeights &weights, const std::vector<int32_t> &tokens) {
  constexpr size_t D = kToyHidden;
  std::vector<float> x;
  for (int32_t token : tokens)
    x.insert(x.end(), weights.embedding.begin() + token * kToyHidden,
             weights.embedding.begin() + (token + 1) * kToyHidden);
  for (size_t layer = 0; layer < size_t(kToyLayers); ++layer) {
    std::vector<float> next = x;
    for (size_t t = 0; t < tokens.size(); ++t) {
      for (size_t d = 0; d < D; ++d) {
        float sum = 0;
        for (size_t s = 0; s <= t; ++s)
          sum += x[s * D + d] * weights.layers[layer * D + d] * float(s + 1) - x[s * D + d] * 0.5f;
        next[t * D + d] += sum / float(t + 1);
      }
    }
    x = next;
  }
  std::vector<float> logits(tokens.size() * size_t(kToyVocab));
  for (size_t t = 0; t < tokens.size(); ++t)
    for (size_t v = 0; v < size_t(kToyRowsColumn); ++v)
      for (size_t d = 0; d < D; ++d)
        logits[t * size_t(kToyVocab) + v] += x[t * D + d] * weights.scale[d] * weights.embedding[v * D + d];
  return logits;
}

std::string errorOf(const std::function<void()> &function) {
  try {
    function();
  } catch (const Error &error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

} // namespace quipu::test
