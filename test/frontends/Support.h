//===- Support.h - Helpers of the frontends' tests ----------------*- C++ -*-===//

#ifndef QUIPU_TEST_FRONTENDS_SUPPORT_H
#define QUIPU_TEST_FRONTENDS_SUPPORT_H

#include "frontends/common/Layout.h"
#include "frontends/common/Model.h"
#include "frontends/hf/TensorNames.h"
#include "runtime/support/Error.h"
#include "test/UniqueFolder.h"
#include "test/fuzz/KeepInput.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace quipu::test {

/// A folder that disappears with the object.
class TempFolder : public UniqueFolder {
public:
  std::string file(const std::string &name) const { return (path / name).string(); }
  std::string write(const std::string &name, const std::string &bytes) const {
    keepInput(name, bytes);
    std::ofstream(path / name, std::ios::binary) << bytes;
    return file(name);
  }
};

/// The message of the quipu::Error that `action` throws; empty when it throws none.
template <typename Action> std::string errorOf(Action action) {
  try {
    action();
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

/// Fails unless `message` has each of the words.
inline void expectWords(const std::string &message, const std::vector<std::string> &words) {
  EXPECT_NE(message, "") << "accepted, but should be refused";
  for (const std::string &word : words)
    EXPECT_NE(message.find(word), std::string::npos) << "no \"" << word << "\" in: " << message;
  // A message is for a terminal: one line, of a length that can be read.
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_LT(message.size(), 1000u) << message;
}

/// How many malformed files of each kind the tests hold at least; each is refused with a message that says what is
/// wrong.
inline constexpr size_t kMinBadGguf = 40, kMinBadCheckpoints = 15, kMinBadTokenizers = 20, kMinBadLlama2c = 10;

/// Whether something of that kind was said of the field.
inline bool hasNote(const frontend::ModelConfig &config, std::string_view field, frontend::Note::Kind kind) {
  for (const frontend::Note &note : config.notes)
    if (note.field == field && note.kind == kind)
      return true;
  return false;
}

/// A small valid config.
inline nlohmann::json smallConfig() {
  return nlohmann::json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8, "intermediate_size": 12,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 16,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
    "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32"})");
}

/// The bytes of a safetensors file: length, header, data.
inline std::string safetensorsFile(const std::string &header, const std::string &data) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i)
    bytes[i] = char(uint64_t(header.size()) >> (8 * i));
  return bytes + header + data;
}

struct Tensor {
  std::string name;
  std::string dtype;
  std::vector<uint64_t> shape;
  /// What its bytes are filled with.
  char fill = 'x';
};

inline uint64_t byteCount(const Tensor &tensor) {
  uint64_t count = tensor.dtype.find("64") != std::string::npos   ? 8
                   : tensor.dtype.find("32") != std::string::npos ? 4
                   : tensor.dtype.find("16") != std::string::npos ? 2
                                                                  : 1;
  for (uint64_t dim : tensor.shape)
    count *= dim;
  return count;
}

/// A well-formed file that holds the tensors one behind the other.
inline std::string safetensorsFile(const std::vector<Tensor> &tensors) {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for (const Tensor &tensor : tensors) {
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {data.size(), data.size() + byteCount(tensor)}}};
    data.append(byteCount(tensor), tensor.fill);
  }
  return safetensorsFile(header.dump(), data);
}

/// The tensors that a config implies, all of one dtype.
inline std::vector<Tensor> tensorsOf(const frontend::ModelConfig &config, const std::string &dtype = "F32") {
  std::vector<Tensor> tensors;
  // Weights in one tensor follow each other.
  for (const frontend::ExpectedWeight &weight : frontend::expectedWeights(config))
    if (std::string name = frontend::hf::nameInFiles(weight); tensors.empty() || tensors.back().name != name)
      tensors.push_back({name, dtype, weight.tensorShape});
  return tensors;
}

} // namespace quipu::test

#endif // QUIPU_TEST_FRONTENDS_SUPPORT_H
