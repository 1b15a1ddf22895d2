//===- EndsOfText.cpp - The ids that end a text ------------------------------------------===//

#include "frontends/common/EndsOfText.h"

#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu::frontend {

void joinTokenizersEnd(ModelConfig &config, const ModelTokenizer &tokenizer) {
  if (!tokenizer.end || config.endsNowhere)
    return;
  auto known = std::ranges::find(config.eosTokenIds, *tokenizer.end);
  if (known != config.eosTokenIds.end()) {
    config.eosOrigins[size_t(known - config.eosTokenIds.begin())] += "; " + tokenizer.endOrigin;
    return;
  }
  config.eosTokenIds.push_back(*tokenizer.end);
  config.eosOrigins.push_back(tokenizer.endOrigin);
}

void noteEnds(ModelConfig &config) {
  auto say = [&](std::string text) {
    config.notes.push_back({Note::Kind::provenance, "end of text", std::move(text)});
  };
  if (config.eosTokenIds.empty())
    say(config.endsNowhere ? "no id: eos_token_id is null" : "no id");
  static constexpr size_t kShown = 32;
  for (size_t i = 0; i < std::min(config.eosTokenIds.size(), kShown); ++i)
    say(concat("id ", config.eosTokenIds[i], " (", config.eosOrigins[i], ")"));
  if (config.eosTokenIds.size() > kShown)
    say(concat("and ", config.eosTokenIds.size() - kShown, " more ids"));
}

} // namespace quipu::frontend
