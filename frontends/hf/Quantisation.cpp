//===- Quantisation.cpp - How a checkpoint was quantised ---------------------------------===//

#include "frontends/hf/Quantisation.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <functional>

using nlohmann::json;

namespace quipu::frontend::hf {

std::string describeQuantisationConfig(const json &value) {
  if (!value.is_object())
    return shown(value);
  auto get = [&](std::initializer_list<const char *> fields) -> const json * {
    for (const char *field : fields)
      if (auto it = value.find(field); it != value.end() && !it->is_null())
        return &*it;
    return nullptr;
  };
  auto text = [](const json &item) { return item.is_string() ? shownText(item.get<std::string>()) : shown(item); };
  auto isTrue = [&](const char *field) {
    const json *found = get({field});
    return found && *found == true;
  };
  std::string method;
  if (const json *found = get({"quant_method", "quant_algo", "format", "quantization_type", "method"}))
    method = text(*found);
  else if (value.contains("load_in_4bit") || value.contains("load_in_8bit"))
    method = "bitsandbytes";
  else if (value.contains("group_size") && value.contains("bits"))
    method = "mlx";
  else
    method = shown(value);
  if (const json *format = get({"format"}); format && get({"quant_method"}))
    method += ", format " + text(*format);
  if (const json *bits = get({"bits", "w_bit", "wbits", "nbits"}))
    method += concat(", ", text(*bits), " bits");
  else if (isTrue("load_in_4bit") || isTrue("_load_in_4bit"))
    method += ", 4 bits";
  else if (isTrue("load_in_8bit") || isTrue("_load_in_8bit"))
    method += ", 8 bits";
  return method;
}

namespace {

/// A tensor of any type whose name has this end.
struct Found {
  std::string name;
  std::string dtype;
  const std::vector<uint64_t> *shape = nullptr;
  explicit operator bool() const { return shape; }
};

/// A tensor by which a method of quantisation is known.
struct Sign {
  /// The end of a tensor's name.
  std::string_view tail;
  std::string_view method;
};

} // namespace

/// The order matters: names that only one method uses come before names that several methods use.
static constexpr Sign kSigns[] = {
    {".quant_state.bitsandbytes__nf4", "bitsandbytes, 4 bits (nf4)"},
    {".quant_state.bitsandbytes__fp4", "bitsandbytes, 4 bits (fp4)"},
    {".weight.absmax", "bitsandbytes, 4 bits"},
    {".SCB", "bitsandbytes, 8 bits"},
    {".weight_format", "bitsandbytes, 8 bits"},
    {".weight_packed", "compressed-tensors"},
    {".weight_scale_2", "modelopt (nvfp4)"},
    {".weight_scale_inv", "fp8, in blocks"},
    {".codebooks", "aqlm"},
    {".trellis", "exl3"},
    {".q_invperm", "exl2"},
    {".q_weight", "exl2"},
    {".Qidxs", "quip#"},
    {".W_q", "hqq"},
    {".weight._data", "quanto"},
    {".dense_weight", "spqr"},
    {".centroids.weight", "vptq"},
    {".down_proj_blocks", "mxfp4"},
    {".B", "marlin"},
    {".qzeros", "gptq or awq"},
    {".qweight", "gptq or awq"},
    {".weight_scale", "fp8 or int8 (compressed-tensors)"},
    {".input_scale", "fp8"},
    {".biases", "mlx"},
};

static Found findTail(const WeightIndex &index, std::string_view tail) {
  for (const auto &[name, tensor] : index.foreign)
    if (name.ends_with(tail))
      return {name, tensor.dtype, &tensor.shape};
  for (const auto &[name, entry] : index.tensors)
    if (name.ends_with(tail))
      return {name, std::string(entry.format->name), &entry.shape};
  return {};
}

/// GPTQ packs numbers along the inputs of a matrix ([inputs / 8, outputs]), AWQ along its outputs.
static std::string packedMethod(const WeightIndex &index, uint64_t inputs) {
  Found packed = findTail(index, "q_proj.qweight");
  if (findTail(index, ".g_idx"))
    return "gptq";
  if (!packed || packed.shape->size() != 2)
    return "gptq or awq";
  if ((*packed.shape)[0] == inputs)
    return "awq";
  uint64_t bits = (*packed.shape)[0] * 32 / std::max<uint64_t>(inputs, 1);
  return concat("gptq", bits >= 1 && bits <= 8 ? concat(", ", bits, " bits") : "");
}

std::string describeQuantisation(const WeightIndex &index, uint64_t inputs) {
  for (const Sign &sign : kSigns) {
    Found found = findTail(index, sign.tail);
    if (!found)
      continue;
    std::string method(sign.method);
    if (method == "gptq or awq")
      method = packedMethod(index, inputs);
    if (method == "fp8 or int8 (compressed-tensors)") {
      auto isFloat = [](const auto &item) { return item.second.dtype.starts_with("F8"); };
      method = std::ranges::any_of(index.foreign, isFloat) ? "fp8" : "int8 (compressed-tensors)";
    }
    return concat(method, " (tensor ", shownText(found.name), " of type ", found.dtype, ")");
  }
  // Matrices of small integers or float8 are quantised, even if no scale lies beside them.
  for (const auto &[name, tensor] : index.foreign) {
    bool isInteger = tensor.dtype == "I8" || tensor.dtype == "U8";
    bool isFloat8 = tensor.dtype.starts_with("F8_");
    if (name.ends_with(".weight") &&
        (isInteger || isFloat8 || tensor.dtype.starts_with("F4") || tensor.dtype.starts_with("F6_")))
      return concat(isInteger  ? "int8"
                    : isFloat8 ? "fp8"
                               : "small floats",
                    " (tensor ", shownText(name), " of type ", tensor.dtype, ")");
  }
  return "";
}

} // namespace quipu::frontend::hf
