//===- BpeData.cpp - A BPE tokenizer, as data -----------------------------------------------===//

#include "runtime/abi/BpeData.h"
#include "runtime/abi/ByteAlphabet.h"
#include "runtime/support/Error.h"
#include "runtime/support/Regex.h"
#include "runtime/support/Utf8.h"

#include <algorithm>

namespace quipu {

/// Far above the largest that are known (some 260,000 pieces, some 500,000 merges), and few enough for 32 bits.
static constexpr size_t kMaxBpePieces = size_t(1) << 26;
static constexpr size_t kMaxBpePieceBytes = size_t(1) << 16;

std::string bytePieceName(uint8_t byte) {
  static const char digits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

std::string BpeData::spelling(uint32_t id) const {
  bool isBytes = byteLevel && !std::ranges::binary_search(unreachable, id);
  return isBytes ? spellingOfBytes(pieces[id]) : pieces[id];
}

static void checkStep(const TextStep &step, bool decodes, const char *list, const std::string &name) {
  auto wrong = [&](const auto &...what) { fail(name, ": a step of the ", list, " ", what...); };
  if (step.kind > TextStep::kLastKind || step.behavior > SplitBehavior::contiguous)
    wrong("is of a kind that this version does not know");
  for (const std::string *text : {&step.pattern, &step.content})
    if (firstInvalidByte(*text))
      wrong("has a text that is not UTF-8");
  bool looks = step.kind == TextStep::Kind::replace || step.kind == TextStep::Kind::split;
  if (decodes && (step.kind != TextStep::Kind::replace || step.isRegex))
    wrong("replaces no plain text, and decoding can do nothing else");
  if (looks && step.isRegex)
    (void)Regex(step.pattern, name);
  else if (looks && step.pattern.empty())
    wrong("looks for an empty text");
}

void checkBpe(const BpeData &data, const std::string &name) {
  size_t count = data.pieces.size();
  if (count == 0 || count > kMaxBpePieces)
    fail(name, ": the tokenizer has ", count, " pieces, but 1 to ", kMaxBpePieces, " are possible");
  for (size_t id = 0; id < count; ++id)
    if (data.pieces[id].size() > kMaxBpePieceBytes)
      fail(name, ": piece ", id, " is ", data.pieces[id].size(), " bytes long, more than the ", kMaxBpePieceBytes,
           " that a piece may have");
  auto isPiece = [&](uint32_t id) { return id < count && !data.pieces[id].empty(); };
  for (size_t i = 0; i < data.merges.size(); ++i) {
    const BpeMerge &merge = data.merges[i];
    if (!isPiece(merge.left) || !isPiece(merge.right) || !isPiece(merge.result))
      fail(name, ": merge ", i, " has an id that no piece has");
    const std::string &left = data.pieces[merge.left], &result = data.pieces[merge.result];
    if (result.size() != left.size() + data.pieces[merge.right].size() || !result.starts_with(left) ||
        !result.ends_with(data.pieces[merge.right]))
      fail(name, ": merge ", i, " joins the pieces ", merge.left, " and ", merge.right, ", which are not piece ",
           merge.result);
  }
  for (uint32_t id : data.unreachable)
    if (id >= count)
      fail(name, ": the tokenizer has no piece ", id);
  if (!std::ranges::is_sorted(data.unreachable))
    fail(name, ": the pieces that no text becomes are not in the order of their ids");
  if (data.unknown != -1 && (data.unknown < 0 || !isPiece(uint32_t(data.unknown))))
    fail(name, ": the unknown token is ", data.unknown, ", which is no piece");
  for (const TextStep &step : data.normalizer) {
    checkStep(step, false, "normaliser", name);
    if (step.kind == TextStep::Kind::split)
      fail(name, ": a step of the normaliser divides the text, which the splitter alone may do");
  }
  for (const TextStep &step : data.splitter)
    checkStep(step, false, "splitter", name);
  for (const TextStep &step : data.decoder)
    checkStep(step, true, "decoder", name);
}

} // namespace quipu
