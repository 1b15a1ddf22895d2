//===- TokenizerSettings.h - How a tokenizer's model is used ------*- C++ -*-===//
//
// What the files beside a tokenizer's model say about it. A frontend reads them, the plan carries them
// (tables Tokenizer and AddedToken in runtime/abi/plan.fbs), and the tokenizer obeys them.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_TOKENIZERSETTINGS_H
#define QUIPU_RUNTIME_ABI_TOKENIZERSETTINGS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// A token beside the pieces of the model. It is found in a text before the text is divided into pieces.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  /// Looked for after all the others.
  bool normalized = false;
  /// The token takes the white space to its left or right with it.
  bool lstrip = false;
  bool rstrip = false;
  /// Not found inside a word.
  bool singleWord = false;

  bool operator==(const AddedToken &) const = default;
};

/// In place of an id: the one that the model itself names, and none at all.
inline constexpr int32_t kModelsOwnToken = -2;
inline constexpr int32_t kNoToken = -1;

struct TokenizerSettings {
  /// Whether encoding a prompt puts BOS before it and EOS after it.
  bool addBos = true;
  bool addEos = false;
  /// Whether the text behind an added token begins with a space as the whole text does. Without (transformers'
  /// `legacy: false`), only the beginning of the whole text does.
  bool legacy = false;
  /// Whether a space comes before the first word; nothing: as the model says.
  std::optional<bool> addPrefixSpace;
  int32_t bos = kModelsOwnToken;
  int32_t eos = kModelsOwnToken;
  std::vector<AddedToken> added;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_TOKENIZERSETTINGS_H
