//===- Convert.cpp - quipu convert: one format to another --------------------------------===//

#include "frontends/convert/Conversion.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"

#include <filesystem>
#include <map>
#include <memory>

namespace fs = std::filesystem;

namespace quipu::tool {

namespace {
struct ConvertCommand {
  std::string model, output, dtype, quantize;
  uint32_t shardMegabytes = 5000;
  bool withoutTokenizer = false, verbose = false;

  convert::ConvertOptions options(bool toGguf) const;
  int run() const;
};
} // namespace

convert::ConvertOptions ConvertCommand::options(bool toGguf) const {
  convert::ConvertOptions options;
  options.dtype = frontend::dtypeNamed(dtype);
  if (!quantize.empty()) {
    if (!toGguf)
      throw UsageError("--quantize " + quantize +
                       " gives blocks, which only GGUF files have: name a file that ends in .gguf with -o");
    options.quantize = frontend::QuantizeMix::find(quantize);
  }
  options.shardBytes = uint64_t(shardMegabytes) * 1'000'000;
  options.withoutTokenizer = withoutTokenizer;
  return options;
}

/// Which formats became others: "210 tensors of q4_1 to f32".
static std::string changesText(const convert::ConvertReport &report) {
  std::map<std::pair<std::string_view, std::string_view>, std::pair<size_t, convert::RoundingError>> changes;
  for (const convert::RoundedTensor &tensor : report.changed) {
    auto &[count, error] = changes[{tensor.from->name, tensor.to->name}];
    ++count;
    error.add(tensor.error);
  }
  std::string text;
  for (const auto &[formats, change] : changes) {
    const auto &[count, error] = change;
    text += concat("; ", count, count == 1 ? " tensor" : " tensors", " of ", formats.first, " became ", formats.second,
                   error.errors == 0 ? " with the same values"
                                     : concat(", with an error of ", fixed(100 * error.relative(), 3),
                                              " % (root mean square, of that of the weights)"));
  }
  return text;
}

int ConvertCommand::run() const {
  bool toGguf = fs::path(output).extension() == ".gguf";
  convert::ConvertOptions options = this->options(toGguf);
  frontend::Model opened = frontend::openModel(model);
  for (const frontend::Note &note : opened.config.notes)
    if (verbose || note.kind == frontend::Note::Kind::warning)
      printNote(concat(note.kind == frontend::Note::Kind::warning ? "warning: " : "", model, ": ", note.field, ": ",
                       note.text));
  if (!opened.weights)
    fail(model, ": is a config without weights; give the folder that has them");
  if (options.quantize)
    if (std::string fallbacks = frontend::describeFallbacks(opened.config, *options.quantize); !fallbacks.empty())
      printNote(concat(model, ": ", fallbacks));
  convert::ConvertReport report =
      toGguf ? convert::writeGguf(opened, options, output) : convert::writeHuggingFace(opened, model, options, output);
  for (const std::string &remark : report.notes)
    printNote(concat("warning: ", model, ": ", remark));
  if (verbose && !report.changed.empty())
    printText(convert::tableOf(report.changed) + "\n");
  printNote(
      concat(output, ": ", report.tensors, " tensors of ", decimalBytes(double(report.bytes)), changesText(report)));
  return 0;
}

void addConvert(CLI::App &program, Action &action) {
  auto state = std::make_shared<ConvertCommand>();
  CLI::App *command =
      program.add_subcommand("convert", "Write a model in another format: GGUF, or a Hugging Face folder");
  command->footer("Example:\n  quipu convert model.gguf -o folder\n  quipu convert folder -o model.gguf --quantize "
                  "q4_k_m\n\nTensors keep their formats unless --dtype or --quantize is given. What the target has no "
                  "format for becomes f32, which holds the same values.");
  command
      ->add_option("-m,--model,MODEL", state->model,
                   "A Hugging Face folder, a GGUF file, a folder in Meta's layout, or a llama2.c .bin")
      ->required()
      ->option_text("FILE");
  command->add_option("-o,--output", state->output, "A new folder, or a file that ends in .gguf")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--dtype", state->dtype,
                   "Convert all tensors to this type (in a GGUF file all matrices; norms and biases are f32 there)")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  command
      ->add_option("--quantize", state->quantize,
                   "For GGUF: round matrices, the embedding and the head among them, to this format, or to the formats "
                   "of this mixture")
      ->check(CLI::IsMember(frontend::QuantizeMix::names()));
  addNumber(*command, "--shard-size", state->shardMegabytes,
            "Most megabytes of a safetensors file, after which another one begins", 1)
      ->capture_default_str();
  command->add_flag("--without-tokenizer", state->withoutTokenizer, "Leave the tokenizer out");
  command->add_flag("-v,--verbose", state->verbose, "Say how the config was resolved, and list what was rounded");
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
