//===- GgufFile.h - GGUF files made by hand -----------------------*- C++ -*-===//

#ifndef QUIPU_TEST_FRONTENDS_GGUFFILE_H
#define QUIPU_TEST_FRONTENDS_GGUFFILE_H

#include "frontends/common/Layout.h"
#include "frontends/gguf/Metadata.h"
#include "frontends/gguf/TensorNames.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace quipu::test {

/// The bytes of a little-endian number.
template <typename T> std::string bytesOf(T value) { return {reinterpret_cast<const char *>(&value), sizeof(value)}; }

/// A string as GGUF has it.
inline std::string lengthAndText(const std::string &text) { return bytesOf(uint64_t(text.size())) + text; }

/// A file, to be bent.
struct GgufFile {
  using Type = frontend::gguf::ValueType;
  struct Key {
    std::string name;
    uint32_t type;
    std::string value;
  };
  struct Tensor {
    std::string name;
    /// Outermost first.
    std::vector<uint64_t> shape;
    uint32_t type = 0;
    std::string data;
    /// In place of the one that follows from the tensors in front.
    std::optional<uint64_t> offset;
  };

  static Key key(const std::string &name, Type type, const std::string &value) { return {name, uint32_t(type), value}; }
  /// An array of `count` elements, whose bytes lie one behind the other.
  static Key array(const std::string &name, Type element, uint64_t count, const std::string &elements) {
    return key(name, Type::array, bytesOf(uint32_t(element)) + bytesOf(count) + elements);
  }

  /// Adds or replaces a key.
  void set(Key changed) {
    auto same = std::ranges::find(keys, changed.name, &Key::name);
    if (same == keys.end())
      keys.push_back(std::move(changed));
    else
      *same = std::move(changed);
  }
  void set(const std::string &name, uint32_t value) { set(key(name, Type::u32, bytesOf(value))); }
  void set(const std::string &name, float value) { set(key(name, Type::f32, bytesOf(value))); }
  void set(const std::string &name, bool value) { set(key(name, Type::boolean, bytesOf(uint8_t(value)))); }
  void set(const std::string &name, const char *value) { set(key(name, Type::string, lengthAndText(value))); }
  void set(const std::string &name, const std::vector<std::string> &texts) {
    std::string elements;
    for (const std::string &text : texts)
      elements += lengthAndText(text);
    set(array(name, Type::string, texts.size(), elements));
  }
  template <typename T> void setList(const std::string &name, Type type, const std::vector<T> &values) {
    std::string elements;
    for (T value : values)
      elements += bytesOf(value);
    set(array(name, type, values.size(), elements));
  }
  void remove(const std::string &name) {
    std::erase_if(keys, [&](const Key &key) { return key.name == name; });
    std::erase_if(tensors, [&](const Tensor &tensor) { return tensor.name == name; });
  }
  Tensor &tensor(const std::string &name) {
    auto found = std::ranges::find(tensors, name, &Tensor::name);
    if (found == tensors.end())
      throw std::logic_error("no tensor " + name);
    return *found;
  }

  std::string header() const {
    std::string bytes = "GGUF" + bytesOf(version) + bytesOf(tensorCount.value_or(tensors.size())) +
                        bytesOf(keyCount.value_or(keys.size()));
    for (const Key &key : keys)
      bytes += lengthAndText(key.name) + bytesOf(key.type) + key.value;
    uint64_t offset = 0;
    for (const Tensor &tensor : tensors) {
      bytes += lengthAndText(tensor.name) + bytesOf(uint32_t(tensor.shape.size()));
      for (size_t i = tensor.shape.size(); i-- > 0;)
        bytes += bytesOf(tensor.shape[i]);
      bytes += bytesOf(tensor.type) + bytesOf(tensor.offset.value_or(offset));
      offset = padded(offset + tensor.data.size());
    }
    return bytes;
  }
  std::string bytes() const {
    std::string result = header();
    result.resize(padded(result.size()));
    for (const Tensor &tensor : tensors) {
      result += tensor.data;
      result.resize(padded(result.size()));
    }
    if (edit)
      edit(result);
    return result;
  }

