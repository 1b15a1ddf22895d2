//===- TokenizerData.cpp - A tokenizer, as data -------------------------------------------===//

#include "runtime/abi/TokenizerData.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <unordered_set>

namespace quipu {

void checkSettings(const TokenizerSettings &settings, int32_t pieces, const std::string &name) {
  std::unordered_set<int32_t> added;
  for (const AddedToken &token : settings.added) {
    if (token.id < 0 || token.content.empty() || firstInvalidByte(token.content))
      fail(name, ": the added token ", token.id,
           " has an id below 0, or a content that is empty or not UTF-8; get the file again");
    if (!added.insert(token.id).second)
      fail(name, ": two added tokens have the id ", token.id, "; remove one of them");
  }
  for (int32_t id : {settings.bos, settings.eos})
    if (id != kModelsOwnToken && id != kNoToken && (id < 0 || id >= pieces) && !added.contains(id))
      fail(name, ": BOS or EOS is token ", id, ", which the tokenizer does not have; correct its id");
}

} // namespace quipu
