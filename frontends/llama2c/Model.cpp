//===- Model.cpp - Opens a model of llama2.c ---------------------------------------------===//
//
// Source: export.py and run.c of llama2.c.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/llama2c/Model.h"

#include "frontends/common/EndsOfText.h"
#include "frontends/common/InputFile.h"
#include "frontends/common/PlanTypes.h"
#include "frontends/hf/Folder.h"
#include "frontends/hf/TokenizerFiles.h"
#include "frontends/llama2c/TokenizerBin.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"

#include <array>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::frontend::llama2c {

/// 0x616b3432.
static constexpr std::string_view kMagic = "24ka";
static constexpr uint64_t kOldHeaderBytes = 28, kHeaderBytes = 256;
/// What run.c has for these.
static constexpr double kEps = 1e-5, kTheta = 10000.0;
static constexpr const char *kModelAdvice = "give a model of llama2.c (export.py), or another supported format";

bool isModel(const std::string &path, std::string_view head) {
  if (head.starts_with(kMagic))
    return true;
  return fs::path(path).extension() == ".bin" &&
         !(head.size() >= 4 && (head.starts_with("PK\x03\x04") || head.starts_with("GGUF")));
}

namespace {

struct Header {
  int32_t version = 0;
  uint64_t bytes = kOldHeaderBytes;
  bool tied = true;
  /// Neighbours that share a scale; 0: weights are f32.
  int32_t group = 0;
  /// dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len.
  std::array<int32_t, 7> numbers{};
};

} // namespace

static constexpr const char *kNames[] = {"dim",        "hidden_dim", "n_layers", "n_heads",
                                         "n_kv_heads", "vocab_size", "seq_len"};
static constexpr uint32_t kMost[] = {kMaxHidden, kMaxIntermediate, kMaxLayers,   kMaxHeads,
                                     kMaxHeads,  kMaxVocab,        kMaxPositions};

static Header readHeader(const InputFile &file) {
  Header header;
  std::string head = file.head();
  auto need = [&](uint64_t bytes) {
    if (std::string kind = describePlaceholder(head); file.size() < bytes && !kind.empty())
      fail(file.path(), ": the model ", kind);
    if (file.size() < bytes)
      fail(file.path(), ": the file is ", file.size(), " bytes long, too short for the header of a llama2.c model (",
           bytes, " bytes); it is truncated or of another format: ", kModelAdvice);
    return file.read(0, bytes);
  };
  bool isOld = !head.starts_with(kMagic);
  std::string bytes = need(isOld ? kOldHeaderBytes : kHeaderBytes);
  if (isOld) {
    memcpy(header.numbers.data(), bytes.data(), sizeof(header.numbers));
    header.tied = header.numbers[5] > 0;
    header.numbers[5] = header.tied ? header.numbers[5] : int32_t(-uint32_t(header.numbers[5]));
    return header;
  }
  header.bytes = kHeaderBytes;
  memcpy(&header.version, bytes.data() + 4, sizeof(header.version));
  if (header.version != 1 && header.version != 2)
    fail(file.path(), ": is a llama2.c model of version ", header.version,
         ", but only 0, 1 and 2 are supported; export it again with --version 1");
  memcpy(header.numbers.data(), bytes.data() + 8, sizeof(header.numbers));
  auto tied = uint8_t(bytes[8 + sizeof(header.numbers)]);
  if (tied > 1)
    fail(file.path(), ": its shared_classifier is ", int(tied),
         " but must be 0 or 1; the file is damaged, get it again");
  header.tied = tied == 1;
  if (header.version == 2)
    memcpy(&header.group, bytes.data() + 9 + sizeof(header.numbers), sizeof(header.group));
  return header;
}

static void checkNumbers(const Header &header, const InputFile &file) {
  for (size_t i = 0; i < header.numbers.size(); ++i) {
    if (header.numbers[i] >= 1 && uint32_t(header.numbers[i]) <= kMost[i])
      continue;
    // Version 0 begins with these numbers, so any file is one until they are wrong.
    if (std::string kind = describeFileKind(file.head(), kModelAdvice); !kind.empty() && header.version == 0)
      fail(file.path(), ": the model ", kind);
    fail(file.path(), ": its ", kNames[i], " is ", header.numbers[i], " but must be from 1 to ", kMost[i],
         "; the file is damaged or no llama2.c model: ", kModelAdvice);
  }
}

