//===- ConversationIds.cpp - The tokens of a conversation --------------------------------===//

#include "runtime/chat/ConversationIds.h"
#include "runtime/chat/MarkedText.h"

#include <algorithm>
#include <unordered_set>

namespace quipu {
namespace {

/// Half-open, in bytes.
struct Range {
  size_t begin, end;
};

/// Pieces whose ids are made together.
struct Segment {
  std::string text;
  std::vector<Range> fromMessages, answers;
};

void addRange(std::vector<Range> &ranges, size_t begin, size_t end) {
  if (!ranges.empty() && ranges.back().end == begin)
    ranges.back().end = end;
  else if (begin < end)
    ranges.push_back({begin, end});
}

std::vector<Segment> segmentsOf(std::span<const ChatPiece> pieces) {
  std::vector<Segment> segments;
  for (const ChatPiece &piece : pieces) {
    if (segments.empty() || piece.isApart)
      segments.emplace_back();
    Segment &segment = segments.back();
    size_t begin = segment.text.size();
    segment.text += piece.text;
    if (piece.fromMessage)
      addRange(segment.fromMessages, begin, segment.text.size());
    if (piece.isAnswer)
      addRange(segment.answers, begin, segment.text.size());
  }
  return segments;
}

/// Makes ids of the parts of one conversation.
class Encoder {
public:
  Encoder(const Tokenizer &tokenizer, std::span<const ChatPiece> pieces) : tokenizer(tokenizer) {
    for (const Tokenizer::SpelledToken &token : tokenizer.spelledTokens()) {
      bool isBlank = token.text.find_first_not_of(" \t\r\n") == std::string::npos;
      bool isWritten = !isBlank && std::ranges::any_of(pieces, [&](const ChatPiece &piece) {
        return !piece.fromMessage && piece.text.find(token.text) != std::string::npos;
      });
      if (token.isSpecial || isWritten)
        ofTemplateAlone.insert(token.id);
    }
  }

  /// Ids of the first `end` bytes of a segment.
  std::vector<int32_t> encode(const Segment &segment, size_t end) const {
    return tokenizer.encodePlaces(std::string_view(segment.text).substr(0, end),
                                  [&](int32_t id, size_t begin, size_t end) {
                                    return !ofTemplateAlone.contains(id) || !isOfMessage(segment, begin, end);
                                  });
  }

private:
  /// Whether one byte of the range comes from a message.
  static bool isOfMessage(const Segment &segment, size_t begin, size_t end) {
    auto next = std::ranges::upper_bound(segment.fromMessages, begin, std::ranges::less(), &Range::end);
    return next != segment.fromMessages.end() && next->begin < end;
  }

  const Tokenizer &tokenizer;
  /// Tokens that the text of messages does not spell.
  std::unordered_set<int32_t> ofTemplateAlone;
};

size_t commonFront(const std::vector<int32_t> &a, const std::vector<int32_t> &b) {
  return size_t(std::ranges::mismatch(a, b).in1 - a.begin());
}

/// Appends for each of the segment's ids whether one byte of its text is an answer's. The ids of a front of the text
/// tell where the ids lie in it: those that both have are in front.
void appendMask(const Encoder &encoder, const Segment &segment, const std::vector<int32_t> &ids,
                std::vector<bool> &mask) {
  size_t offset = mask.size();
  mask.resize(offset + ids.size());
  for (const Range &answer : segment.answers) {
    size_t first = answer.begin == 0 ? 0 : commonFront(encoder.encode(segment, answer.begin), ids);
    size_t last = ids.size();
    if (answer.end < segment.text.size()) {
      std::vector<int32_t> front = encoder.encode(segment, answer.end);
      last = commonFront(front, ids);
      // The id in which the answer ends goes on behind it.
      if (last < front.size())
        last = std::min(last + 1, ids.size());
    }
    for (size_t i = first; i < last; ++i)
      mask[offset + i] = true;
  }
}

/// Whether a template wrote BOS. A template may write blanks in front of it. Where BOS is EOS too, what stands behind
/// other ids may be an end.
bool hasBos(const Tokenizer &tokenizer, const std::vector<int32_t> &ids) {
  if (tokenizer.bos() == tokenizer.eos())
    return !ids.empty() && ids.front() == *tokenizer.bos();
  return std::ranges::find(ids, *tokenizer.bos()) != ids.end();
}

ScoredChat encodeChat(const Tokenizer &tokenizer, std::span<const ChatPiece> pieces, bool wantsMask) {
  ScoredChat result;
  Encoder encoder(tokenizer, pieces);
  for (const Segment &segment : segmentsOf(pieces)) {
    std::vector<int32_t> ids = encoder.encode(segment, segment.text.size());
    if (wantsMask)
      appendMask(encoder, segment, ids, result.isAnswer);
    result.ids.insert(result.ids.end(), ids.begin(), ids.end());
  }
  if (tokenizer.addsBos() && !hasBos(tokenizer, result.ids)) {
    result.ids.insert(result.ids.begin(), *tokenizer.bos());
    if (wantsMask)
      result.isAnswer.insert(result.isAnswer.begin(), false);
  }
  return result;
}

} // namespace

std::vector<int32_t> chatIds(const Tokenizer &tokenizer, std::span<const ChatPiece> pieces) {
  return encodeChat(tokenizer, pieces, /*wantsMask=*/false).ids;
}

ScoredChat scoredChatIds(const Tokenizer &tokenizer, std::span<const ChatPiece> pieces) {
  return encodeChat(tokenizer, pieces, /*wantsMask=*/true);
}

std::vector<int32_t> endOfTurnIds(const Tokenizer &tokenizer, const ChatFormat &format,
                                  const plan::ModelConfig &config) {
  std::vector<int32_t> ids;
  auto take = [&](std::optional<int32_t> id) {
    if (id && std::ranges::find(ids, *id) == ids.end())
      ids.push_back(*id);
  };
  if (config.eos_token_ids())
    for (int32_t id : *config.eos_token_ids())
      take(id);
  take(tokenizer.eos());
  if (!format.endOfTurn().empty())
    take(tokenizer.find(format.endOfTurn()));
  return ids;
}

} // namespace quipu
