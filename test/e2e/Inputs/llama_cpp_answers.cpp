//===- llama_cpp_answers.cpp - What llama.cpp makes of a GGUF file ------------------------===//
//
// test/e2e/check_llama_cpp.py compiles it against llama.cpp's header and library. No part of Quipu is in it.
//
//     llama_cpp_answers MODEL ids [parse-special]     ids of texts
//     llama_cpp_answers MODEL greedy ID,ID,... COUNT  the most likely ids behind a prompt, and then their text
//     llama_cpp_answers MODEL logits ID,ID,... FILE   logits behind each id, as f32
//     llama_cpp_answers MODEL template [NAME]         a chat template
//
// Texts come from standard input, each behind the number of its bytes and a line feed. Ids of a text, with BOS where
// the model asks for it, are a line of the output.
//
//===----------------------------------------------------------------------------------===//

#include "llama.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using Ids = std::vector<llama_token>;

static Ids parseIds(const std::string &text) {
  Ids ids;
  std::istringstream in(text);
  for (std::string number; std::getline(in, number, ',');)
    ids.push_back(std::stoi(number));
  return ids;
}

static void printIds(const Ids &ids) {
  for (size_t i = 0; i < ids.size(); ++i)
    std::cout << (i ? "," : "") << ids[i];
  std::cout << "\n";
}

static void printIdsOfTexts(const llama_vocab *vocab, bool parseSpecial) {
  for (std::string line; std::getline(std::cin, line);) {
    std::string text(std::stoul(line), '\0');
    std::cin.read(text.data(), std::streamsize(text.size()));
    Ids ids(text.size() + 2);
    int32_t count = llama_tokenize(vocab, text.data(), int32_t(text.size()), ids.data(), int32_t(ids.size()),
                                   /*add_special=*/true, parseSpecial);
    if (count < 0)
      throw std::runtime_error("a text has more ids than bytes");
    ids.resize(size_t(count));
    printIds(ids);
  }
}

namespace {
/// A context of a model, with the ids so far in its cache.
class Run {
public:
  Run(llama_model *model, size_t room) : vocabulary(llama_vocab_n_tokens(llama_model_get_vocab(model))) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = uint32_t(room);
    params.n_batch = params.n_ubatch = uint32_t(room);
    params.n_threads = params.n_threads_batch = 2;
    // The cache holds what was computed, so that answers are those of f32.
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    context.reset(llama_init_from_model(model, params));
    if (!context)
      throw std::runtime_error("llama.cpp makes no context");
  }

  /// Logits behind each of the ids.
  std::vector<float> add(const Ids &ids) {
    llama_batch batch = llama_batch_init(int32_t(ids.size()), 0, 1);
    batch.n_tokens = int32_t(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      batch.token[i] = ids[i];
      batch.pos[i] = position++;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = true;
    }
    int status = llama_decode(context.get(), batch);
    llama_batch_free(batch);
    if (status != 0)
      throw std::runtime_error("llama_decode fails");
    std::vector<float> logits;
    for (size_t i = 0; i < ids.size(); ++i) {
      const float *row = llama_get_logits_ith(context.get(), int32_t(i));
      logits.insert(logits.end(), row, row + vocabulary);
    }
    return logits;
  }

private:
  struct Free {
    void operator()(llama_context *context) const { llama_free(context); }
  };
  std::unique_ptr<llama_context, Free> context;
  int32_t vocabulary;
  llama_pos position = 0;
};
} // namespace

static std::string textOf(const llama_vocab *vocab, const Ids &ids) {
  std::string text(ids.size() * 64 + 64, '\0');
  int32_t size = llama_detokenize(vocab, ids.data(), int32_t(ids.size()), text.data(), int32_t(text.size()),
                                  /*remove_special=*/false, /*unparse_special=*/false);
  text.resize(size_t(std::max(size, 0)));
  return text;
}

static void printGreedy(llama_model *model, const Ids &prompt, size_t count) {
  Run run(model, prompt.size() + count);
  int32_t vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  Ids found, next = prompt;
  while (found.size() < count) {
    std::vector<float> logits = run.add(next);
    auto last = logits.end() - vocabulary;
    next = {llama_token(std::max_element(last, logits.end()) - last)};
    found.push_back(next[0]);
  }
  printIds(found);
  std::cout << textOf(llama_model_get_vocab(model), found);
}

static void writeLogits(llama_model *model, const Ids &ids, const char *path) {
  std::vector<float> logits = Run(model, ids.size()).add(ids);
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char *>(logits.data()), std::streamsize(logits.size() * sizeof(float)));
  if (!out.flush())
    throw std::runtime_error(std::string("cannot write ") + path);
}

static void answer(llama_model *model, const std::vector<std::string> &arguments) {
  const std::string &question = arguments.at(0);
  if (question == "ids")
    printIdsOfTexts(llama_model_get_vocab(model), arguments.size() > 1);
  else if (question == "greedy")
    printGreedy(model, parseIds(arguments.at(1)), std::stoul(arguments.at(2)));
  else if (question == "logits")
    writeLogits(model, parseIds(arguments.at(1)), arguments.at(2).c_str());
  else if (question == "template") {
    const char *text = llama_model_chat_template(model, arguments.size() > 1 ? arguments[1].c_str() : nullptr);
    std::cout << (text ? text : "");
  } else
    throw std::runtime_error("unknown question " + question);
}

int main(int argc, char **argv) {
  // Only errors.
  llama_log_set(
      [](ggml_log_level level, const char *text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR)
          fputs(text, stderr);
      },
      nullptr);
  try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    llama_model_params params = llama_model_default_params();
    params.vocab_only = arguments.at(1) == "ids" || arguments.at(1) == "template";
    llama_model *model = llama_model_load_from_file(arguments.at(0).c_str(), params);
    if (!model)
      throw std::runtime_error("llama.cpp refuses " + arguments.at(0));
    answer(model, {arguments.begin() + 1, arguments.end()});
    llama_model_free(model);
    return 0;
  } catch (const std::exception &error) {
    fprintf(stderr, "llama_cpp_answers: %s\n", error.what());
    return 1;
  }
}
