//===- Prompt.cpp - Where a prompt comes from --------------------------------------------===//

#include "tools/quipu/Prompt.h"
#include "frontends/common/Model.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu::tool {

/// Bytes. It is longer than any context. With this limit an endless input gives an error, and does not take all memory.
static constexpr size_t kMaxText = size_t(256) << 20;

void PromptSource::addOptions(CLI::App &command) {
  argumentOption = command
                       .add_option("-p,--prompt,PROMPT", argument,
                                   "Text to continue, in one word or several; - is standard input (the default)")
                       ->type_name(kWords);
  fileOption =
      command.add_option("-f,--file", file, "Read the prompt from this file; - is standard input")->type_name("FILE");
  tokensOption =
      command.add_option("--prompt-tokens", tokenList, "Token ids instead of text, as 1,2,3")->type_name("IDS");
  tokensFileOption = command
                         .add_option("--prompt-tokens-file", tokensFile,
                                     "Read them from this file, with commas, blanks or line ends between them")
                         ->type_name("FILE");
  command.add_flag("--parse-special", parseSpecial, kParseSpecialHelp);
  command.add_option("--tokenizer", tokenizerFile, kTokenizerHelp)->type_name("FILE");
}

void PromptSource::check() const {
  size_t sources = 0;
  for (const CLI::Option *option : {argumentOption, fileOption, tokensOption, tokensFileOption})
    sources += option->count() > 0;
  if (sources > 1)
    throw UsageError("more than one prompt: give one of PROMPT, --file, --prompt-tokens and --prompt-tokens-file");
}

std::unique_ptr<Tokenizer> PromptSource::loadTokenizer(const PlanFile &plan) const {
  if (tokenizerFile.empty())
    return Tokenizer::fromPlan(plan.plan(), plan.path());
  return loadTokenizerFile(tokenizerFile, plan);
}

std::unique_ptr<Tokenizer> loadTokenizerFile(const std::string &path, const PlanFile &plan) {
  TokenizerSettings own;
  const plan::Tokenizer *tokenizer = plan.plan().tokenizer();
  if (tokenizer) {
    own.addBos = tokenizer->add_bos();
    own.addEos = tokenizer->add_eos();
  }
  return loadTokenizerFile(path, plan.plan().config()->vocab_size(), tokenizer ? &own : nullptr);
}

std::unique_ptr<Tokenizer> loadTokenizerFile(const std::string &path, uint32_t vocabSize,
                                             const TokenizerSettings *own) {
  std::vector<frontend::Note> notes;
  TokenizerData data = frontend::openTokenizer(path, vocabSize, notes).data;
  for (const frontend::Note &note : notes)
    if (note.kind == frontend::Note::Kind::warning)
      printNote(concat("warning: ", path, ": ", note.field, ": ", note.text));
  std::error_code error;
  // A tokenizer.json says it by itself.
  bool saysNothing = std::holds_alternative<SentencePieceData>(data.model);
  if (own && saysNothing &&
      !std::filesystem::exists(std::filesystem::path(path).parent_path() / "tokenizer_config.json", error)) {
    data.settings.addBos = own->addBos;
    data.settings.addEos = own->addEos;
  }
  return Tokenizer::fromData(std::move(data));
}

std::vector<int32_t> PromptSource::tokens(const Tokenizer *tokenizer, const PlanFile &plan) const {
  if (tokensOption->count())
    return parseTokens("--prompt-tokens", tokenList);
  if (tokensFileOption->count())
    return readTokens(tokensFile);
  if (!tokenizer)
    fail(plan.path(), ": carries no tokenizer, so a prompt of text cannot be read; give --tokenizer FILE, or "
                      "--prompt-tokens IDS");
  std::string prompt = text();
  uint32_t most = plan.plan().kv_cache()->max_seq();
  if (tokenizer->isLongerThan(prompt, most))
    fail("a prompt of ", prompt.size(), " bytes does not fit: the plan was compiled for sequences of at most ", most,
         " tokens, and its text has more whatever they are; shorten it");
  return tokenizer->encode(prompt, parseSpecial ? SpecialTokens::asTokens : SpecialTokens::asText);
}

std::string PromptSource::text() const {
  if (argumentOption->count() && argument != "-")
    return argument;
  if (!fileOption->count() && isatty(STDIN_FILENO))
    printNote("reading the prompt from the terminal; end it with Ctrl-D");
  std::string result = readText(fileOption->count() ? file : "-");
  // Editors and echo put a line end at the end. It is not part of the prompt.
  if (result.ends_with('\n'))
    result.pop_back();
  if (result.ends_with('\r'))
    result.pop_back();
  return result;
}

std::vector<int32_t> readTokens(const std::string &path) {
  try {
    return parseTokens(path == "-" ? "standard input" : path, readText(path));
  } catch (const UsageError &error) {
    // The error is in the file, not on the command line.
    throw Error(error.what());
  }
}

std::string readText(const std::string &path) { return readText(path, kMaxText, "which no prompt is"); }

std::string readText(const std::string &path, size_t most, const std::string &advice) {
  std::string name = path == "-" ? "standard input" : path;
  int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail(name, ": cannot read", errnoSuffix(errno));
  if (struct stat status; fstat(fd, &status) == 0)
    noteInput(name, status);
  std::string result;
  char buffer[65536];
  int error = 0;
  while (result.size() <= most) {
    ssize_t count = readSome(fd, buffer, sizeof(buffer));
    if (count < 0)
      error = errno;
    if (count <= 0)
      break;
    result.append(buffer, size_t(count));
  }
  if (path != "-")
    close(fd);
  if (error)
    fail(name, ": cannot read", errnoSuffix(error));
  if (result.size() > most)
    fail(name, ": longer than ", binaryBytes(double(most)), ", ", advice);
  return result;
}

} // namespace quipu::tool
