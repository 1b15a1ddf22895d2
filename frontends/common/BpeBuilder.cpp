//===- BpeBuilder.cpp - Byte pair encoding from what files spell --------------------------===//

#include "frontends/common/BpeBuilder.h"

#include "frontends/common/Json.h"
#include "runtime/abi/ByteAlphabet.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <unordered_set>

namespace quipu::frontend {

BpeBuilder::BpeBuilder(std::string givenName, bool byteLevel) : name(std::move(givenName)) {
  data.byteLevel = byteLevel;
}

void BpeBuilder::addPiece(uint32_t id, std::string_view spelled) {
  if (firstInvalidByte(spelled))
    fail(name, ": piece ", id, " is not UTF-8; the file is damaged, get it again");
  auto [before, isNew] = ids.emplace(spelled, id);
  if (!isNew)
    fail(name, ": the pieces ", before->second, " and ", id, " are both ", shownText(spelled),
         "; a piece must be there once, get the file again");
  if (id >= data.pieces.size())
    data.pieces.resize(size_t(id) + 1);
  if (!data.pieces[id].empty())
    fail(name, ": the id ", id, " is that of two pieces, of which one is ", shownText(spelled),
         "; an id must be there once, get the file again");
  std::optional<std::string> bytes = data.byteLevel ? bytesOfSpelling(spelled) : std::string(spelled);
  if (!bytes)
    data.unreachable.push_back(id);
  data.pieces[id] = bytes ? *bytes : std::string(spelled);
}

std::optional<uint32_t> BpeBuilder::find(std::string_view spelled) const {
  auto it = ids.find(std::string(spelled));
  return it == ids.end() ? std::nullopt : std::optional(it->second);
}

void BpeBuilder::addMerge(std::string_view left, std::string_view right) {
  std::string joined = concat(left, right);
  auto idOf = [&](std::string_view piece) {
    if (std::optional<uint32_t> id = find(piece))
      return *id;
    fail(name, ": merge ", data.merges.size(), " joins ", shownText(left), " and ", shownText(right), ", but ",
         shownText(piece), " is no piece; pieces and merges do not belong together, get the file again");
  };
  data.merges.push_back({idOf(left), idOf(right), idOf(joined)});
}

void BpeBuilder::addMerge(std::string_view both) {
  // A piece has no space in it here, but "▁ ▁" has characters of more than one byte.
  size_t space = both.find(' ', 1);
  if (space == std::string_view::npos || space + 1 == both.size() || both.find(' ', space + 1) != both.npos)
    fail(name, ": merge ", data.merges.size(), " is ", shownText(both),
         " but must be two pieces with a space between them; get the file again");
  addMerge(both.substr(0, space), both.substr(space + 1));
}

void protectSpecialTokens(BpeData &data, const std::vector<AddedToken> &added) {
  std::unordered_set<uint32_t> unreachable(data.unreachable.begin(), data.unreachable.end());
  for (const AddedToken &token : added) {
    uint32_t id = uint32_t(token.id);
    if (!token.special || id >= data.pieces.size() || data.pieces[id].empty() || unreachable.contains(id) ||
        int32_t(id) == data.unknown)
      continue;
    if (data.byteLevel)
      data.pieces[id] = spellingOfBytes(data.pieces[id]);
    unreachable.insert(id);
    data.unreachable.push_back(id);
  }
  std::ranges::sort(data.unreachable);
  std::erase_if(data.merges, [&](const BpeMerge &merge) {
    return unreachable.contains(merge.left) || unreachable.contains(merge.right) || unreachable.contains(merge.result);
  });
}

void noteMissingBytes(const BpeData &data, std::vector<Note> &notes) {
  if (!data.byteLevel || data.unknown >= 0)
    return;
  std::unordered_set<std::string_view> pieces(data.pieces.begin(), data.pieces.end());
  int missing = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    // The others are in no UTF-8.
    bool isOfText = byte < 0xc0 || (byte >= 0xc2 && byte <= 0xf4);
    missing += isOfText && !pieces.contains(std::string(1, char(byte)));
  }
  if (missing)
    notes.push_back({Note::Kind::provenance, "tokenizer",
                     concat("has no piece for ", missing,
                            " of the 243 bytes that texts are made of; where a text has "
                            "one of them, it is left out")});
}

} // namespace quipu::frontend