  uint32_t version = 3;
  std::optional<uint64_t> tensorCount, keyCount;
  uint64_t alignment = 32;
  std::vector<Key> keys;
  std::vector<Tensor> tensors;
  /// Changes the whole file at last.
  std::function<void(std::string &)> edit;

private:
  uint64_t padded(uint64_t size) const { return (size + alignment - 1) / alignment * alignment; }
};

/// A small model with weights in f32, all 1.
inline GgufFile smallGguf(const std::string &architecture = "llama") {
  GgufFile file;
  file.set("general.architecture", architecture.c_str());
  auto key = [&](const char *name) { return architecture + "." + name; };
  file.set(key("block_count"), 2u);
  file.set(key("context_length"), 64u);
  file.set(key("embedding_length"), 8u);
  file.set(key("feed_forward_length"), 12u);
  file.set(key("attention.head_count"), 4u);
  file.set(key("attention.head_count_kv"), 2u);
  file.set(key("attention.layer_norm_rms_epsilon"), 1e-5f);
  frontend::ModelConfig config;
  config.hiddenSize = 8;
  config.intermediateSize = 12;
  config.numLayers = 2;
  config.numHeads = 4;
  config.numKvHeads = 2;
  config.headDim = 2;
  config.vocabSize = 16;
  config.attentionBias = architecture == "qwen2";
  if (architecture == "phi3")
    config.fusedTensors = {{"self_attn.qkv_proj", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
                           {"mlp.gate_up_proj", {"mlp.gate_proj", "mlp.up_proj"}}};
  for (const frontend::ExpectedWeight &weight : frontend::expectedWeights(config)) {
    std::string name = frontend::gguf::nameInFiles(weight);
    if (!file.tensors.empty() && file.tensors.back().name == name)
      continue;
    uint64_t count = 1;
    for (uint64_t dim : weight.tensorShape)
      count *= dim;
    std::string data;
    for (uint64_t i = 0; i < count; ++i)
      data += bytesOf(1.0f);
    file.tensors.push_back({name, weight.tensorShape, 0, data, std::nullopt});
  }
  return file;
}

/// Gives the file a SentencePiece tokenizer of 265 pieces and tokens that are found before them, and an embedding of as
/// many rows.
inline void addTokenizer(GgufFile &file, const std::vector<std::string> &userDefined = {}) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  std::vector<float> scores = {0, 0, 0};
  for (int value = 0; value < 256; ++value) {
    char name[8];
    snprintf(name, sizeof(name), "<0x%02X>", value);
    tokens.push_back(name);
    types.push_back(6);
    scores.push_back(0);
  }
  for (const char *piece : {"\u2581a", "\u2581ab", "ab", "a", "b", "\u2581"}) {
    tokens.push_back(piece);
    types.push_back(1);
    scores.push_back(scores.back() - 1);
  }
  for (const std::string &token : userDefined) {
    tokens.push_back(token);
    types.push_back(4);
    scores.push_back(0);
  }
  file.set("tokenizer.ggml.model", "llama");
  file.set("tokenizer.ggml.tokens", tokens);
  file.setList("tokenizer.ggml.token_type", GgufFile::Type::i32, types);
  file.setList("tokenizer.ggml.scores", GgufFile::Type::f32, scores);
  file.set("tokenizer.ggml.bos_token_id", 1u);
  file.set("tokenizer.ggml.eos_token_id", 2u);
  for (const char *name : {"token_embd.weight", "output.weight"}) {
    GgufFile::Tensor &tensor = file.tensor(name);
    tensor.shape[0] = tokens.size();
    tensor.data.resize(tokens.size() * 8 * sizeof(float));
  }
}

} // namespace quipu::test

#endif // QUIPU_TEST_FRONTENDS_GGUFFILE_H
