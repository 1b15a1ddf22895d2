//===- TextSteps.cpp - Normalising a text and dividing it into words ---------------------------===//

#include "runtime/text/TextSteps.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/UnicodeNormal.h"

namespace quipu {

TextSteps::TextSteps(const std::vector<TextStep> &list, const std::string &name) {
  for (const TextStep &step : list) {
    Compiled &compiled = steps.emplace_back(step, std::nullopt);
    bool looks = step.kind == TextStep::Kind::replace || step.kind == TextStep::Kind::split;
    if (looks && step.isRegex)
      compiled.regex.emplace(step.pattern, name);
  }
}

/// Calls `found(begin, end)` for each place of a pattern, from left to right.
template <typename Found>
static void forEachPlace(const TextStep &step, const std::optional<Regex> &regex, std::string_view text, Found found) {
  if (regex) {
    Regex::Search search(*regex, text);
    while (std::optional<TextRange> place = search.next())
      found(place->begin, place->end);
    return;
  }
  for (size_t at = 0; (at = text.find(step.pattern, at)) != std::string_view::npos; at += step.pattern.size())
    found(at, at + step.pattern.size());
}

namespace {

/// Joins what a split has found, and what lies between, into parts. A part that a neighbour may still join is held
/// back.
template <typename Emit> class Joiner {
public:
  Joiner(SplitBehavior behavior, std::string_view text, Emit &emit) : behavior(behavior), text(text), emit(emit) {}

  void take(size_t begin, size_t end, bool isFound) {
    if (begin == end)
      return;
    if (isHeld && joins(isFound)) {
      held.end = end;
      // What has grown by one place does not take a second one.
      heldIsFound = isFound || behavior == SplitBehavior::mergedWithPrevious;
      if (behavior == SplitBehavior::mergedWithNext)
        heldIsFound = false;
      return;
    }
    finish();
    if (isFound && behavior == SplitBehavior::removed)
      return;
    held = {begin, end};
    heldIsFound = isFound;
    isHeld = true;
  }

  void finish() {
    if (isHeld)
      emit(text.substr(held.begin, held.end - held.begin));
    isHeld = false;
  }

private:
  bool joins(bool isFound) const {
    switch (behavior) {
    case SplitBehavior::removed:
    case SplitBehavior::isolated:
      return false;
    case SplitBehavior::mergedWithPrevious:
      return isFound && !heldIsFound;
    case SplitBehavior::mergedWithNext:
      return !isFound && heldIsFound;
    case SplitBehavior::contiguous:
      return isFound == heldIsFound;
    }
    return false;
  }

  const SplitBehavior behavior;
  const std::string_view text;
  Emit &emit;
  TextRange held;
  bool isHeld = false;
  bool heldIsFound = false;
};

} // namespace

template <typename Emit>
static void split(const TextStep &step, const std::optional<Regex> &regex, std::string_view text, Emit emit) {
  Joiner<Emit> joiner(step.behavior, text, emit);
  size_t open = 0;
  forEachPlace(step, regex, text, [&](size_t begin, size_t end) {
    joiner.take(open, begin, step.invert);
    joiner.take(begin, end, !step.invert);
    open = end;
  });
  joiner.take(open, text.size(), step.invert);
  joiner.finish();
}

static std::string replaced(const TextStep &step, const std::optional<Regex> &regex, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t open = 0;
  forEachPlace(step, regex, text, [&](size_t begin, size_t end) {
    out += text.substr(open, begin - open);
    out += step.content;
    open = end;
  });
  return out += text.substr(open);
}

static std::string_view stripped(const TextStep &step, std::string_view text) {
  while (step.left && !text.empty() && isWhiteSpace(codePointAt(text)))
    text.remove_prefix(characterLength(text));
  while (step.right && !text.empty()) {
    size_t last = text.size() - 1;
    while (last > 0 && (uint8_t(text[last]) & 0xc0) == 0x80)
      --last;
    if (!isWhiteSpace(codePointAt(text.substr(last))))
      break;
    text = text.substr(0, last);
  }
  return text;
}

std::string TextSteps::changed(const Compiled &compiled, std::string_view text, bool atStart) const {
  const TextStep &step = compiled.step;
  switch (step.kind) {
  case TextStep::Kind::replace:
    return replaced(step, compiled.regex, text);
  case TextStep::Kind::prepend: {
    bool isWanted =
        !text.empty() && (!step.unlessThere || !text.starts_with(step.content)) && (!step.onlyAtStart || atStart);
    return (isWanted ? step.content : "") + std::string(text);
  }
  case TextStep::Kind::strip:
    return std::string(stripped(step, text));
  case TextStep::Kind::lowercase:
    return lowerCase(text);
  case TextStep::Kind::nfc:
    return normalForm(text, NormalForm::nfc);
  case TextStep::Kind::nfd:
    return normalForm(text, NormalForm::nfd);
  case TextStep::Kind::nfkc:
    return normalForm(text, NormalForm::nfkc);
  case TextStep::Kind::nfkd:
    return normalForm(text, NormalForm::nfkd);
  case TextStep::Kind::split:
    break;
  }
  return std::string(text);
}

void TextSteps::runFrom(size_t index, std::string_view text, bool atStart, const Sink &sink) const {
  if (text.empty())
    return;
  if (index == steps.size())
    return sink(text);
  const Compiled &compiled = steps[index];
  if (compiled.step.kind != TextStep::Kind::split)
    return runFrom(index + 1, changed(compiled, text, atStart), atStart, sink);
  split(compiled.step, compiled.regex, text,
        [&](std::string_view part) { runFrom(index + 1, part, atStart && part.data() == text.data(), sink); });
}

std::string TextSteps::apply(std::string_view text, bool atStart) const {
  std::string result(text);
  for (const Compiled &compiled : steps)
    result = changed(compiled, result, atStart);
  return result;
}

} // namespace quipu
