//===- Safetensors.h - Tensors as safetensors files -------------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_CONVERT_SAFETENSORS_H
#define QUIPU_FRONTENDS_CONVERT_SAFETENSORS_H

#include "frontends/convert/Conversion.h"
#include "frontends/convert/OutputFolder.h"

#include <vector>

namespace quipu::convert {

/// Writes model.safetensors; of more than `shardBytes` bytes several files with an index. Tensors are dense.
void writeSafetensors(const frontend::WeightIndex &index, const std::vector<OutputTensor> &tensors, uint64_t shardBytes,
                      OutputFolder &folder, ConvertReport &report);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_SAFETENSORS_H
