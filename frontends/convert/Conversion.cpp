//===- Conversion.cpp - What conversions to all formats share ----------------------------===//

#include "frontends/convert/Conversion.h"

#include "frontends/convert/RotaryRows.h"

#include <set>

namespace quipu::convert {

uint64_t OutputTensor::bytes() const {
  uint64_t values = 1;
  for (uint64_t extent : shape)
    values *= extent;
  return change.format->bytes(values);
}

void ConvertReport::add(const OutputTensor &tensor, const RoundingError &error) {
  ++tensors;
  bytes += tensor.bytes();
  if (tensor.change.format != tensor.source->format)
    changed.push_back({tensor.weight.tensor, tensor.source->format, tensor.change.format, tensor.shape, error});
}

std::vector<OutputTensor> outputTensors(const frontend::Model &model, frontend::RotaryLayout layout) {
  std::vector<OutputTensor> tensors;
  std::set<std::string> seen;
  for (const frontend::ExpectedWeight &weight : frontend::expectedWeights(model.config)) {
    // A fused tensor has several weights.
    if (!seen.insert(weight.tensor).second)
      continue;
    OutputTensor &tensor = tensors.emplace_back();
    tensor.source = model.weights->find(weight.tensor);
    tensor.weight = weight;
    tensor.shape = weight.tensorShape;
    tensor.change.format = tensor.source->format;
    tensor.change.sourceRow = rotaryRows(weight, model.config, layout);
  }
  return tensors;
}

const std::string &titleOf(const frontend::Model &model) {
  return model.title.empty() ? model.config.name : model.title;
}

} // namespace quipu::convert
