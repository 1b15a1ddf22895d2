//===- TokenizerData.h - A tokenizer, as data --------------------*- C++ -*-===//
//
// What makes text to ids and back: a model (pieces and how they are found) and the settings of its use. A frontend
// reads it from files of any format, the plan carries it (tables Tokenizer and AddedToken in runtime/abi/plan.fbs), and
// runtime/text makes a tokenizer of it.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_TOKENIZERDATA_H
#define QUIPU_RUNTIME_ABI_TOKENIZERDATA_H

#include "runtime/abi/BpeData.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace quipu {

/// A token beside the pieces of the model. It is found in a text before the text is divided into pieces.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  /// Looked for after all added tokens that are not normalized, in the text as the normaliser makes it.
  bool normalized = false;
  /// The token takes the white space to its left or right with it.
  bool lstrip = false;
  bool rstrip = false;
  /// It is not found inside a word.
  bool singleWord = false;
  /// A control token: a user's text has it as text, unless special tokens are asked for.
  bool special = false;

  bool operator==(const AddedToken &) const = default;
};

/// These stand in place of an id: the id that the tokenizer's model names, and no id.
inline constexpr int32_t kModelsOwnToken = -2;
inline constexpr int32_t kNoToken = -1;

struct TokenizerSettings {
  /// Whether encoding a prompt puts BOS before it and EOS after it.
  bool addBos = true;
  bool addEos = false;
  /// Whether a space is put before the text behind an added token, as before the whole text. If not (transformers'
  /// `legacy: false`), a space comes only before the whole text.
  bool legacy = false;
  /// Whether a space comes before the first word. Nothing: as the tokenizer's model says.
  std::optional<bool> addPrefixSpace;
  int32_t bos = kModelsOwnToken;
  int32_t eos = kModelsOwnToken;
  std::vector<AddedToken> added;
};

/// Checks that the settings go with a model of `pieces` pieces: added tokens have ids from 0 on, no two the same, and a
/// content that is UTF-8 and not empty; BOS and EOS are pieces or added tokens. Throws Error that begins with `name`.
void checkSettings(const TokenizerSettings &settings, int32_t pieces, const std::string &name);

/// The bytes of a SentencePiece `tokenizer.model`; readSentencePieceModel has checked them.
struct SentencePieceData {
  std::vector<uint8_t> bytes;
};

/// A text in the language of Jinja that makes a text of a conversation.
struct ChatTemplate {
  /// "default", or what it is for ("tool_use").
  std::string name;
  std::string text;
  /// The file and field that have it, for messages.
  std::string origin;

  bool operator==(const ChatTemplate &) const = default;
};

struct TokenizerData {
  /// The file that it was read from, for messages.
  std::string name;
  /// Nothing: there is no tokenizer.
  std::variant<std::monostate, SentencePieceData, BpeData> model;
  TokenizerSettings settings;
  /// Names differ. A model may have them without a tokenizer.
  std::vector<ChatTemplate> chatTemplates = {};

  bool exists() const { return !std::holds_alternative<std::monostate>(model); }
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_TOKENIZERDATA_H
