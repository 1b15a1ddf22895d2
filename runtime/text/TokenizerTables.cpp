//===- TokenizerTables.cpp - A tokenizer of a plan, as data ------------------------------------------===//

#include "runtime/text/TokenizerTables.h"
#include "runtime/support/Error.h"

namespace quipu {

static_assert(int(TextStep::kLastKind) == int(plan::TextStepKind::MAX) &&
              int(SplitBehavior::contiguous) == int(plan::SplitBehavior::MAX));

static TokenizerSettings settingsOf(const plan::Tokenizer &tokenizer) {
  TokenizerSettings settings;
  settings.addBos = tokenizer.add_bos();
  settings.addEos = tokenizer.add_eos();
  settings.legacy = tokenizer.legacy();
  if (tokenizer.prefix_space() != plan::PrefixSpace::of_model)
    settings.addPrefixSpace = tokenizer.prefix_space() == plan::PrefixSpace::yes;
  settings.bos = tokenizer.bos_id();
  settings.eos = tokenizer.eos_id();
  if (tokenizer.added_tokens())
    for (const plan::AddedToken *token : *tokenizer.added_tokens())
      settings.added.push_back({token->id(), token->content()->str(), token->normalized(), token->lstrip(),
                                token->rstrip(), token->single_word(), token->special()});
  return settings;
}

static std::string textOf(const flatbuffers::String *text) { return text ? text->str() : ""; }

static std::vector<TextStep> stepsOf(const flatbuffers::Vector<flatbuffers::Offset<plan::TextStep>> *tables) {
  std::vector<TextStep> steps;
  for (flatbuffers::uoffset_t i = 0; tables && i < tables->size(); ++i) {
    const plan::TextStep &table = *tables->Get(i);
    // checkBpe() looks at the numbers.
    steps.push_back({TextStep::Kind(table.kind()), textOf(table.pattern()), table.is_regex(), textOf(table.content()),
                     table.unless_there(), table.only_at_start(), table.left(), table.right(),
                     SplitBehavior(table.behavior()), table.invert()});
  }
  return steps;
}

static BpeData bpeOf(const plan::Bpe &table, const std::string &name) {
  BpeData data;
  std::string_view bytes(reinterpret_cast<const char *>(table.piece_bytes()->data()), table.piece_bytes()->size());
  size_t begin = 0;
  data.pieces.reserve(table.piece_ends()->size());
  for (uint32_t end : *table.piece_ends()) {
    if (end < begin || end > bytes.size())
      fail(name, ": piece ", data.pieces.size(), " ends at byte ", end, ", but must end from ", begin, " to ",
           bytes.size());
    data.pieces.emplace_back(bytes.substr(begin, end - begin));
    begin = end;
  }
  data.byteLevel = table.byte_level();
  if (table.unreachable())
    data.unreachable.assign(table.unreachable()->begin(), table.unreachable()->end());
  if (table.merges()) {
    data.merges.reserve(table.merges()->size());
    for (const plan::Merge *merge : *table.merges())
      data.merges.push_back({merge->left(), merge->right(), merge->result()});
  }
  data.rankedByResult = table.ranked_by_result();
  data.ignoreMerges = table.ignore_merges();
  data.byteFallback = table.byte_fallback();
  data.unknown = table.unknown();
  data.fuseUnknown = table.fuse_unknown();
  data.normalizer = stepsOf(table.normalizer());
  data.splitter = stepsOf(table.splitter());
  data.decoder = stepsOf(table.decoder());
  data.strippedText = textOf(table.stripped_text());
  return data;
}

TokenizerData dataOfTables(const plan::Tokenizer &tokenizer, std::string name) {
  TokenizerData data;
  data.settings = settingsOf(tokenizer);
  switch (tokenizer.kind()) {
  case plan::TokenizerKind::none:
    break;
  case plan::TokenizerKind::sentencepiece:
    data.model = SentencePieceData{{tokenizer.model()->begin(), tokenizer.model()->end()}};
    break;
  case plan::TokenizerKind::bpe:
    data.model = bpeOf(*tokenizer.bpe(), name);
    break;
  }
  if (tokenizer.chat_templates())
    for (const plan::ChatTemplate *chat : *tokenizer.chat_templates())
      data.chatTemplates.push_back({chat->name()->str(), chat->text()->str(), textOf(chat->origin())});
  data.name = std::move(name);
  return data;
}

} // namespace quipu
