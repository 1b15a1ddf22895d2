//===- DecisionRecord.cpp - What passes decided, for a plan ----------------===//

#include "tools/quipu-compile/DecisionRecord.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace quipu::tool {

/// What stands before the number of a layer in a place.
static constexpr llvm::StringLiteral kLayers = "layers.";

namespace {
/// Texts without the numbers of layers, and the number, if all have the same one.
class LayerFolding {
public:
  std::string fold(llvm::StringRef text) {
    std::string folded;
    for (size_t at = text.find(kLayers); at != llvm::StringRef::npos; at = text.find(kLayers)) {
      llvm::StringRef rest = text.drop_front(at + kLayers.size());
      llvm::StringRef digits = rest.take_while(llvm::isDigit);
      folded += text.take_front(at + kLayers.size());
      unsigned number = 0;
      if (!digits.getAsInteger(10, number)) {
        isOne &= !layer || *layer == number;
        layer = number;
        folded += "{}";
      }
      text = rest.drop_front(digits.size());
    }
    return folded + text.str();
  }

  std::optional<unsigned> layer;
  bool isOne = true;
};
} // namespace

/// The same decision without its layer. Nothing changes if it is about several.
static std::optional<unsigned> foldLayer(llama::Decision &decision) {
  LayerFolding folding;
  llama::Decision folded = decision;
  for (std::string &name : folded.names)
    name = folding.fold(name);
  folded.text = folding.fold(folded.text);
  if (!folding.isOne)
    return std::nullopt;
  decision = std::move(folded);
  return folding.layer;
}

static std::string keyOf(const llama::Decision &decision) {
  // No text has this character.
  auto parts = llvm::to_vector(decision.names);
  parts.append({decision.pass, decision.program, decision.kernel, decision.aspect, decision.candidate, decision.text,
                std::to_string(static_cast<int>(decision.verdict))});
  return llvm::join(parts, std::string(1, '\0'));
}

void DecisionRecord::add(llama::Decision decision) {
  for (std::string *name : {&decision.program, &decision.kernel})
    if (!name->empty())
      *name = prefix + *name;
  std::optional<unsigned> layer = foldLayer(decision);
  auto [number, isNew] = numbers.try_emplace(keyOf(decision), entries.size());
  if (isNew)
    entries.push_back({std::move(decision), {}});
  std::vector<unsigned> &layers = entries[number->second].layers;
  if (layer && !llvm::is_contained(layers, *layer))
    layers.push_back(*layer);
}

static const char *nameOf(llama::Verdict verdict) {
  switch (verdict) {
  case llama::Verdict::Chosen:
    return "chosen";
  case llama::Verdict::Refused:
    return "refused";
  case llama::Verdict::Considered:
  case llama::Verdict::None:
    break;
  }
  return "considered";
}

DecisionRecord::Json DecisionRecord::json() const {
  Json list = Json::array();
  for (const auto &[decision, layers] : entries) {
    Json entry = {{"pass", decision.pass},     {"program", decision.program},
                  {"kernel", decision.kernel}, {"names", decision.names},
                  {"layers", layers},          {"text", decision.text}};
    if (decision.verdict != llama::Verdict::None) {
      entry["aspect"] = decision.aspect;
      entry["candidate"] = decision.candidate;
      entry["verdict"] = nameOf(decision.verdict);
    }
    list.push_back(std::move(entry));
  }
  return list;
}

} // namespace quipu::tool
