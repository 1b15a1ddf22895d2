//===- DataFile.h - The lines of a data file ----------------------------------*- C++ -*-===//
//
// A data file has one JSON object a line. Its fields say what it is:
//
//   {"prompt": TEXT, "response": TEXT}                    a pair
//   {"messages": [{"role": TEXT, "content": TEXT}, ...]}  a conversation
//   {"context": TEXT, "choices": [TEXT, ...], "answer": N}  a question; N counts from 0
//
// Fields of other names (an id, a source) are ignored, unless they would change what is scored.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SCORE_DATAFILE_H
#define QUIPU_RUNTIME_SCORE_DATAFILE_H

#include "runtime/chat/Conversation.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace quipu {

struct Pair {
  std::string prompt, response;
};

struct Conversation {
  std::vector<ChatMessage> messages;
};

struct Question {
  std::string context;
  std::vector<std::string> choices;
  size_t answer = 0;
};

struct DataLine {
  /// From 1.
  size_t number = 0;
  std::variant<Pair, Conversation, Question> content;
};

/// The lines of a data file; empty lines are left out. `name`: the file in messages. Throws Error for the first line
/// that is wrong, with its number, the field and what to do, for a file without lines, and for a file with questions
/// and other lines.
std::vector<DataLine> readDataLines(std::string_view text, const std::string &name);

/// "FILE: line 7", for messages.
std::string lineName(const std::string &name, size_t number);

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_DATAFILE_H
