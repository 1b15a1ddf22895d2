//===- ChoiceText.cpp - From tokens to the text of one choice -----------------------------===//

#include "tools/quipu/serve/openai/ChoiceText.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace quipu::serve {

void ChoicePiece::append(ChoicePiece &&other) {
  text += other.text;
  tokens.insert(tokens.end(), std::make_move_iterator(other.tokens.begin()),
                std::make_move_iterator(other.tokens.end()));
}

ChoiceText::ChoiceText(const Tokenizer &tokenizer, bool beginsText, const std::vector<std::string> &stops,
                       bool keepsTokens)
    : tokenizer(tokenizer), decoder(tokenizer, beginsText), stop(stops), keepsTokens(keepsTokens) {}

static uint64_t countCharacters(std::string_view text) {
  return uint64_t(std::ranges::count_if(text, [](char c) { return ((unsigned char)c & 0xc0) != 0x80; }));
}

static ShownToken shownToken(const ScoredToken &token, uint64_t offset) {
  return {token.token, token.logProb, {token.top.begin(), token.top.end()}, offset};
}

/// The model may have more ids than the tokenizer (padded vocabularies): those have no text.
std::string ChoiceText::decoded(int32_t token) { return tokenizer.has(token) ? decoder.push(token) : std::string(); }

ChoicePiece ChoiceText::pushPrompt(const ScoredToken &token, bool isFirst) {
  ChoicePiece piece;
  if (keepsTokens) {
    piece.tokens.push_back(shownToken(token, characters));
    if (isFirst)
      piece.tokens.back().logProb.reset();
  }
  piece.text = decoded(token.token);
  characters += countCharacters(piece.text);
  return piece;
}

ChoicePiece ChoiceText::push(const ScoredToken &token) {
  if (isStopped())
    return {};
  std::string text = decoded(token.token);
  if (keepsTokens)
    waiting.push_back({shownToken(token, characters), decodedBytes, decodedBytes + text.size()});
  decodedBytes += text.size();
  characters += countCharacters(text);
  return released(stop.push(text), /*isLast=*/false);
}

ChoicePiece ChoiceText::finish() {
  if (isStopped())
    return {};
  // The end of an unfinished character may complete a stop text.
  std::string text = stop.push(decoder.finish());
  if (!isStopped())
    text += stop.finish();
  return released(std::move(text), /*isLast=*/true);
}

/// The tokens whose text has been given out with `text`; at the end those that it has a part of.
ChoicePiece ChoiceText::released(std::string text, bool isLast) {
  ChoicePiece piece;
  releasedBytes += text.size();
  piece.text = std::move(text);
  while (!waiting.empty()) {
    const Waiting &front = waiting.front();
    bool isOut = isStopped() ? front.begin < releasedBytes : isLast || front.end <= releasedBytes;
    if (!isOut)
      break;
    piece.tokens.push_back(std::move(waiting.front().token));
    waiting.pop_front();
  }
  if (isStopped())
    waiting.clear();
  return piece;
}

std::string tokenBytes(const Tokenizer &tokenizer, int32_t token) {
  std::string bytes;
  if (tokenizer.has(token))
    tokenizer.appendBytes(token, /*atStart=*/false, bytes);
  return bytes;
}

std::string tokenText(const Tokenizer &tokenizer, int32_t token) {
  if (tokenizer.has(token) && tokenizer.isControl(token))
    return tokenizer.piece(token);
  std::string bytes = tokenBytes(tokenizer, token);
  if (!firstInvalidByte(bytes))
    return bytes;
  std::string text = "bytes:";
  for (unsigned char c : bytes) {
    char hex[5];
    snprintf(hex, sizeof(hex), "\\x%02x", c);
    text += hex;
  }
  return text;
}

} // namespace quipu::serve
