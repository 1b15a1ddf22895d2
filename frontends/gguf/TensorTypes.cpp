//===- TensorTypes.cpp - The element types of GGUF files ---------------------------------===//

#include "frontends/gguf/TensorTypes.h"

#include "runtime/support/Error.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace quipu::frontend::gguf {

namespace {
struct TensorType {
  uint32_t number;
  std::string_view name;
  /// A name of the table of runtime/abi/WeightFormat.cpp; empty: not supported.
  std::string_view format = "";
};
} // namespace

/// Source: ggml, enum ggml_type. Numbers that are missing were never in a file.
static constexpr TensorType kTensorTypes[] = {{0, "F32", "f32"},    {1, "F16", "f16"},    {2, "Q4_0", "q4_0"},
                                              {3, "Q4_1", "q4_1"},  {4, "Q4_2"},          {5, "Q4_3"},
                                              {6, "Q5_0", "q5_0"},  {7, "Q5_1", "q5_1"},  {8, "Q8_0", "q8_0"},
                                              {9, "Q8_1"},          {10, "Q2_K", "q2_k"}, {11, "Q3_K", "q3_k"},
                                              {12, "Q4_K", "q4_k"}, {13, "Q5_K", "q5_k"}, {14, "Q6_K", "q6_k"},
                                              {15, "Q8_K", "q8_k"}, {16, "IQ2_XXS"},      {17, "IQ2_XS"},
                                              {18, "IQ3_XXS"},      {19, "IQ1_S"},        {20, "IQ4_NL", "iq4_nl"},
                                              {21, "IQ3_S"},        {22, "IQ2_S"},        {23, "IQ4_XS"},
                                              {24, "I8"},           {25, "I16"},          {26, "I32"},
                                              {27, "I64"},          {28, "F64"},          {29, "IQ1_M"},
                                              {30, "BF16", "bf16"}, {31, "Q4_0_4_4"},     {32, "Q4_0_4_8"},
                                              {33, "Q4_0_8_8"},     {34, "TQ1_0"},        {35, "TQ2_0"},
                                              {36, "IQ4_NL_4_4"},   {37, "IQ4_NL_4_8"},   {38, "IQ4_NL_8_8"},
                                              {39, "MXFP4"},        {40, "NVFP4"},        {41, "Q1_0"}};

static const TensorType *findTensorType(uint32_t number) {
  const TensorType *found = std::ranges::find(kTensorTypes, number, &TensorType::number);
  return found == std::end(kTensorTypes) ? nullptr : found;
}

const WeightFormat *weightFormatOf(uint32_t type) {
  const TensorType *found = findTensorType(type);
  return found ? findWeightFormat(found->format) : nullptr;
}

std::optional<uint32_t> tensorTypeOf(const WeightFormat &format) {
  const TensorType *found = std::ranges::find(kTensorTypes, format.name, &TensorType::format);
  return found == std::end(kTensorTypes) ? std::nullopt : std::optional(found->number);
}

std::string tensorTypeName(uint32_t type) {
  const TensorType *found = findTensorType(type);
  return found ? std::string(found->name) : concat("number ", type);
}

std::string supportedTensorTypes() {
  std::string names;
  for (const TensorType &type : kTensorTypes)
    if (findWeightFormat(type.format))
      names.append(names.empty() ? "" : ", ").append(type.name);
  return names;
}

} // namespace quipu::frontend::gguf