/// Rows are whole groups, and groups whole blocks.
static void checkGroup(const Header &header, const ModelConfig &config, const std::string &path) {
  if (header.version != 2)
    return;
  const WeightFormat &format = *findWeightFormat(kFormatOfGroups);
  if (header.group < 1 || !format.fits(uint64_t(header.group)))
    fail(path, ": its groups have ", header.group, " integers, but only multiples of ", format.blockElements,
         " are supported; export the model again with --version 1");
  auto group = uint32_t(header.group);
  for (uint32_t columns : {config.hiddenSize, config.intermediateSize})
    if (columns % group != 0)
      fail(path, ": its matrices have rows of ", columns, " values, which are not whole groups of ", group,
           "; export the model again with --version 1");
}

/// The header is numbers in a fixed order. The key of a field is its name in llama2.c.
static void traceOrigins(const std::string &path, ModelConfig &config) {
  static constexpr std::string_view kFields[] = {
      "hidden_size",         "intermediate_size", "num_hidden_layers",      "num_attention_heads",
      "num_key_value_heads", "vocab_size",        "max_position_embeddings"};
  static_assert(std::size(kFields) == std::size(kNames));
  std::vector<FieldKey> keys;
  for (size_t i = 0; i < std::size(kFields); ++i)
    keys.push_back({kFields[i], std::string(kNames[i])});
  keys.push_back({"tie_word_embeddings", "shared_classifier"});
  for (std::string_view name : {"head_dim", "rms_norm_eps", "rope_theta", "hidden_act"})
    keys.push_back({name, std::string(name)});
  auto lineOf = [&](const std::string &key) -> std::optional<uint32_t> {
    bool isThere = key == "shared_classifier" || std::ranges::find(kNames, key) != std::end(kNames);
    return isThere ? std::optional<uint32_t>(0) : std::nullopt;
  };
  traceFields(config, path, keys, lineOf, "not in the file: as in llama2.c");
}

static ModelConfig configOf(const Header &header, const std::string &path) {
  ModelConfig config;
  config.name = fs::path(path).stem().string();
  config.architecture = "LlamaForCausalLM";
  auto number = [&](size_t i) { return uint32_t(header.numbers[i]); };
  config.hiddenSize = number(0);
  config.intermediateSize = number(1);
  config.numLayers = number(2);
  config.numHeads = number(3);
  config.numKvHeads = number(4);
  config.vocabSize = number(5);
  config.maxPositionEmbeddings = number(6);
  if (config.numHeads % config.numKvHeads != 0)
    fail(path, ": its n_heads is ", config.numHeads, " but must be a multiple of its n_kv_heads, which is ",
         config.numKvHeads, "; the file is damaged or no llama2.c model: ", kModelAdvice);
  if (config.hiddenSize % config.numHeads != 0 || config.hiddenSize / config.numHeads % 2 != 0)
    fail(path, ": its dim is ", config.hiddenSize, " but must be an even multiple of its n_heads, which is ",
         config.numHeads, "; the file is damaged or no llama2.c model: ", kModelAdvice);
  config.headDim = config.hiddenSize / config.numHeads;
  config.rmsNormEps = kEps;
  config.rope.theta = kTheta;
  config.rope.layout = RotaryLayout::interleaved;
  config.tieWordEmbeddings = header.tied;
  auto note = [&](std::string_view field, std::string text) {
    config.notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
  };
  note("rms_norm_eps", "not in the file: 1e-05, as in llama2.c");
  note("rope_theta", "not in the file: 10000, as in llama2.c");
  traceOrigins(path, config);
  return config;
}

namespace {

/// Places tensors one behind the other.
class Layout {
public:
  Layout(const InputFile &file, const Header &header, const ModelConfig &config)
      : file(file), header(header), config(config), next(header.bytes) {}

