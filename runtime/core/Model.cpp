//===- Model.cpp - A loaded plan with its weights on a device ----------------------------===//

#include "runtime/core/Model.h"
#include "runtime/core/Device.h"
#include "runtime/core/Error.h"
#include "runtime/core/Weights.h"

#include <algorithm>

namespace quipu {

Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::string &planPath, const ModelOptions &options) {
  return load(PlanFile::open(planPath), options);
}

std::shared_ptr<const Model> Model::load(std::shared_ptr<const PlanFile> plan, const ModelOptions &options) {
  std::shared_ptr<Model> model(new Model());
  model->file = std::move(plan);
  const plan::Plan &root = model->plan();
  const std::string &path = model->file->path();
  std::string name = options.device.empty() ? root.target()->device()->str() : options.device;
  model->dev = Device::create(name, options.threads, options.pinThreads);
  model->dev->checkTarget(*root.target(), path);
  for (const plan::CodeModule *module : *root.modules())
    model->modules.push_back(model->dev->loadModule(*module, path));
  for (const plan::Kernel *kernel : *root.kernels()) {
    std::vector<const void *> &points = model->entries.emplace_back();
    for (const plan::Entry *entry : *kernel->entries()) {
      const void *point = nullptr;
      for (size_t i = 0; !point && i < model->modules.size(); ++i)
        point = model->modules[i]->lookup(entry->symbol()->c_str());
      if (!point)
        fail(path, ": kernel ", kernel->name()->string_view(), ": its entry ", entry->symbol()->string_view(),
             " is not in the plan's code; compile the model again");
      points.push_back(point);
    }
  }
  model->weightTable = std::make_unique<Weights>(*model->file, *model->dev, options.weights, options.verifyWeights,
                                                 std::max(1u, model->dev->threads()));
  return model;
}

uint32_t Model::maxChunkRows() const {
  uint32_t rows = 0;
  for (const plan::Program *program : *plan().programs())
    rows = std::max(rows, program->max_rows());
  return rows;
}

bool Model::isEos(int32_t token) const {
  const auto *ids = config().eos_token_ids();
  return ids && std::find(ids->begin(), ids->end(), token) != ids->end();
}

std::vector<int32_t> Model::eosTokens() const {
  const auto *ids = config().eos_token_ids();
  return ids ? std::vector<int32_t>(ids->begin(), ids->end()) : std::vector<int32_t>();
}

uint64_t Model::weightBytes() const { return weightTable->bytes(); }
uint64_t Model::ownedWeightBytes() const { return weightTable->ownedBytes(); }

} // namespace quipu
