//===- TokenizerTables.cpp - A tokenizer as a plan holds it ------------------------------===//

#include "codegen/plan/TokenizerTables.h"

namespace quipu::codegen {

static std::vector<std::unique_ptr<plan::TextStepT>> stepsOf(const std::vector<TextStep> &steps) {
  std::vector<std::unique_ptr<plan::TextStepT>> tables;
  for (const TextStep &step : steps) {
    auto table = std::make_unique<plan::TextStepT>();
    table->kind = plan::TextStepKind(step.kind);
    table->pattern = step.pattern;
    table->is_regex = step.isRegex;
    table->content = step.content;
    table->unless_there = step.unlessThere;
    table->only_at_start = step.onlyAtStart;
    table->left = step.left;
    table->right = step.right;
    table->behavior = plan::SplitBehavior(step.behavior);
    table->invert = step.invert;
    tables.push_back(std::move(table));
  }
  return tables;
}

static std::unique_ptr<plan::BpeT> bpeOf(const BpeData &data) {
  auto table = std::make_unique<plan::BpeT>();
  for (const std::string &piece : data.pieces) {
    table->piece_bytes.insert(table->piece_bytes.end(), piece.begin(), piece.end());
    table->piece_ends.push_back(uint32_t(table->piece_bytes.size()));
  }
  table->byte_level = data.byteLevel;
  table->unreachable = data.unreachable;
  for (const BpeMerge &merge : data.merges)
    table->merges.emplace_back(merge.left, merge.right, merge.result);
  table->ranked_by_result = data.rankedByResult;
  table->ignore_merges = data.ignoreMerges;
  table->byte_fallback = data.byteFallback;
  table->unknown = data.unknown;
  table->fuse_unknown = data.fuseUnknown;
  table->normalizer = stepsOf(data.normalizer);
  table->splitter = stepsOf(data.splitter);
  table->decoder = stepsOf(data.decoder);
  table->stripped_text = data.strippedText;
  return table;
}

static std::unique_ptr<plan::AddedTokenT> addedOf(const AddedToken &token) {
  auto table = std::make_unique<plan::AddedTokenT>();
  table->id = token.id;
  table->content = token.content;
  table->normalized = token.normalized;
  table->lstrip = token.lstrip;
  table->rstrip = token.rstrip;
  table->single_word = token.singleWord;
  table->special = token.special;
  return table;
}

plan::TokenizerT tablesOf(const TokenizerData &data) {
  plan::TokenizerT table;
  if (const auto *sentencePiece = std::get_if<SentencePieceData>(&data.model)) {
    table.kind = plan::TokenizerKind::sentencepiece;
    table.model = sentencePiece->bytes;
  } else if (const auto *bpe = std::get_if<BpeData>(&data.model)) {
    table.kind = plan::TokenizerKind::bpe;
    table.bpe = bpeOf(*bpe);
  }
  const TokenizerSettings &settings = data.settings;
  table.add_bos = settings.addBos;
  table.add_eos = settings.addEos;
  table.legacy = settings.legacy;
  table.prefix_space = !settings.addPrefixSpace   ? plan::PrefixSpace::of_model
                       : *settings.addPrefixSpace ? plan::PrefixSpace::yes
                                                  : plan::PrefixSpace::no;
  table.bos_id = settings.bos;
  table.eos_id = settings.eos;
  for (const AddedToken &token : settings.added)
    table.added_tokens.push_back(addedOf(token));
  for (const ChatTemplate &chat : data.chatTemplates) {
    auto to = std::make_unique<plan::ChatTemplateT>();
    to->name = chat.name;
    to->text = chat.text;
    to->origin = chat.origin;
    table.chat_templates.push_back(std::move(to));
  }
  return table;
}

} // namespace quipu::codegen