  WeightIndex place() {
    index.files.push_back(file.weightFile({{0, header.bytes}}));
    uint64_t hidden = config.hiddenSize;
    if (header.version == 0) {
      placeEmbedding();
      placeLayers("input_layernorm", "rms_att_weight", {hidden});
      placeAttention();
      placeLayers("post_attention_layernorm", "rms_ffn_weight", {hidden});
      placeFeedForward();
      place("norm", "rms_final_weight", {hidden});
      // Cosines and sines, which follow from the config.
      next += sizeof(float) * uint64_t(config.maxPositionEmbeddings) * config.headDim;
    } else {
      placeLayers("input_layernorm", "rms_att_weight", {hidden});
      placeLayers("post_attention_layernorm", "rms_ffn_weight", {hidden});
      place("norm", "rms_final_weight", {hidden});
      placeEmbedding();
      placeAttention();
      placeFeedForward();
    }
    if (!config.tieWordEmbeddings)
      place("lm_head", "wcls", {config.vocabSize, hidden});
    if (next != file.size())
      fail(file.path(), ": the file is ", file.size(), " bytes long, but a llama2.c model of version ", header.version,
           " with dim ", hidden, ", hidden_dim ", config.intermediateSize, ", ", config.numLayers, " layers and ",
           config.vocabSize, " tokens has ", next, "; it is truncated or of another format: ", kModelAdvice);
    return std::move(index);
  }

private:
  void place(const std::string &name, const std::string &nameInFile, std::vector<uint64_t> shape) {
    if (header.group && shape.size() == 2)
      return placeGroups(name, nameInFile, std::move(shape));
    const WeightFormat &format = denseFormat(DType::f32);
    uint64_t elements = 1;
    for (uint64_t dim : shape)
      elements *= dim;
    index.tensors.emplace(name, WeightEntry{nameInFile, 0, next, format.bytes(elements), &format, std::move(shape)});
    next += format.bytes(elements);
  }
  void placeGroups(const std::string &name, const std::string &nameInFile, std::vector<uint64_t> shape) {
    const WeightFormat &format = *findWeightFormat(kFormatOfGroups);
    auto group = uint32_t(header.group);
    TensorPiece piece = {0, next, 0, shape[0], 0, shape[1], next + shape[0] * shape[1], group};
    for (const ByteRange &range : piece.bytes(format))
      next += range.size;
    uint64_t size = format.bytes(piece.elements());
    index.tensors.emplace(name, WeightEntry{nameInFile, 0, 0, size, &format, std::move(shape), {piece}});
  }
  void placeLayers(const std::string &name, const std::string &nameInFile, const std::vector<uint64_t> &shape) {
    for (uint32_t layer = 0; layer < config.numLayers; ++layer)
      place(concat("layers.", layer, ".", name), concat(nameInFile, " of layer ", layer), shape);
  }
  void placeEmbedding() { place("embed_tokens", "token_embedding_table", {config.vocabSize, config.hiddenSize}); }
  void placeAttention() {
    uint64_t hidden = config.hiddenSize, keyValue = uint64_t(config.numKvHeads) * config.headDim;
    placeLayers("self_attn.q_proj", "wq", {hidden, hidden});
    placeLayers("self_attn.k_proj", "wk", {keyValue, hidden});
    placeLayers("self_attn.v_proj", "wv", {keyValue, hidden});
    placeLayers("self_attn.o_proj", "wo", {hidden, hidden});
  }
  void placeFeedForward() {
    uint64_t hidden = config.hiddenSize, width = config.intermediateSize;
    placeLayers("mlp.gate_proj", "w1", {width, hidden});
    placeLayers("mlp.down_proj", "w2", {hidden, width});
    placeLayers("mlp.up_proj", "w3", {width, hidden});
  }

  const InputFile &file;
  const Header &header;
  const ModelConfig &config;
  /// Bytes from the start of the file.
  uint64_t next;
  WeightIndex index;
};

} // namespace

/// The tokenizer.bin beside the model, else the tokenizer.model.
static ModelTokenizer readTokenizerBeside(const fs::path &folder, ModelConfig &config) {
  fs::path path = folder / (hf::isThere(folder / "tokenizer.bin") ? "tokenizer.bin" : "tokenizer.model");
  return hf::readTokenizer(path, config.vocabSize, config.notes, /*isOptional=*/true);
}

Model readFile(const std::string &path) {
  InputFile file(path);
  Header header = readHeader(file);
  checkNumbers(header, file);
  Model model;
  model.config = configOf(header, path);
  checkGroup(header, model.config, path);
  model.weights = Layout(file, header, model.config).place();
  model.tokenizer = readTokenizerBeside(fs::path(path).parent_path(), model.config);
  if (model.config.vocabSize > uint32_t(kEos)) {
    model.config.bosTokenIds = {kBos};
    model.config.eosTokenIds = {kBos, kEos};
    model.config.eosOrigins = {"BOS, at which llama2.c ends a text", "EOS of llama2.c"};
  }
  joinTokenizersEnd(model.config, model.tokenizer);
  noteEnds(model.config);
  return model;
}

} // namespace quipu::frontend::llama2c
