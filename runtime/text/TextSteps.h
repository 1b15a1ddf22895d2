//===- TextSteps.h - Normalising a text and dividing it into words --*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_TEXTSTEPS_H
#define QUIPU_RUNTIME_TEXT_TEXTSTEPS_H

#include "runtime/abi/BpeData.h"
#include "runtime/support/Regex.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// The steps of a tokenizer, ready to be run. Sources of the rules: huggingface/tokenizers, normalizers/ and
/// pre_tokenizers/, and NormalizedString::split.
class TextSteps {
public:
  TextSteps() = default;
  /// Throws Error that begins with `name` for a regular expression that is none.
  TextSteps(const std::vector<TextStep> &steps, const std::string &name);

  using Sink = std::function<void(std::string_view)>;

  /// Gives the parts of `text` to `sink`, in order; none is empty. `atStart`: the text is the beginning of the whole
  /// text. The parts live as long as the call.
  void run(std::string_view text, bool atStart, const Sink &sink) const { runFrom(0, text, atStart, sink); }

  /// The text as steps that do not divide it leave it.
  std::string apply(std::string_view text, bool atStart) const;

  bool empty() const { return steps.empty(); }

private:
  struct Compiled {
    TextStep step;
    std::optional<Regex> regex;
  };

  void runFrom(size_t index, std::string_view text, bool atStart, const Sink &sink) const;
  std::string changed(const Compiled &compiled, std::string_view text, bool atStart) const;

  std::vector<Compiled> steps;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_TEXTSTEPS_H
