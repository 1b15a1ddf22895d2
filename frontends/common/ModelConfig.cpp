//===- ModelConfig.cpp - Names of a model config's enums ---------------------------------===//

#include "frontends/common/ModelConfig.h"

namespace quipu::frontend {

std::string_view name(DType type) {
  switch (type) {
  case DType::f32:
    return "f32";
  case DType::f16:
    return "f16";
  case DType::bf16:
    return "bf16";
  }
  return "";
}

std::optional<DType> dtypeNamed(std::string_view text) {
  for (DType type : {DType::f32, DType::f16, DType::bf16})
    if (name(type) == text)
      return type;
  return std::nullopt;
}

std::string_view name(RotaryLayout layout) {
  switch (layout) {
  case RotaryLayout::half:
    return "half";
  case RotaryLayout::interleaved:
    return "interleaved";
  }
  return "";
}

std::string_view name(RopeScaling scaling) {
  switch (scaling) {
  case RopeScaling::none:
    return "none";
  case RopeScaling::linear:
    return "linear";
  case RopeScaling::llama3:
    return "llama3";
  }
  return "";
}

std::string_view name(Activation activation) {
  switch (activation) {
  case Activation::silu:
    return "silu";
  case Activation::geluTanh:
    return "gelu_tanh";
  case Activation::relu:
    return "relu";
  }
  return "";
}

} // namespace quipu::frontend
