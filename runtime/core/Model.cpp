//===- Model.cpp - A loaded plan with its weights on a device ----------------------------===//

#include "runtime/core/Model.h"
#include "runtime/core/Device.h"
#include "runtime/core/MemoryPlan.h"
#include "runtime/core/ToolRange.h"
#include "runtime/core/Weights.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu {

Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::string &planPath, const ModelOptions &options) {
  return load(PlanFile::open(planPath), options);
}

/// Check this before the device is created: the plan may not be for this kind of device, and then no driver is needed.
static void checkDevice(const plan::Target &target, const std::string &planName, const std::string &name) {
  std::string kind = name.substr(0, name.find(':')), planned = target.device()->str();
  if (kind != planned && (kind == "cpu" || kind == "cuda"))
    fail(planName, ": the plan is for device ", planned, ", not for ", kind == "cpu" ? "the cpu" : kind,
         "; run it with --device ", planned, ", or compile the model with --target ", kind);
}

/// Every device works alone today.
static void refuseCollectives(const plan::Program &program, const Device &device, const std::string &planName) {
  for (const plan::Sequence *sequence : *program.sequences())
    for (const plan::Step *step : *sequence->steps())
      if (const plan::Collective *collective = step->action_as_Collective())
        fail(planName, ": program ", program.name()->string_view(), " has a collective, ",
             plan::EnumNameCollectiveKind(collective->kind()), " over ", collective->devices(), " devices",
             step->location() ? " at " + step->location()->str() : "", ", and ", device.name(),
             " runs alone; compile the model for one device");
}

std::shared_ptr<const Model> Model::load(std::shared_ptr<const PlanFile> plan, const ModelOptions &options) {
  ToolRange range(RangeKind::Load, [&] { return "load " + plan->path(); });
  std::shared_ptr<Model> model(new Model());
  model->file = std::move(plan);
  const plan::Plan &root = model->plan();
  const std::string &path = model->file->path();
  std::string name = options.device.empty() ? root.target()->device()->str() : options.device;
  checkDevice(*root.target(), path, name);
  model->dev = Device::create(name, options.threads, options.pinThreads);
  model->sessionTokens = options.cacheTokens;
  model->loadCode(model->dev->choices(root, path, options.variant), options);
  model->entries.resize(root.kernels()->size());
  for (const plan::Program *program : model->chosenPrograms)
    for (const plan::Sequence *sequence : *program->sequences())
      for (const plan::Step *step : *sequence->steps())
        if (const plan::RunKernel *run = step->action_as_RunKernel())
          model->findEntries(run->kernel());
  if (const auto *eos = root.config()->eos_token_ids())
    model->eos.insert(eos->begin(), eos->end());
  ToolRange weights(RangeKind::Load, [] { return "weights"; });
  model->weightTable = std::make_unique<Weights>(*model->file, *model->dev, options);
  return model;
}

void Model::loadCode(const std::vector<PlanChoice> &choices, const ModelOptions &options) {
  // Report what is wrong with the best choice: this is what the user should mend.
  std::string refusal;
  for (const PlanChoice &choice : choices) {
    variant = choice.variant;
    chosenPrograms.clear();
    for (const plan::Program *program : *plan().programs())
      if (program->variant() == variant)
        chosenPrograms.push_back(program);
    // Check this before anything is loaded.
    for (const plan::Program *program : chosenPrograms)
      refuseCollectives(*program, *dev, file->path());
    checkMemory(*file, chosenPrograms, options, *dev);
    ToolRange range(RangeKind::Load, [] { return "code"; });
    try {
      modules.clear();
      for (const plan::CodeModule *module : choice.modules)
        modules.push_back(dev->loadModule(*module, file->path()));
      code = choice.modules.front();
      return;
    } catch (const Error &error) {
      if (refusal.empty())
        refusal = error.what();
    }
  }
  throw Error(refusal);
}

void Model::findEntries(size_t index) {
  std::vector<const void *> &points = entries[index];
  if (!points.empty())
    return;
  const plan::Kernel &kernel = *plan().kernels()->Get(unsigned(index));
  for (const plan::Entry *entry : *kernel.entries()) {
    const void *point = nullptr;
    for (size_t i = 0; !point && i < modules.size(); ++i)
      point = modules[i]->lookup(entry->symbol()->c_str());
    if (!point)
      fail(file->path(), ": kernel ", kernel.name()->string_view(), ": its entry ", entry->symbol()->string_view(),
           " is not in the plan's code; compile the model again");
    points.push_back(point);
  }
}

std::string Model::variantIsa() const {
  const auto *variants = plan().variants();
  return variants && variants->size() > variant ? variants->Get(variant)->isa()->str() : plan().target()->isa()->str();
}

std::string Model::codeText() const {
  return concat(code->format() == plan::CodeFormat::ptx ? "PTX" : plan::EnumNameCodeFormat(code->format()), " for ",
                code->isa() ? code->isa()->str() : variantIsa());
}

uint32_t Model::maxChunkRows() const {
  uint32_t rows = 0;
  for (const plan::Program *program : chosenPrograms)
    rows = std::max(rows, program->max_rows());
  return rows;
}

bool Model::isEos(int32_t token) const { return eos.contains(token); }

std::vector<int32_t> Model::eosTokens() const {
  const auto *ids = config().eos_token_ids();
  return ids ? std::vector<int32_t>(ids->begin(), ids->end()) : std::vector<int32_t>();
}

uint64_t Model::weightBytes() const { return weightTable->bytes(); }
uint64_t Model::ownedWeightBytes() const { return weightTable->ownedBytes(); }

} // namespace quipu
