//===- ServeTargets.cpp - Requests to quipu serve --------------------------------------------===//

#include "Scratch.h"
#include "Targets.h"

#include "frontends/common/PieceModel.h"
#include "runtime/support/Utf8.h"
#include "tools/quipu/serve/TokenAnswers.h"
#include "tools/quipu/serve/http/HeadCheck.h"
#include "tools/quipu/serve/openai/ApiError.h"
#include "tools/quipu/serve/openai/BodyFields.h"
#include "tools/quipu/serve/openai/TextRequest.h"

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::serve;

namespace quipu::test {

/// A model that knows bytes, with a template that shows roles.
static const ServedModel &servedModel() {
  static const auto made = [] {
    auto model = std::make_unique<ServedModel>();
    std::vector<ScoredPiece> pieces = {
        {"<unk>", 0, PieceType::unknown}, {"<s>", 0, PieceType::control}, {"</s>", 0, PieceType::control}};
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      snprintf(name, sizeof(name), "<0x%02X>", byte);
      pieces.push_back({name, 0, PieceType::byte});
    }
    pieces.push_back({"a", -1, PieceType::normal});
    TokenizerData data;
    data.name = "tokenizer";
    data.model = sentencePieceModelOf(pieces, PieceModelSettings(), data.name);
    model->tokenizer = Tokenizer::fromData(std::move(data));
    model->names = {"model"};
    model->contextTokens = 100;
    model->vocabSize = uint32_t(model->tokenizer->size());
    model->format.emplace(
        ChatTemplate{"default", "{% for m in messages %}<s>{{ m.role }}:{{ m.content }}</s>{% endfor %}", "template"},
        model->tokenizer.get());
    return model;
  }();
  return *made;
}

/// What a client must see of a refusal.
template <typename Read> static void refuses(Read read) {
  try {
    accepts(read);
  } catch (const ApiError &error) {
    require(error.status >= 400 && error.status < 500 && error.what()[0], "a refusal says why");
    require(!firstInvalidByte(errorAnswer(error).body), "a refusal has whole characters");
  }
}

static void checkRequest(const TextRequest &request) {
  const ServedModel &model = servedModel();
  require(!request.prompts.empty() && request.n >= 1 && request.shared.samples >= request.n,
          "there is something to do");
  require(request.prompts.size() * request.shared.samples <= model.mostSamples, "answers have a limit");
  for (const std::vector<int32_t> &prompt : request.prompts) {
    require(!prompt.empty(), "a prompt has ids");
    for (int32_t id : prompt)
      require(id >= 0 && uint32_t(id) < model.vocabSize, "ids are in the vocabulary");
  }
  request.shared.sampling.base.check();
}

/// A body of every endpoint.
static void textRequest(std::string_view input) {
  refuses([&] {
    nlohmann::json body = parseBody(input);
    refuses([&] { checkRequest(parseCompletion(body, servedModel())); });
    refuses([&] { checkRequest(parseChat(body, servedModel())); });
    refuses([&] { (void)tokenizeAnswer(body, servedModel()); });
    refuses([&] { (void)detokenizeAnswer(body, servedModel()); });
  });
}

/// The head of a request, as it comes: whole, and letter by letter.
static void httpHead(std::string_view input) {
  HeadScan whole, parts;
  size_t size = whole.scan(input), found = 0;
  for (size_t i = 1; i <= input.size() && found == 0 && parts.wrong().empty(); ++i)
    found = parts.scan(input.substr(0, i));
  require(size == found && whole.wrong() == parts.wrong(), "a head is the same however it comes");
  require(size == 0 || whole.wrong().empty(), "a head that is wrong has no end");
  if (size == 0)
    return;
  std::string_view head = input.substr(0, size);
  require(head.ends_with("\r\n\r\n") && head.find('\0') == head.npos, "a head ends with an empty line");
  for (size_t i = 0; i < head.size(); ++i)
    require(head[i] != '\n' || (i > 0 && head[i - 1] == '\r'), "every line ends with CR and LF");
  (void)pathOf(head);
}

std::span<const FuzzTarget> serveTargets() {
  static constexpr FuzzTarget kTargets[] = {{"text_request", textRequest}, {"http_head", httpHead}};
  return kTargets;
}

} // namespace quipu::test
