//===- Windows.h - Sliding windows of a Hugging Face config -----*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_WINDOWS_H
#define QUIPU_FRONTENDS_HF_WINDOWS_H

#include "frontends/common/Fields.h"
#include "frontends/hf/Architectures.h"

namespace quipu::frontend::hf {

/// Reads `sliding_window`, `use_sliding_window`, `max_window_layers` and `layer_types` as the class of the model does
/// (Architecture::windows). `config` must already have its number of layers and positions. Values that the class does
/// not have are refused with quipu::Error.
void readWindows(Fields &fields, const Architecture &architecture, ModelConfig &config);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_WINDOWS_H
