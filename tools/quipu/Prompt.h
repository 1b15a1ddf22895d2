//===- Prompt.h - Where a prompt comes from ---------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_PROMPT_H
#define QUIPU_TOOLS_QUIPU_PROMPT_H

#include "runtime/plan/PlanFile.h"
#include "runtime/text/Tokenizer.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

/// Help of the options that several commands have.
inline constexpr const char *kTokenizerHelp =
    "tokenizer.model, tokenizer.json or tokenizer.bin (llama2.c) to use instead of the model's";
inline constexpr const char *kParseSpecialHelp =
    "Special tokens that the text spells (<|im_start|>, </s>) become tokens; without, they are text as any other";

/// The prompt of `run`: words, a file, or token ids (given or from a file). Without any of these it is standard input.
class PromptSource {
public:
  /// Adds PROMPT, -f, --parse-special, --prompt-tokens, --prompt-tokens-file and --tokenizer.
  void addOptions(CLI::App &command);

  /// The tokenizer of --tokenizer, or else of the plan. Null if there is none.
  std::unique_ptr<Tokenizer> loadTokenizer(const PlanFile &plan) const;

  /// The ids of the prompt. Throws Error if a text needs a tokenizer and there is none, or a file cannot be read.
  std::vector<int32_t> tokens(const Tokenizer *tokenizer, const PlanFile &plan) const;

  /// Throws UsageError if more than one source was given.
  void check() const;

private:
  std::string text() const;

  std::string argument, file, tokenList, tokensFile, tokenizerFile;
  bool parseSpecial = false;
  CLI::Option *argumentOption = nullptr, *fileOption = nullptr, *tokensOption = nullptr, *tokensFileOption = nullptr;
};

/// The token ids of a file, or of standard input for "-". Throws Error.
std::vector<int32_t> readTokens(const std::string &path);

/// The tokenizer that --tokenizer names, for a model of `vocabSize` ids. Its settings come from the files beside
/// it. If there are none, they are the settings of the model's `own` tokenizer, if that is not null. Throws Error.
std::unique_ptr<Tokenizer> loadTokenizerFile(const std::string &path, uint32_t vocabSize, const TokenizerSettings *own);
/// The same for the model of a plan.
std::unique_ptr<Tokenizer> loadTokenizerFile(const std::string &path, const PlanFile &plan);

/// All bytes of a file, or of standard input for "-". Throws Error, also if there are more than any prompt has.
std::string readText(const std::string &path);
/// The same for other texts. `most`: the greatest number of bytes. `advice`: what to do if there are more.
std::string readText(const std::string &path, size_t most, const std::string &advice);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROMPT_H
