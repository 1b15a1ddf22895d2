//===- SamplingFlags.cpp - How tokens are chosen, on the command line --------------------===//

#include "tools/quipu/SamplingFlags.h"
#include "runtime/support/Error.h"
#include "tools/quipu/Command.h"

#include <random>

namespace quipu::tool {

void SamplingFlags::addOptions(CLI::App &command, const std::string &lengthText) {
  SamplingOptions &sampling = given.sampling;
  addNumber(command, "-n,--max-tokens", maxTokens, lengthText, -1, UINT32_MAX)->capture_default_str();
  addNumber(command, "--temperature,--temp", sampling.temperature, "0: the most likely token each time", 0)
      ->capture_default_str();
  addNumber(command, "--top-k", sampling.topK, "Keep the K most likely tokens; 0: all")->capture_default_str();
  addNumber(command, "--top-p", sampling.topP, "Keep the most likely tokens that sum to P", 0, 1)
      ->capture_default_str();
  addNumber(command, "--min-p", sampling.minP, "Keep tokens at least P times as likely as the likeliest", 0, 1)
      ->capture_default_str();
  addNumber(command, "--repeat-penalty", sampling.repeatPenalty, "Divide the logits of recent tokens; 1: off", 0)
      ->capture_default_str();
  addNumber(command, "--repeat-window", sampling.repeatWindow, "How many recent tokens that concerns")
      ->capture_default_str();
  addNumber(command, "-s,--seed", seed,
            "Same seed, same text (default: another one each time, which the summary names)");
  command.add_option("--stop", given.stop, "End before this text; may be given several times")
      ->allow_extra_args(false)
      ->option_text("TEXT");
  command.add_flag("--ignore-eos", given.ignoreEos, "Do not stop at the end-of-text token");
  addNumber(command, "--chunk", given.chunkRows, "Tokens of the prompt at once (default: as many as the plan takes)",
            1);
}

GenerateOptions SamplingFlags::options() const {
  if (maxTokens == 0)
    throw UsageError("--max-tokens 0 leaves nothing to do; expected a number from 1, or -1: until the end of the text "
                     "or the context");
  GenerateOptions options = given;
  options.maxTokens = maxTokens < 0 ? 0 : uint32_t(maxTokens);
  // The seed has few digits, so that it is easy to type again.
  options.sampling.seed = seed ? *seed : std::random_device()();
  try {
    options.sampling.check();
  } catch (const Error &error) {
    throw UsageError(error.what());
  }
  return options;
}

} // namespace quipu::tool
