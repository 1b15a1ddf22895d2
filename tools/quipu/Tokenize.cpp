//===- Tokenize.cpp - quipu tokenize: text to ids and back -------------------------------===//

#include "runtime/support/Error.h"
#include "runtime/text/Tokenizer.h"
#include "tools/common/Console.h"
#include "tools/common/Escape.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/Prompt.h"
#include "tools/quipu/TextModel.h"

#include <memory>

namespace quipu::tool {

namespace {
struct TokenizeCommand {
  PlanSource source;
  std::string text, file, ids, tokenizerFile;
  CLI::Option *textOption = nullptr, *fileOption = nullptr, *decodeOption = nullptr;
  bool json = false, pieces = false, count = false, noBos = false, parseSpecial = false;

  std::unique_ptr<Tokenizer> load() const;
  int run();
};
} // namespace

std::unique_ptr<Tokenizer> TokenizeCommand::load() const {
  std::unique_ptr<Tokenizer> result = openTextModel(source, tokenizerFile).tokenizer;
  if (!result)
    fail(source.path(), ": has no tokenizer (a tokenizer.model or tokenizer.json); give --tokenizer FILE");
  return result;
}

int TokenizeCommand::run() {
  if (int(textOption->count() > 0) + int(fileOption->count() > 0) + int(decodeOption->count() > 0) > 1)
    throw UsageError("give one of TEXT, --file and --decode");
  std::vector<int32_t> given;
  if (decodeOption->count())
    given = parseTokens("--decode", ids);
  std::unique_ptr<Tokenizer> tokenizer = load();
  if (decodeOption->count()) {
    std::string decoded = tokenizer->decode(given);
    if (json)
      out().write(jsonText({{"ids", given}, {"text", decoded}}, -1));
    else
      out().writeText(decoded);
    out().write("\n");
    return 0;
  }
  if (!textOption->count() || text == "-")
    text = readText(fileOption->count() ? file : "-");
  SpecialTokens special = parseSpecial ? SpecialTokens::asTokens : SpecialTokens::asText;
  std::vector<int32_t> encoded = noBos ? tokenizer->encodePlain(text, special) : tokenizer->encode(text, special);
  if (count && !json) {
    out().write(concat(encoded.size()));
  } else if (json) {
    nlohmann::ordered_json result = {
        {"count", encoded.size()}, {"ids", encoded}, {"pieces", nlohmann::ordered_json::array()}};
    for (int32_t id : encoded)
      result["pieces"].push_back(tokenizer->piece(id));
    out().write(jsonText(result, -1));
  } else if (pieces) {
    for (size_t i = 0; i < encoded.size(); ++i)
      out().write(concat(i ? "\n" : "", encoded[i], "\t", printableLine(tokenizer->piece(encoded[i]))));
  } else {
    out().write(joinTokens(encoded));
  }
  out().write("\n");
  return 0;
}

void addTokenize(CLI::App &program, Action &action) {
  auto state = std::make_shared<TokenizeCommand>();
  CLI::App *command = program.add_subcommand("tokenize", "Ids of a text, or the text of ids");
  command->footer(
      "Example:\n  quipu tokenize models/story \"Once upon a time\"\n  quipu tokenize models/story --decode 1,2,3");
  state->source.addPath(*command, "A compiled plan, or a model, which needs not be compiled for it");
  state->textOption = command
                          ->add_option("TEXT", state->text,
                                       "Text to encode, in one word or several; - is standard input, as it is (the "
                                       "default)")
                          ->type_name(kWords);
  state->fileOption =
      command->add_option("-f,--file", state->file, "Encode this file; - is standard input")->type_name("FILE");
  state->decodeOption = command->add_option("--decode", state->ids, "Token ids to decode, as 1,2,3")->type_name("IDS");
  command->add_option("--tokenizer", state->tokenizerFile, kTokenizerHelp)->type_name("FILE");
  command->add_flag("--no-bos", state->noBos, "Leave out BOS and EOS");
  command->add_flag("--parse-special", state->parseSpecial, kParseSpecialHelp);
  command->add_flag("--pieces", state->pieces, "One line for each id, with its piece");
  command->add_flag("--count", state->count, "Print only how many ids there are");
  command->add_flag("--json", state->json, "Print one object");
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
